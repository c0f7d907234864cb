//! A coordinator and its workers as separate processes, which are restarted when they have died.

use super::case::WORKERS;
use super::place::Place;
use super::watch::Watch;
use crate::child::spawn_bound;
use crate::network::Network;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time from a death to the restart, like that of a supervisor.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// A cluster whose processes are killed when it is dropped.
pub(super) struct Cluster {
    programs: PathBuf,
    experiment: PathBuf,
    log: PathBuf,
    address: String,
    /// The coordinator is on host 0, worker n on host n + 1; without a network all use this machine's loopback
    /// interface.
    network: Option<Network>,
    coordinator: Slot,
    workers: Vec<Slot>,
    reducers: Vec<Reducer>,
    pub(super) watch: Watch,
    /// Exit codes other than 0 of programs that were not killed.
    pub(super) codes: BTreeSet<i32>,
}

/// A separate reducer.
struct Reducer {
    address: String,
    slot: Slot,
}

/// The exit code that requests a restart later.
const PASSING: i32 = 75;
/// The exit code after a signal to stop.
const STOPPED: i32 = 8;

/// A program to keep running: its current process, or the time since which it has none.
struct Slot {
    name: String,
    child: Option<Child>,
    died: Instant,
    /// Whether it has exited with 0 and is not restarted.
    done: bool,
}

/// The program to disturb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Coordinator,
    Worker(usize),
    Reducer(usize),
}

impl Victim {
    /// Its host in the cluster's network.
    fn host(self) -> usize {
        match self {
            Victim::Coordinator => 0,
            Victim::Worker(index) => index + 1,
            // Reducers are separate only where all are on one host.
            Victim::Reducer(_) => 0,
        }
    }
}

impl Cluster {
    /// Starts all programs for the first time; `reducers` are the addresses in the experiment.
    pub(super) fn start(
        place: &Place,
        experiment: &Path,
        reducers: Vec<String>,
        network: Option<Network>,
    ) -> Result<Self> {
        let address = match &network {
            Some(network) => format!("{}:7400", network.address(0)),
            None => free_address()?,
        };
        let slot = |name: String| Slot { name, child: None, died: Instant::now(), done: false };
        let mut cluster = Self {
            programs: place.programs.clone(),
            experiment: experiment.to_owned(),
            log: experiment.with_extension("log"),
            address,
            network,
            coordinator: slot("coordinator".into()),
            workers: (0..WORKERS).map(|n| slot(format!("worker-{n}"))).collect(),
            reducers: (0..)
                .zip(reducers)
                .map(|(n, address): (usize, _)| Reducer { address, slot: slot(format!("reducer-{n}")) })
                .collect(),
            watch: Watch::new(&experiment.with_extension("")),
            codes: BTreeSet::new(),
        };
        for index in 0..cluster.reducers.len() {
            cluster.start_reducer(index)?;
        }
        cluster.start_coordinator()?;
        for index in 0..cluster.workers.len() {
            cluster.start_worker(index)?;
        }
        Ok(cluster)
    }

    /// Detects programs that have died, and restarts those that have been dead for long enough. Returns true when the
    /// run is over.
    pub(super) fn tend(&mut self) -> Result<bool> {
        self.watch.look();
        if let Some(status) = self.coordinator.ended()? {
            if status.success() {
                self.coordinator.done = true;
            } else if let Some(code) = status.code() {
                self.codes.insert(code);
                if code != PASSING && code != STOPPED {
                    bail!(
                        "the coordinator ended with {status} without being killed; see {}",
                        self.log.display()
                    );
                }
            }
        }
        for slot in &mut self.workers {
            if let Some(status) = slot.ended()? {
                slot.done = status.success();
                self.codes.extend(status.code().filter(|code| *code != 0));
                // Other exit codes request a restart: after a long time without a coordinator, or after a signal.
                if let Some(code @ (2..=4 | 6 | 9)) = status.code() {
                    bail!("{} ended with {code} without being killed; see {}", slot.name, self.log.display());
                }
            }
        }
        for Reducer { slot, .. } in &mut self.reducers {
            // After a signal to stop it ends with 8, or with 0 if the run has ended, and is started again.
            if let Some(code) = slot.ended()?.and_then(|status| status.code()).filter(|code| *code != 0) {
                self.codes.insert(code);
                if code != STOPPED && code != PASSING {
                    bail!("{} ended with {code} without being killed; see {}", slot.name, self.log.display());
                }
            }
        }
        if self.coordinator.done {
            return Ok(true);
        }
        for index in 0..self.reducers.len() {
            if self.reducers[index].slot.is_due() {
                self.start_reducer(index)?;
            }
        }
        if self.coordinator.is_due() {
            self.start_coordinator()?;
        }
        for index in 0..self.workers.len() {
            if self.workers[index].is_due() {
                self.start_worker(index)?;
            }
        }
        Ok(false)
    }

