//! Real programs on the hosts of a [`Network`]: a coordinator, reducers, and members that exchange without computing.

use crate::network::Network;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A member's report on a round.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Round {
    pub(super) round: u64,
    pub(super) total_s: f64,
    #[serde(default)]
    pub(super) encode_s: f64,
    #[serde(default)]
    pub(super) send_s: f64,
    #[serde(default)]
    pub(super) apply_s: f64,
    pub(super) bytes_out: u64,
    #[serde(default)]
    pub(super) bytes_in: u64,
    /// CPU time since the process was started.
    #[serde(default)]
    pub(super) cpu_s: f64,
}

/// The settings of a measurement.
#[derive(Debug, Clone)]
pub(super) struct Setting<'a> {
    pub(super) workers: usize,
    /// Whether each worker's host has a reducer; otherwise the coordinator sums.
    pub(super) own_reducers: bool,
    pub(super) exchange: &'a str,
    /// Share of the values of a member's gradient that are above the threshold.
    pub(super) density: f64,
    /// Number of rounds that do not count, and of those that do.
    pub(super) warm_up: u64,
    pub(super) rounds: u64,
    /// Minimum time between the starts of two rounds.
    pub(super) every: Duration,
}

/// The result of a measurement.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// For each member, the rounds that count.
    pub(super) members: Vec<Vec<Round>>,
    pub(super) coordinator_peak_bytes: u64,
    pub(super) coordinator_cpu_s: f64,
}

/// Processes that are killed when this is dropped.
#[derive(Default)]
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // An error means that it has already ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Maximum duration of one measurement.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Measures one setting on `network`: the coordinator on host 0, workers on the others. `programs` is the folder of
/// the programs; `folder` is emptied first.
pub(super) fn run(
    network: &Network,
    programs: &Path,
    folder: &Path,
    setting: &Setting<'_>,
) -> Result<Measured> {
    let run = folder.join("run");
    if run.exists() {
        std::fs::remove_dir_all(&run).with_context(|| format!("cannot empty {}", run.display()))?;
    }
    let hosts = 1..=setting.workers;
    let reducers: Vec<String> = match setting.own_reducers {
        true => hosts.clone().map(|host| format!("\"http://{}:7500\"", network.address(host))).collect(),
        false => Vec::new(),
    };
    let experiment = folder.join("link.toml");
    let text = experiment_file(setting, &reducers.join(", "));
    std::fs::write(&experiment, text).with_context(|| format!("cannot write {}", experiment.display()))?;
    let mut processes = Processes::default();
    let mut start = |host: usize, program: &Path, words: &[&str], stdout: Stdio| {
        let mut command: Command = network.command(host, program);
        command.args(words).stdin(Stdio::null()).stdout(stdout).env("STENTOR_LOG", "error");
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        processes.0.push(child);
        Ok::<usize, anyhow::Error>(processes.0.len() - 1)
    };
    let (coordinator, member) = (programs.join("coordinator"), programs.join("examples/link"));
    let file = experiment.display().to_string();
    for (index, host) in hosts.clone().enumerate().filter(|_| setting.own_reducers) {
        let (listen, index) = (format!("{}:7500", network.address(host)), index.to_string());
        start(
            host,
            &coordinator,
            &[&file, "--insecure", "--listen", &listen, "--reducer", &index],
            Stdio::null(),
        )?;
    }
    let listen = format!("{}:7400", network.address(0));
    let centre = start(0, &coordinator, &[&file, "--insecure", "--listen", &listen], Stdio::null())?;
    std::thread::sleep(Duration::from_secs(1));
    let url = format!("http://{listen}");
    let (rounds, every) =
        ((setting.warm_up + setting.rounds).to_string(), setting.every.as_secs_f64().to_string());
    let density = setting.density.to_string();
    let mut members = Vec::new();
    for host in hosts {
        let words = ["worker", &url, &format!("worker-{host:02}"), &rounds, &every, &density];
        members.push(start(host, &member, &words, Stdio::piped())?);
    }
    let outputs: Vec<_> = members.iter().filter_map(|&m| processes.0[m].stdout.take()).collect();
    let readers: Vec<_> = outputs.into_iter().map(|out| std::thread::spawn(move || lines(out))).collect();
    let centre_id = processes.0[centre].id();
    wait(&mut processes, &members)?;
    let peak = peak_bytes(centre_id)?;
    let cpu = cpu_seconds(centre_id)?;
    drop(processes);
    let members = readers
        .into_iter()
        .map(|reader| {
            let all =
                reader.join().map_err(|_| anyhow::anyhow!("a reader of a member's output failed"))??;
            let counted: Vec<Round> = all.into_iter().filter(|r| r.round >= setting.warm_up).collect();
            ensure!(
                counted.len() as u64 == setting.rounds,
                "expected {} rounds of each member, found {}",
                setting.rounds,
                counted.len()
            );
            Ok(counted)
        })
        .collect::<Result<_>>()?;
    Ok(Measured { members, coordinator_peak_bytes: peak, coordinator_cpu_s: cpu })
}

