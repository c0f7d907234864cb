//! The processes of a large cluster, and what the coordinator and the reducers use.

use super::LIMIT;
use crate::child::spawn_bound;
use crate::http;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Processes that the workers are divided among; half of them can be killed.
const PROCESSES: usize = 4;
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Ports of this machine that are free, until another program takes them.
#[derive(Debug)]
pub(super) struct Ports {
    listen: u16,
    http: u16,
    pub(super) reducers: Vec<u16>,
}

impl Ports {
    pub(super) fn free(reducers: usize) -> Result<Self> {
        // All are bound at the same time, so that no port is returned twice.
        let bound =
            (0..reducers + 2).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>();
        let bound = bound.context("no free port on loopback")?;
        let ports = bound.iter().map(|socket| Ok(socket.local_addr()?.port())).collect::<Result<Vec<_>>>()?;
        Ok(Self { listen: ports[0], http: ports[1], reducers: ports[2..].to_vec() })
    }
}

/// The most that a process has used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    pub(super) rss_mb: f64,
    pub(super) descriptors: u64,
}

impl Used {
    /// Looks at a process; nothing changes if it has ended.
    fn look(&mut self, process: u32) {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        let open = std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
        self.rss_mb = self.rss_mb.max(kilobytes.unwrap_or(0.0) * 1024.0 / 1e6);
        self.descriptors = self.descriptors.max(open as u64);
    }
}

/// What the processes of a run have used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) coordinator: Used,
    /// The most of any reducer.
    pub(super) reducers: Used,
}

/// A cluster, whose processes are killed when it is dropped.
pub(super) struct Crowd {
    programs: PathBuf,
    folder: PathBuf,
    url: String,
    http: u16,
    coordinator: Child,
    reducers: Vec<Child>,
    /// The first worker and the number of workers of each process; `None`: it was killed.
    workers: Vec<(usize, usize, Option<Child>)>,
    usage: Usage,
}

impl Crowd {
    /// Starts the coordinator, the reducers and `members` workers.
    pub(super) fn start(programs: &Path, experiment: &Path, ports: &Ports, members: usize) -> Result<Self> {
        let folder = experiment.parent().context("the experiment is in a folder")?.to_owned();
        let program = programs.join("coordinator");
        let (listen, http) = (format!("127.0.0.1:{}", ports.listen), format!("127.0.0.1:{}", ports.http));
        let mut command = Command::new(&program);
        command.arg(experiment).args(["--listen", &listen, "--metrics", &http]);
        let coordinator = spawn(&mut command, &folder.join("coordinator.log"))?;
        let reducer = |(index, port): (usize, &u16)| {
            let mut command = Command::new(&program);
            command.arg(experiment).args(["--reducer", &index.to_string()]);
            command.arg(format!("--listen=127.0.0.1:{port}"));
            spawn(&mut command, &folder.join(format!("reducer-{index}.log")))
        };
        let reducers = ports.reducers.iter().enumerate().map(reducer).collect::<Result<_>>()?;
        let share = members.div_ceil(PROCESSES);
        let firsts = (0..members).step_by(share);
        let workers = firsts.map(|first| (first, share.min(members - first), None)).collect();
        let (programs, url, http) = (programs.to_owned(), format!("http://{listen}"), ports.http);
        let usage = Usage::default();
        let mut crowd = Self { programs, folder, url, http, coordinator, reducers, workers, usage };
        crowd.wait("the coordinator listens", |crowd| crowd.status().is_some())?;
        crowd.start_missing()?;
        Ok(crowd)
    }

    /// Starts the processes of workers that are not running.
    pub(super) fn start_missing(&mut self) -> Result<()> {
        for (first, count, child) in self.workers.iter_mut().filter(|(_, _, child)| child.is_none()) {
            let mut command = Command::new(self.programs.join("examples/members"));
            command.args(["join", &self.url, &first.to_string(), &count.to_string()]);
            *child = Some(spawn(&mut command, &self.folder.join(format!("workers-{first}.log")))?);
        }
        Ok(())
    }

    /// Kills every second process of workers; returns how many members are left.
    pub(super) fn kill_half(&mut self) -> Result<usize> {
        let mut left = 0;
        for (number, (_, count, child)) in self.workers.iter_mut().enumerate() {
            match child.take_if(|_| number % 2 == 1) {
                Some(mut victim) => {
                    victim.kill().context("cannot kill a process of workers")?;
                    victim.wait().context("cannot wait for a process of workers")?;
                }
                None => left += *count,
            }
        }
        Ok(left)
    }

    /// What the coordinator says to people; `None` before it listens and after its end.
    fn status(&self) -> Option<Value> {
        serde_json::from_str(&http::get(self.http, "/api/status").ok()?).ok()
    }

    /// Number of members.
    pub(super) fn members(&self) -> Option<usize> {
        self.status()?["members"].as_array().map(Vec::len)
    }

    /// The open round.
    pub(super) fn round(&self) -> Option<u64> {
        self.status()?["progress"]["round"].as_u64()
    }

    /// Waits until something holds; fails if a process ends before.
    pub(super) fn wait(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let started = Instant::now();
        while !holds(self) {
            self.look();
            ensure!(started.elapsed() < LIMIT, "{what}: not within {} minutes", LIMIT.as_secs() / 60);
            if let Some(status) = self.coordinator.try_wait().context("cannot wait for the coordinator")? {
                bail!("{what}: the coordinator ended before, with {status}; see {}", self.folder.display());
            }
            for (first, _, child) in &mut self.workers {
                let ended =
                    child.as_mut().map(Child::try_wait).transpose().context("cannot wait for workers")?;
                if let Some(status) = ended.flatten() {
                    bail!(
                        "{what}: the process of worker-{first} ended with {status}; see {}",
                        self.folder.display()
                    );
                }
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn look(&mut self) {
        self.usage.coordinator.look(self.coordinator.id());
        self.reducers.iter().for_each(|reducer| self.usage.reducers.look(reducer.id()));
    }

    /// Waits for the run's end: the coordinator and all workers end without an error.
    pub(super) fn finish(mut self) -> Result<Usage> {
        let started = Instant::now();
        loop {
            self.look();
            let workers = self.workers.iter_mut().filter_map(|(_, _, child)| child.as_mut());
            let mut running = 0;
            for child in workers.chain([&mut self.coordinator]) {
                match child.try_wait().context("cannot wait for a process")? {
                    None => running += 1,
                    Some(status) => {
                        ensure!(
                            status.success(),
                            "a process ended with {status}; see {}",
                            self.folder.display()
                        );
                    }
                }
            }
            if running == 0 {
                return Ok(self.usage);
            }
            ensure!(started.elapsed() < LIMIT, "the run did not end within {} minutes", LIMIT.as_secs() / 60);
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let workers = self.workers.iter_mut().filter_map(|(_, _, child)| child.as_mut());
        for child in workers.chain([&mut self.coordinator]).chain(&mut self.reducers) {
            // An error means that it has already ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
    let file = file.with_context(|| format!("cannot write {}", log.display()))?;
    let output = file.try_clone().context("cannot write a log twice")?;
    command.stdin(Stdio::null()).stdout(output).stderr(file).env("STENTOR_LOG", "warn");
    let program = command.get_program().to_string_lossy().into_owned();
    spawn_bound(command).with_context(|| format!("cannot start `{program}`"))
}