    /// Whether all programs are running.
    pub(super) fn is_whole(&self) -> bool {
        let reducers = self.reducers.iter().map(|reducer| &reducer.slot);
        self.workers.iter().chain([&self.coordinator]).chain(reducers).all(|slot| slot.child.is_some())
    }

    /// All programs.
    pub(super) fn all(&self) -> impl Iterator<Item = Victim> + use<> {
        let workers = (0..self.workers.len()).map(Victim::Worker);
        let reducers = (0..self.reducers.len()).map(Victim::Reducer);
        workers.chain(reducers).chain([Victim::Coordinator])
    }

    pub(super) fn reducers(&self) -> usize {
        self.reducers.len()
    }

    pub(super) fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Sends a signal; returns false if the program is not running.
    pub(super) fn signal(&self, victim: Victim, signal: &str) -> bool {
        let slot = match victim {
            Victim::Coordinator => &self.coordinator,
            Victim::Worker(index) => &self.workers[index],
            Victim::Reducer(index) => &self.reducers[index].slot,
        };
        slot.child.as_ref().is_some_and(|child| send(signal, child))
    }

    /// Cuts a program's link; a cut of the coordinator's link separates it from all workers.
    pub(super) fn cut(&self, victim: Victim) -> Result<()> {
        self.network.as_ref().context("links can be cut only on a separate network")?.cut(victim.host())
    }

    /// Restores the link.
    pub(super) fn mend(&self, victim: Victim) -> Result<()> {
        self.network.as_ref().context("links can be restored only on a separate network")?.mend(victim.host())
    }

    fn command(&self, host: usize, program: &str) -> Command {
        let program = self.programs.join(program);
        self.network
            .as_ref()
            .map_or_else(|| Command::new(&program), |network| network.command(host, &program))
    }

    fn start_coordinator(&mut self) -> Result<()> {
        let mut command = self.command(0, "coordinator");
        command.arg(&self.experiment).args(["--listen", &self.address, "--json-lines", "--resume"]);
        if self.network.is_some() {
            // No other machine is on this network.
            command.arg("--insecure");
        }
        let child = self.spawn(command.stdout(Stdio::piped()))?;
        let child = self.coordinator.child.insert(child);
        self.watch.listen(child.stdout.take().context("the coordinator's output is piped")?);
        Ok(())
    }

    fn start_reducer(&mut self, index: usize) -> Result<()> {
        let mut command = self.command(0, "coordinator");
        command.arg(&self.experiment).args(["--listen", &self.reducers[index].address]);
        command.args(["--reducer", &index.to_string()]);
        let child = self.spawn(command.stdout(Stdio::null()))?;
        self.reducers[index].slot.child = Some(child);
        Ok(())
    }

    fn start_worker(&mut self, index: usize) -> Result<()> {
        let mut command = self.command(index + 1, "worker");
        command.args([&format!("--coordinator=http://{}", self.address)]);
        command.arg(format!("--identity={}", self.workers[index].name)).arg("--threads=1");
        let child = self.spawn(command.stdout(Stdio::null()))?;
        self.workers[index].child = Some(child);
        Ok(())
    }

    fn spawn(&self, command: &mut Command) -> Result<Child> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        command.stdin(Stdio::null()).stderr(log).env("STENTOR_LOG", "warn");
        let program = command.get_program().to_string_lossy().into_owned();
        spawn_bound(command).with_context(|| format!("cannot start `{program}`"))
    }
}

/// An address of this machine whose port is free, until another program takes it.
pub(super) fn free_address() -> Result<String> {
    let free = TcpListener::bind("127.0.0.1:0").context("no free port on loopback")?;
    Ok(free.local_addr().context("a bound socket has an address")?.to_string())
}

/// Sends a signal; returns whether a process received it.
pub(super) fn send(signal: &str, child: &Child) -> bool {
    let words = [format!("-{signal}"), child.id().to_string()];
    Command::new("kill").args(words).status().is_ok_and(|status| status.success())
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let reducers = self.reducers.iter_mut().map(|reducer| &mut reducer.slot);
        for slot in self.workers.iter_mut().chain([&mut self.coordinator]).chain(reducers) {
            if let Some(child) = &mut slot.child {
                // An error means that it has already ended. SIGKILL also ends a stopped process.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

impl Slot {
    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait().with_context(|| format!("cannot wait for {}", self.name))?;
        if status.is_some() {
            (self.child, self.died) = (None, Instant::now());
        }
        Ok(status)
    }

    fn is_due(&self) -> bool {
        self.child.is_none() && !self.done && self.died.elapsed() >= PAUSE
    }
}
