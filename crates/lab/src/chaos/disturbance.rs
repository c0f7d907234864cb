//! Runs with kills or cut links, and the undisturbed run that they are compared with.

use super::case::{Case, DEADLINE_S, Membership};
use super::cluster::{Cluster, PAUSE, Victim};
use super::place::Place;
use crate::network::Network;
use crate::runs;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use stentor_output::Verdict;
use stentor_tasks::remove_folder;

/// An undisturbed run, for comparison.
#[derive(Debug)]
pub(super) struct Undisturbed {
    pub(super) run: PathBuf,
    pub(super) model: Vec<u8>,
    /// Time from the start of the programs to the first closed round.
    start: Duration,
}

/// The result of a disturbed run.
#[derive(Debug, Serialize)]
pub(super) struct Disturbed {
    pub(super) name: String,
    pub(super) worker_kills: u64,
    pub(super) coordinator_kills: u64,
    /// Number of SIGSTOPs of a worker or, in turn, the coordinator, for longer than the deadline.
    pub(super) stops: u64,
    /// Number of cuts: of a worker's link for less than the deadline, of one for longer, then twice of the
    /// coordinator's.
    pub(super) cuts: u64,
    /// Closed rounds, including repeated ones.
    pub(super) rounds: u64,
    /// Whether the deployed parameters have the bits of the undisturbed run; only for `fixed`.
    pub(super) digest_equal: Option<bool>,
    pub(super) batches_lost: u64,
    pub(super) batches_repeated: u64,
    pub(super) ledger_clean: bool,
    pub(super) longest_stall_s: f64,
    pub(super) stall_bound_s: f64,
    /// Violations reported in the programs' logs.
    pub(super) invariant_violations: u64,
    pub(super) seconds: f64,
}

impl Disturbed {
    pub(super) const HEAD: &'static str =
        "run                workers coordinator  stops   cuts rounds  same bits   lost  twice  longest stall";

    /// Whether all guarantees hold.
    pub(super) fn holds(&self) -> bool {
        self.digest_equal != Some(false)
            && self.ledger_clean
            && self.invariant_violations == 0
            && self.longest_stall_s <= self.stall_bound_s
    }
}

impl fmt::Display for Disturbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = match self.digest_equal {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        let Self {
            name,
            worker_kills,
            coordinator_kills,
            stops,
            cuts,
            rounds,
            batches_lost,
            batches_repeated,
            ..
        } = self;
        write!(
            f,
            "{name:18} {worker_kills:>7} {coordinator_kills:>11} {stops:>6} {cuts:>6} {rounds:>6} {same:>10} {batches_lost:>6} \
             {batches_repeated:>6}  {:.1} s of {:.1}",
            self.longest_stall_s, self.stall_bound_s
        )
    }
}

/// Maximum duration of one run.
const LIMIT: Duration = Duration::from_secs(30 * 60);
pub(super) const TICK: Duration = Duration::from_millis(10);
/// How long a worker is stopped: a second longer than the deadline.
const ASLEEP: Duration = Duration::from_secs(DEADLINE_S as u64 + 1);
/// How long a link is cut, alternately: the connection survives, or the worker is dropped.
const CUTS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(DEADLINE_S as u64 + 3)];
/// Time until a worker notices a broken connection without traffic: keepalive interval and timeout.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The disturbances of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Number of kills; some processes are also stopped for a while.
    Kills(u32),
    /// Number of cuts of links.
    Cuts(u32),
}

/// A program that is stopped or cut off for a while.
enum Hindered {
    Asleep(Victim),
    Cut(Victim),
}

impl Case {
    /// Trains without disturbance.
    pub(super) fn undisturbed(self, place: &Place) -> Result<Undisturbed> {
        let name = format!("{}-undisturbed", self.name());
        remove_folder(&place.folder.join(&name))?;
        let mut cluster = fresh(place, self, &name, None)?;
        let begun = Instant::now();
        while !cluster.tend()? {
            check(begun, &name)?;
            std::thread::sleep(TICK);
        }
        let run = place.folder.join(&name);
        Ok(Undisturbed { model: deployed(&run)?, start: cluster.watch.first(), run })
    }
}

