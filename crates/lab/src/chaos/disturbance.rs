//! Runs with kills or cut links, and the undisturbed run that they are compared with.

use super::case::{Case, DEADLINE_S, Membership, WORKERS};
use super::cluster::{Cluster, PAUSE, Victim, free_address};
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
    #[serde(flatten)]
    pub(super) harm: Harm,
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

/// How often a run was disturbed.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Harm {
    pub(super) worker_kills: u64,
    pub(super) coordinator_kills: u64,
    /// Kills of separate reducers.
    pub(super) reducer_kills: u64,
    /// How often half of the workers were killed at once; each of them is among `worker_kills`.
    pub(super) half_kills: u64,
    /// Number of SIGSTOPs of a worker, the coordinator or a reducer, for longer than the deadline.
    pub(super) stops: u64,
    /// SIGSTOPs of separate reducers, which are among `stops`.
    pub(super) reducer_stops: u64,
    /// Number of SIGTERMs of all programs at once.
    pub(super) terminations: u64,
    /// Number of cuts: of a worker's link for less than the deadline, of one for longer, then twice of the
    /// coordinator's.
    pub(super) cuts: u64,
}

impl Harm {
    fn kills(self) -> u64 {
        self.worker_kills + self.coordinator_kills + self.reducer_kills
    }

    /// Number of turns so far.
    fn turn(self) -> u64 {
        // Half of the workers are one turn.
        let at_once = self.half_kills * (u64::from(WORKERS / 2) - 1);
        self.kills() - at_once + self.stops + self.terminations
    }
}

