//! A real Prometheus and its `promtool`, from Debian's package.

use crate::running::{Running, free_address};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The path of a program of Debian's package `prometheus`.
///
/// # Panics
/// If `STENTOR_PROMETHEUS` does not name the folder of the programs.
#[must_use]
pub fn prometheus_program(name: &str) -> PathBuf {
    let folder = std::env::var("STENTOR_PROMETHEUS")
        .expect("STENTOR_PROMETHEUS: run these tests by `cargo xtask test`");
    let path = PathBuf::from(folder).join(name);
    assert!(path.is_file(), "{} is not there", path.display());
    path
}

/// Returns the body of a GET request.
///
/// # Errors
/// A message, if there is no response, or its status is not 200.
pub fn get(port: u16, path: &str) -> Result<String, String> {
    let exchange = || {
        let mut connection = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        connection.set_read_timeout(Some(Duration::from_secs(30)))?;
        // With version 1.0 the response ends with the connection and is not chunked.
        write!(connection, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = exchange().map_err(|error| format!("port {port}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {answer}"))?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(format!("{status}\n{body}"))
    }
}

/// A running Prometheus, which is killed when it is dropped.
#[derive(Debug)]
pub struct Prometheus {
    process: Running,
    port: u16,
}

impl Prometheus {
    /// Starts Prometheus in `folder`. It scrapes `targets` (job and port) twice a second and evaluates the rules in
    /// `rules`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(folder: &Path, targets: &[(&str, u16)], rules: &Path) -> Prometheus {
        let mut config = format!(
            "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  evaluation_interval: 1s\nrule_files: ['{}']\nscrape_configs:\n",
            rules.display()
        );
        let mut jobs: Vec<&str> = targets.iter().map(|(job, _)| *job).collect();
        jobs.dedup();
        for job in jobs {
            let of_job = targets.iter().filter(|(name, _)| *name == job);
            let ports: Vec<_> = of_job.map(|(_, port)| format!("'127.0.0.1:{port}'")).collect();
            let ports = ports.join(", ");
            config += &format!("  - job_name: {job}\n    static_configs: [{{ targets: [{ports}] }}]\n");
        }
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let port = free_address().port();
        let process = Running::start(
            Command::new(prometheus_program("prometheus"))
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}")),
            &folder.join("prometheus.log"),
        );
        Prometheus { process, port }
    }

    /// Whether it scrapes this many targets; it begins to do so some seconds after it has begun to answer.
    #[must_use]
    pub fn scrapes(&self, targets: usize) -> bool {
        get(self.port, "/-/ready").is_ok()
            && self.ask("targets")["activeTargets"].as_array().is_some_and(|active| active.len() == targets)
    }

    /// The `data` of a response of its API; `path` is below `/api/v1/`.
    ///
    /// # Panics
    /// If it does not respond, or responds with an error.
    #[must_use]
    pub fn ask(&self, path: &str) -> serde_json::Value {
        let body = get(self.port, &format!("/api/v1/{path}"))
            .unwrap_or_else(|problem| panic!("{path}: {problem}\n{}", self.process.log()));
        let mut answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// The values of a query over a range of time, one per second, of all series together; only those that are
    /// numbers.
    ///
    /// # Panics
    /// As [`Prometheus::ask`].
    #[must_use]
    pub fn numbers(&self, query: &str, from: f64, to: f64) -> Vec<f64> {
        let answer = self.ask(&format!("query_range?query={}&start={from}&end={to}&step=1", encoded(query)));
        let series = answer["result"].as_array().unwrap().iter();
        let values = series.flat_map(|series| series["values"].as_array().unwrap());
        let numbers = values.map(|value| value[1].as_str().unwrap().parse::<f64>().unwrap());
        numbers.filter(|number| number.is_finite()).collect()
    }
}

/// Escapes everything that is not a letter or digit for a URL.
#[must_use]
pub fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(one).collect()
}
