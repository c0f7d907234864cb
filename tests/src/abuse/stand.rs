use crate::running::{Running, free_address};
use crate::{corpus, events, program, wait_for, write_experiment};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// More rounds than any case waits for.
const LONG: &str = "[schedule]\npasses = 10000\nlearning_rate = 0.001\n[checkpoint]\ncount = 2\n[exchange]\nstrategy = \"gtc\"\n\
                    [cluster]\nworkers = 2\n";

/// A running cluster with certificates, an operators' token and two workers; its processes are killed when it is dropped.
#[derive(Debug)]
pub struct Stand {
    folder: TempDir,
    coordinator: Running,
    workers: Vec<Running>,
    /// The coordinator's address for members.
    pub listen: SocketAddr,
    /// The coordinator's address for scrapers and people.
    pub http: SocketAddr,
    /// Values of a frame of features.
    pub(super) inputs: usize,
    /// Memberships that are meant to be lost.
    pub(super) liars: BTreeSet<u64>,
}

impl Stand {
    /// Starts it, and waits until rounds close.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        let (folder, manifest) = corpus();
        let experiment = write_experiment(folder.path(), "run", LONG);
        let mut certs = Command::new(program("stentor"));
        certs.args(["certs", "--cluster", "tests", "--host", "127.0.0.1", "--out"]);
        assert!(certs.arg(folder.path().join("tls")).output().unwrap().status.success());
        let (listen, http) = (free_address(), free_address());
        let mut coordinator = Command::new(program("coordinator"));
        coordinator.arg(&experiment).arg("--tls").arg(folder.path().join("tls/coordinator"));
        coordinator.args([format!("--listen={listen}"), format!("--metrics={http}")]);
        coordinator.env("STENTOR_TOKEN", "a-token-that-nobody-else-has");
        let coordinator = Running::start(&mut coordinator, &folder.path().join("coordinator.log"));
        let (inputs, liars) = (manifest.dimension, BTreeSet::new());
        let mut stand = Self { folder, coordinator, workers: Vec::new(), listen, http, inputs, liars };
        stand.start_worker();
        stand.start_worker();
        wait_for("the first rounds", || stand.round().is_some_and(|round| round > 2));
        stand
    }

    /// A role's folder with certificates.
    #[must_use]
    pub fn tls(&self, role: &str) -> PathBuf {
        self.folder.path().join("tls").join(role)
    }

    /// The URL of the coordinator.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.listen)
    }

    /// Starts one more valid worker; returns its identity.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_worker(&mut self) -> String {
        let identity = format!("worker-{}", self.workers.len());
        let mut worker = Command::new(program("worker"));
        worker.args(["--threads=1", &format!("--coordinator={}", self.url()), "--identity", &identity]);
        worker.arg("--tls").arg(self.tls("worker"));
        let log = self.folder.path().join(format!("{identity}.log"));
        self.workers.push(Running::start(&mut worker, &log));
        identity
    }

    /// `stentor status` as an admin asks it.
    ///
    /// # Panics
    /// If `stentor` cannot be started.
    #[must_use]
    pub fn ask_status(&self) -> Output {
        let mut status = Command::new(program("stentor"));
        status.args(["status", "--json", "--coordinator", &self.url(), "--tls"]).arg(self.tls("admin"));
        status.output().unwrap()
    }

    fn status(&self) -> Option<Value> {
        let output = self.ask_status();
        if output.status.success() { serde_json::from_slice(&output.stdout).ok() } else { None }
    }

    fn round(&self) -> Option<u64> {
        self.status()?["round"].as_u64()
    }

    /// Whether a worker is a member.
    #[must_use]
    pub fn is_member(&self, identity: &str) -> bool {
        let status = self.status();
        let members = status.as_ref().and_then(|status| status["members"].as_array());
        members.is_some_and(|members| members.iter().any(|member| member["identity"] == identity))
    }

    /// The answer to an HTTP request, or what went wrong.
    pub fn get(&self, path: &str) -> Result<String, std::io::Error> {
        let mut stream = TcpStream::connect_timeout(&self.http, Duration::from_secs(10))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Whether all programs run, and rounds close.
    pub(super) fn goes_on(&mut self) -> bool {
        let Some(before) = self.round() else { return false };
        wait_for("more rounds", || {
            !self.coordinator.is_running() || self.round().is_some_and(|now| now > before + 2)
        });
        self.coordinator.is_running() && self.workers.iter_mut().all(Running::is_running)
    }

    /// How many memberships were lost, without those of liars.
    pub(super) fn members_lost(&self) -> usize {
        let log = self.coordinator.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lost = lines.filter(|line| line["message"] == "member lost");
        lost.filter(|line| !line["session"].as_u64().is_some_and(|one| self.liars.contains(&one))).count()
    }

    /// The coordinator's log.
    pub(super) fn said_by_coordinator(&self) -> String {
        self.coordinator.log()
    }

    /// The coordinator's memory, MB.
    pub(super) fn coordinator_mb(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.coordinator.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// The folder of the run.
    pub(super) fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// The losses of the rounds so far, a frame.
    pub(super) fn losses(&self) -> Vec<f64> {
        let rounds = events(&self.run()).into_iter().filter(|event| event["event"] == "round");
        rounds.filter_map(|round| round["loss"].as_f64()).collect()
    }

    /// What the coordinator said of refused connections and calls, and of members that were lost, each reason once.
    pub(super) fn refusals(&self) -> Vec<String> {
        let log = self.coordinator.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let said = lines.filter_map(|line| {
            let message = line["message"].as_str()?;
            match line["reason"].as_str() {
                Some(reason) if ["contribution refused", "member lost"].contains(&message) => {
                    Some(format!("{message}: {reason}"))
                }
                _ => message.contains("refused: ").then(|| message.to_owned()),
            }
        });
        said.collect::<BTreeSet<_>>().into_iter().collect()
    }
}