impl Disturbed {
    pub(super) const HEAD: &'static str = "run                workers coordinator reducers  stops  terms   cuts rounds  same bits   lost  twice  longest stall";

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
        let Self { name, harm, rounds, batches_lost, batches_repeated, .. } = self;
        let &Harm { worker_kills, coordinator_kills, reducer_kills, stops, terminations, cuts, .. } = harm;
        write!(
            f,
            "{name:18} {worker_kills:>7} {coordinator_kills:>11} {reducer_kills:>8} {stops:>6} {terminations:>6} {cuts:>6} \
             {rounds:>6} {same:>10} {batches_lost:>6} \
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
/// How long a coordinator that was asked to stop waits for its last checkpoint.
const LAST_CHECKPOINT: Duration = Duration::from_secs(15);

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
        let mut cluster = fresh(place, self, &name, self.reducers(), None)?;
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
    let (name, reducers, network) = match plan {
        Plan::Kills(_) => (case.name(), case.reducers(), None),
        Plan::Cuts(_) => (format!("{}-cut", case.name()), 0, Some(Network::lay(WORKERS as usize + 1, None)?)),
    };
    remove_folder(&place.folder.join(&name))?;
    let mut cluster = fresh(place, case, &name, reducers, network)?;
    let mut random = Random(stentor_random::SplitMix64::new(seed));
    let mut harm = Harm::default();
    let (begun, mut hit_at): (Instant, Option<String>) = (Instant::now(), None);
    let mut planned: Option<Instant> = None;
    let mut hindered: Option<(Hindered, Instant)> = None;
    while !cluster.tend()? {
        check(begun, &name)?;
        std::thread::sleep(TICK);
        if let Some((how, until)) = &hindered {
            if Instant::now() >= *until {
                match *how {
                    Hindered::Asleep(victim) => drop(cluster.signal(victim, "CONT")),
                    Hindered::Cut(victim) => cluster.mend(victim)?,
                }
                hindered = None;
            }
            continue;
        }
        let newest = cluster.watch.newest_checkpoint();
        let left = match plan {
            Plan::Kills(kills) => u64::from(kills).saturating_sub(harm.kills()),
            Plan::Cuts(times) => u64::from(times).saturating_sub(harm.cuts),
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
        if let Plan::Cuts(_) = plan {
            let worker = Victim::Worker(random.below(cluster.workers() as u64) as usize);
            let victim = if harm.cuts / CUTS.len() as u64 % 2 == 1 { Victim::Coordinator } else { worker };
            cluster.cut(victim)?;
            let lasts = CUTS[harm.cuts as usize % CUTS.len()];
            hindered = Some((Hindered::Cut(victim), Instant::now() + lasts));
            harm.cuts += 1;
            continue;
        }
        if let Some(sleeper) = harm.add_to(&cluster, &mut random) {
            hindered = Some((Hindered::Asleep(sleeper), Instant::now() + ASLEEP));
        }
    }
    let (done, wanted) = match plan {
        Plan::Kills(kills) => (harm.kills(), kills),
        Plan::Cuts(times) => (harm.cuts, times),
    };
    if done < u64::from(wanted) {
        bail!("{name} finished after {done} of {wanted} disturbances: ask for fewer");
    }
    let run = place.folder.join(&name);
    let ledger = audit(place, &run)?;
    let log = std::fs::read_to_string(run.with_extension("log")).unwrap_or_default();
    // With `fixed` all members wait for a stopped worker; afterwards, in the worst case, all programs are restarted
    // twice.
    let longest = match plan {
        Plan::Kills(_) if harm.terminations > 0 => ASLEEP.max(LAST_CHECKPOINT) + PAUSE,
        Plan::Kills(_) => ASLEEP + PAUSE,
        Plan::Cuts(_) => CUTS[1] + KEEPALIVE,
    };
    let bound = longest + 2 * undisturbed.start;
    Ok(Disturbed {
        digest_equal: match case.membership {
            Membership::Fixed => Some(deployed(&run)? == undisturbed.model),
            Membership::Elastic => None,
        },
        name,
        harm,
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

impl Harm {
    /// Disturbs the cluster by what it is the turn of. Returns a program that sleeps from now on.
    fn add_to(&mut self, cluster: &Cluster, random: &mut Random) -> Option<Victim> {
        let workers = cluster.workers();
        let worker = Victim::Worker(random.below(workers as u64) as usize);
        let reducer = Victim::Reducer(random.below(cluster.reducers() as u64) as usize);
        let has_reducers = cluster.reducers() > 0;
        let killed = |victim: Victim| u64::from(cluster.signal(victim, "KILL"));
        let turn = self.turn();
        let stops_reducer = has_reducers && turn % 8 == 2;
        if stops_reducer || turn % 8 == 4 {
            let sleeper = match (self.stops - self.reducer_stops) % 2 {
                _ if stops_reducer => reducer,
                1 => Victim::Coordinator,
                _ => worker,
            };
            let stopped = cluster.signal(sleeper, "STOP");
            self.stops += u64::from(stopped);
            self.reducer_stops += u64::from(stopped && stops_reducer);
            return stopped.then_some(sleeper);
        }
        if turn % 8 == 7 {
            for victim in cluster.all() {
                cluster.signal(victim, "TERM");
            }
            self.terminations += 1;
        } else if turn % 8 == 6 {
            let first = random.below(workers as u64) as usize;
            let half = (first..first + workers / 2).map(|index| Victim::Worker(index % workers));
            self.worker_kills += half.map(killed).sum::<u64>();
            self.half_kills += 1;
        } else if turn % 3 == 2 {
            self.coordinator_kills += killed(Victim::Coordinator);
        } else if has_reducers && turn % 2 == 1 {
            self.reducer_kills += killed(reducer);
        } else {
            self.worker_kills += killed(worker);
        }
        None
    }
}

/// Starts the cluster of a new run, with separate reducers or none; its output does not exist yet, or is empty.
pub(super) fn fresh(
    place: &Place,
    case: Case,
    name: &str,
    reducers: usize,
    network: Option<Network>,
) -> Result<Cluster> {
    let reducers = (0..reducers).map(|_| free_address()).collect::<Result<Vec<_>>>()?;
    let experiment = place.folder.join(format!("{name}.toml"));
    let log = experiment.with_extension("log");
    for (file, text) in
        [(&experiment, case.experiment(&place.folder.join("data"), name, &reducers)), (&log, String::new())]
    {
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Cluster::start(place, &experiment, reducers, network)
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