/// Trains with the planned disturbances, each after a new checkpoint, so that the run makes progress.
pub(super) fn run(
    place: &Place,
    case: Case,
    plan: Plan,
    seed: u64,
    undisturbed: &Undisturbed,
) -> Result<Disturbed> {
    let (name, network) = match plan {
        Plan::Kills(_) => (case.name(), None),
        Plan::Cuts(_) => {
            (format!("{}-cut", case.name()), Some(Network::lay(case.workers() as usize + 1, None)?))
        }
    };
    remove_folder(&place.folder.join(&name))?;
    let mut cluster = fresh(place, case, &name, network)?;
    let mut random = Random(stentor_random::SplitMix64::new(seed));
    let (mut worker_kills, mut coordinator_kills, mut stops, mut cuts) = (0, 0, 0, 0);
    let (begun, mut hit_at): (Instant, Option<String>) = (Instant::now(), None);
    let mut planned: Option<Instant> = None;
    let mut hindered: Option<(Hindered, Instant)> = None;
    while !cluster.tend()? {
        check(begun, &name)?;
        std::thread::sleep(TICK);
        if let Some((harm, until)) = &hindered {
            if Instant::now() >= *until {
                match *harm {
                    Hindered::Asleep(victim) => drop(cluster.signal(victim, "CONT")),
                    Hindered::Cut(victim) => cluster.mend(victim)?,
                }
                hindered = None;
            }
            continue;
        }
        let newest = cluster.watch.newest_checkpoint();
        let left = match plan {
            Plan::Kills(kills) => u64::from(kills).saturating_sub(worker_kills + coordinator_kills),
            Plan::Cuts(times) => u64::from(times).saturating_sub(cuts),
        };
        if left == 0 || !cluster.is_whole() || newest <= hit_at {
            continue;
        }
        // At a random time within a round, an exchange or a checkpoint.
        let moment =
            *planned.get_or_insert_with(|| Instant::now() + Duration::from_millis(random.below(1500)));
        if Instant::now() < moment {
            continue;
        }
        (planned, hit_at) = (None, newest);
        let worker = Victim::Worker(random.below(cluster.workers() as u64) as usize);
        let turn = worker_kills + coordinator_kills + stops;
        if let Plan::Cuts(_) = plan {
            let victim = if cuts / CUTS.len() as u64 % 2 == 1 { Victim::Coordinator } else { worker };
            cluster.cut(victim)?;
            let lasts = CUTS[cuts as usize % CUTS.len()];
            hindered = Some((Hindered::Cut(victim), Instant::now() + lasts));
            cuts += 1;
            continue;
        }
        let sleeper = if stops % 2 == 1 { Victim::Coordinator } else { worker };
        if turn % 3 == 2 {
            coordinator_kills += u64::from(cluster.signal(Victim::Coordinator, "KILL"));
        } else if turn % 8 == 4 && cluster.signal(sleeper, "STOP") {
            stops += 1;
            hindered = Some((Hindered::Asleep(sleeper), Instant::now() + ASLEEP));
        } else {
            worker_kills += u64::from(cluster.signal(worker, "KILL"));
        }
    }
    let (done, wanted) = match plan {
        Plan::Kills(kills) => (worker_kills + coordinator_kills, kills),
        Plan::Cuts(times) => (cuts, times),
    };
    if done < u64::from(wanted) {
        bail!("{name} finished after {done} of {wanted} disturbances: ask for fewer");
    }
    let run = place.folder.join(&name);
    let ledger = audit(place, &run)?;
    let log = std::fs::read_to_string(run.with_extension("log")).unwrap_or_default();
    // With `fixed` all members wait for a stopped worker; afterwards, in the worst case, all programs are restarted
    // twice.
    let harm = match plan {
        Plan::Kills(_) => ASLEEP + PAUSE,
        Plan::Cuts(_) => CUTS[1] + KEEPALIVE,
    };
    let bound = harm + 2 * undisturbed.start;
    Ok(Disturbed {
        digest_equal: match case.membership {
            Membership::Fixed => Some(deployed(&run)? == undisturbed.model),
            Membership::Elastic => None,
        },
        name,
        worker_kills,
        coordinator_kills,
        stops,
        cuts,
        rounds: cluster.watch.rounds(),
        batches_lost: ledger.missing.batches,
        batches_repeated: ledger.twice.batches,
        ledger_clean: ledger.clean,
        longest_stall_s: cluster.watch.longest().as_secs_f64(),
        stall_bound_s: bound.as_secs_f64(),
        invariant_violations: log.matches("invariant").count() as u64,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// Starts the cluster of a new run; its output does not exist yet, or is empty.
pub(super) fn fresh(place: &Place, case: Case, name: &str, network: Option<Network>) -> Result<Cluster> {
    let experiment = place.folder.join(format!("{name}.toml"));
    let log = experiment.with_extension("log");
    for (file, text) in
        [(&experiment, case.experiment(&place.folder.join("data"), name)), (&log, String::new())]
    {
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Cluster::start(place, case, &experiment, network)
}

pub(super) fn check(begun: Instant, name: &str) -> Result<()> {
    if begun.elapsed() > LIMIT {
        bail!("{name} did not end within {} minutes", LIMIT.as_secs() / 60);
    }
    Ok(())
}

/// The bytes of the parameters of a finished run's result, verified.
pub(super) fn deployed(run: &Path) -> Result<Vec<u8>> {
    Ok(runs::deployed(run)?.parameters.to_bytes()?.to_vec())
}

/// The output of `stentor ledger audit` for a run, whether clean or not.
pub(super) fn audit(place: &Place, run: &Path) -> Result<Verdict> {
    let output = place.stentor("ledger").arg("audit").arg(run).arg("--json").output();
    let output = output.context("cannot start `stentor ledger audit`")?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!("expected an audit as JSON, found: {}", String::from_utf8_lossy(&output.stderr).trim())
    })
}

/// Pseudo-random numbers from a seed.
pub(super) struct Random(pub(super) stentor_random::SplitMix64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }
}