pub(super) fn experiment_file(setting: &Setting<'_>, reducers: &str) -> String {
    format!(
        "[run]\nname = \"link\"\noutput = \"run\"\n[data]\nannotated = \"data\"\n[model]\npreset = \"student-24m\"\n\
         [batch]\nchunks = 1\n[schedule]\npasses = 10000\n[optimizer]\nkind = \"sgd\"\n[cluster]\nworkers = {}\n\
         digest_every = 10000\n[checkpoint]\ncount = 1\n[exchange]\nreducers = [{reducers}]\n{}",
        setting.workers, setting.exchange
    )
}

/// Reads JSON lines until the end of the output.
fn lines(output: impl Read) -> Result<Vec<Round>> {
    BufReader::new(output)
        .lines()
        .map(|line| {
            let line = line.context("a member's output broke off")?;
            serde_json::from_str(&line).with_context(|| format!("expected a round's figures, found {line}"))
        })
        .collect()
}

fn wait(processes: &mut Processes, members: &[usize]) -> Result<()> {
    let started = Instant::now();
    for &member in members {
        loop {
            if let Some(status) = processes.0[member].try_wait().context("cannot wait for a member")? {
                ensure!(status.success(), "a member ended with {status}; its message is above");
                break;
            }
            if started.elapsed() > LIMIT {
                bail!("the members did not end within {} minutes", LIMIT.as_secs() / 60);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// `ip netns exec` is replaced by the program that it starts, so the child's own entry in /proc is the program's.
fn peak_bytes(id: u32) -> Result<u64> {
    let status =
        std::fs::read_to_string(format!("/proc/{id}/status")).context("the coordinator has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    Ok(kilobytes.context("no VmHWM in the coordinator's status")? * 1024)
}

/// User and system time so far; the kernel's resolution is 0.01 s.
fn cpu_seconds(id: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).context("the coordinator has ended")?;
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, f)| f.split_whitespace().collect()).unwrap_or_default();
    let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

/// The median; the upper one of two.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Measured {
    /// Median over rounds of the time until the last member had finished.
    pub(super) fn seconds(&self) -> f64 {
        let rounds = self.members.first().map_or(0, Vec::len);
        let slowest = |r: usize| self.members.iter().map(|m| m[r].total_s).fold(0.0, f64::max);
        median((0..rounds).map(slowest).collect())
    }

    /// Median over rounds of the longest time between an encoded contribution and the arrival of the sum.
    pub(super) fn under_way_seconds(&self) -> f64 {
        let rounds = self.members.first().map_or(0, Vec::len);
        let own = |r: &Round| r.total_s - r.encode_s - r.apply_s;
        let slowest = |r: usize| self.members.iter().map(|m| own(&m[r])).fold(0.0, f64::max);
        median((0..rounds).map(slowest).collect())
    }

    /// Mean over members of the median over rounds of a figure.
    pub(super) fn mean(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        let medians = self.members.iter().map(|m| median(m.iter().map(&figure).collect()));
        medians.sum::<f64>() / self.members.len().max(1) as f64
    }

    /// CPU seconds of all members in a round.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let spent = |m: &Vec<Round>| match (m.first(), m.last()) {
            (Some(first), Some(last)) if m.len() > 1 => (last.cpu_s - first.cpu_s) / (m.len() - 1) as f64,
            _ => 0.0,
        };
        self.members.iter().map(spent).sum()
    }
}
