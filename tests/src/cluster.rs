//! A coordinator and its workers as separate processes, each of which can be stopped and started.

use crate::program;
use crate::running::{Running, free_address};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A cluster, whose processes are killed when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    experiment: PathBuf,
    /// The coordinator's address for workers.
    listen: SocketAddr,
    /// The coordinator's HTTP address for people.
    pub http: SocketAddr,
    settings: Vec<(String, String)>,
    coordinator: Running,
    workers: Vec<Running>,
}

/// A response to an HTTP request.
#[derive(Debug)]
pub struct Answer {
    /// The status code; 200 without an error.
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Cluster {
    /// Starts a coordinator for `experiment`, and `workers` workers, with `settings` in their environment.
    ///
    /// # Panics
    /// If a process cannot be started.
    #[must_use]
    pub fn start(experiment: &Path, workers: usize, settings: &[(&str, &str)]) -> Self {
        let (listen, http) = (free_address(), free_address());
        let settings: Vec<_> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let coordinator = coordinator(experiment, listen, http, &settings);
        let workers = (0..workers).map(|number| worker(experiment, listen, number, &settings)).collect();
        Self { experiment: experiment.to_owned(), listen, http, settings, coordinator, workers }
    }

    /// Kills the coordinator.
    ///
    /// # Panics
    /// If waiting for it fails.
    pub fn kill_coordinator(&mut self) {
        self.coordinator.kill();
    }

    /// Starts the coordinator again; it continues from the newest checkpoint.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn restart_coordinator(&mut self) {
        self.coordinator = coordinator(&self.experiment, self.listen, self.http, &self.settings);
    }

    /// The process of the coordinator.
    #[must_use]
    pub fn coordinator(&self) -> u32 {
        self.coordinator.id()
    }

    /// Waits for the coordinator's end, at most a minute; returns its exit code and the log.
    ///
    /// # Panics
    /// If it does not end.
    #[must_use]
    pub fn coordinator_ended(self) -> (Option<i32>, String) {
        let (status, log) = self.coordinator.ended();
        (status.code(), log)
    }

    /// The process of worker number `number`.
    #[must_use]
    pub fn worker(&self, number: usize) -> u32 {
        self.workers[number].id()
    }

    /// Sends an HTTP request to the coordinator; `None` if it does not answer.
    #[must_use]
    pub fn ask(&self, path: &str, headers: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.http).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.http)
            .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
    }

    /// Waits up to a minute until `condition` holds for `/api/status`, and returns this.
    ///
    /// # Panics
    /// If it does not hold in time; the message shows the newest answer and the log.
    #[must_use]
    pub fn status_when(&self, what: &str, headers: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let mut newest = Value::Null;
        let started = std::time::Instant::now();
        while started.elapsed() < Duration::from_secs(60) {
            if let Some(answer) = self.ask("/api/status", headers)
                && let Ok(status) = serde_json::from_str(&answer.body)
            {
                newest = status;
                if condition(&newest) {
                    return newest;
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = std::fs::read_to_string(self.experiment.with_extension("log")).unwrap_or_default();
        panic!("waited a minute for {what}\n{newest:#}\n{log}");
    }
}

fn coordinator(
    experiment: &Path,
    listen: SocketAddr,
    http: SocketAddr,
    settings: &[(String, String)],
) -> Running {
    let mut command = Command::new(program("coordinator"));
    command.arg(experiment).arg(format!("--listen={listen}")).arg(format!("--metrics={http}"));
    Running::start(command.arg("--resume").envs(settings.iter().cloned()), &experiment.with_extension("log"))
}

fn worker(experiment: &Path, listen: SocketAddr, number: usize, settings: &[(String, String)]) -> Running {
    let mut command = Command::new(program("worker"));
    command.arg(format!("--coordinator=http://{listen}")).arg(format!("--identity=worker-{number}"));
    Running::start(
        command.arg("--threads=1").envs(settings.iter().cloned()),
        &experiment.with_extension("log"),
    )
}
