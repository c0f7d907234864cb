//! A whole cluster in one thread, deterministic from one seed: the coordinator's and the workers' real state machines, the real
//! ledger, and the real strategies with their sums, in simulated processes with a simulated network and store.
//!
//! Messages are delayed, reordered and repeated; links are cut and restored; workers crash, freeze, leave, come back and lie;
//! coordinators crash, freeze and are replaced, also while the old one still lives; the store fails. An oracle that sees
//! everything checks the [`Invariant`]s. [`Bug`]s can be injected, to show that they are found. `cargo xtask simulate` runs
//! seeds by the thousand.
//!
//! What is simulated are the shells: `members` and `carry_out` are that of a worker, `replica` its model, `shell` the engine and
//! the reducers, `store` and `delivery` the publisher. Errors of the real shells are not found here.
//!
//! `stories` moves such clusters step by step; `small_worlds` checks the coordinator's state machine exhaustively.

mod bug;
#[cfg(test)]
mod by_hand;
mod carry_out;
mod coordinators;
mod delivery;
mod faults;
pub mod gain;
mod lies;
mod members;
mod network;
pub mod nonsense;
mod oracle;
mod orders;
mod random;
mod reducers;
mod replica;
mod shell;
#[cfg(test)]
mod small_worlds;
mod store;
#[cfg(test)]
mod stories;
mod worker;
mod world;

#[cfg(test)]
mod tests;

pub use bug::Bug;
pub use stentor_rounds::{Invariant, Violation};
pub(crate) use world::{Pace, World};

use random::Random;
use std::collections::BTreeMap;
use stentor_experiment::{Error, Experiment};
use stentor_plan::{Catalogue, Plan, RowGroup};
use stentor_rounds::{Outcome, Settings};

/// Kinds of faults and other events in a simulated cluster.
pub const FAULTS: [&str; 29] = [
    "again",
    "asked to stop",
    "budget spent",
    "checkpoint asked for",
    "coordinator crash",
    "coordinator freeze",
    "crash",
    "delay",
    "drain",
    "drop",
    "duplicate",
    "freeze",
    "hang",
    "join",
    "leave",
    "lie",
    "lost together",
    "partition",
    "pause",
    "poison",
    "publication fails",
    "rack",
    "reducer crash",
    "reordering",
    "replaced",
    "restart",
    "slow duties",
    "switch",
    "two coordinators",
];

/// A worker process.
pub(crate) type Process = u32;

/// The result of a simulated run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Number of inputs to coordinators' state machines.
    pub events: u64,
    /// How often each of [`FAULTS`] occurred.
    pub faults: BTreeMap<&'static str, u64>,
    /// Invariants that did not hold. The first one ends the run.
    pub violations: Vec<Violation>,
    /// How the last coordinator ended.
    pub outcome: Option<Outcome>,
}

/// Simulates the run of a seed, with an injected bug or without.
///
/// # Errors
/// Where the simulation's own experiment is not valid.
pub fn run(seed: u64, bug: Option<Bug>) -> Result<Report, Error> {
    Ok(simulate(seed, bug, None)?.0)
}

/// Like [`run`], with a line for each event.
///
/// # Errors
/// As [`run`].
pub fn trace(seed: u64, bug: Option<Bug>) -> Result<(Report, Vec<String>), Error> {
    simulate(seed, bug, Some(Vec::new()))
}

fn simulate(seed: u64, bug: Option<Bug>, trace: Option<Vec<String>>) -> Result<(Report, Vec<String>), Error> {
    stay_on_this_thread();
    let _armed = bug.map(Bug::arm);
    let mut random = Random::new(seed);
    let membership = if random.one_in(2) { "fixed" } else { "elastic" };
    let strategy = random.pick(&["dense", "gtc", "bmuf", "two-tier"]).copied().unwrap_or("dense");
    let kind = if random.one_in(2) { "classical" } else { "nesterov" };
    let (workers, group) = (random.between(1, 3), random.between(1, 2));
    let (restarts, poison) = (random.between(2, 12), if random.one_in(8) { "stop" } else { "drop" });
    let cluster = format!(
        "workers = {workers}\nmembership = \"{membership}\"\nrestarts = {restarts}\npoison = \"{poison}\"\n\
         deadline_mads = 4.0\ndeadline_floor_s = 1.5"
    );
    // Where nothing else of a run depends on it, so that seeds which found a bug without it still have the same run.
    let reducers = if seed % 5 == 1 { "reducers = [\"http://r0:1\"]\n" } else { "" };
    let sections = format!(
        "[exchange]\nstrategy = \"{strategy}\"\n{reducers}[exchange.two_tier]\ngroup = {group}\n\
         [exchange.bmuf]\nblock = 2\nkind = \"{kind}\"\n[exchange.gtc]\nwarmup_dense = 0.1\nwarmup_falling = 0.1\n"
    );
    let settings = settings(&cluster, &sections)?;
    let mut world = World::empty(settings, random.below(u64::MAX), Pace::Random);
    world.trace = trace;
    world.late_fetch = world.random.one_in(3);
    if seed % 4 == 3 {
        world.plan_lie();
    }
    if seed % 3 == 2 {
        world.plan_order();
    }
    if !reducers.is_empty() {
        world.plan_reducer_crash();
    }
    world.note(|| {
        format!("seed {seed}: {membership}, {strategy}, {kind}, {workers} workers in groups of {group}")
    });
    world.weather();
    let World { steps: events, faults, outcome, .. } = world;
    let violations = world.oracle.violations;
    Ok((Report { seed, events, faults, violations, outcome }, world.trace.unwrap_or_default()))
}

/// Makes this thread a rayon pool of its own: the block filter uses rayon, and waiting for the global pool costs more than
/// filtering two values.
fn stay_on_this_thread() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    // Needed once for each thread; later calls fail without consequence.
    drop(pool.build());
}

/// A small experiment: some dozen rounds of two workers.
///
/// # Errors
/// Where `cluster`, lines of its `[cluster]`, or `sections` are not valid.
pub(crate) fn settings(cluster: &str, sections: &str) -> Result<Settings, Error> {
    let text = format!(
        "[run]\nname = \"w\"\noutput = \"o\"\n[data]\nannotated = \"a\"\nunannotated = \"u\"\nlabels = \"l\"\n\
         [schedule]\npasses = 2\nannotated_passes = 1\nsub_epoch_batches = 8\n[batch]\nchunks = 2\nunit_batches = 3\n\
         [checkpoint]\ncount = 4\n[cluster]\ndigest_every = 1\nround_deadline_s = 5.0\nboundary_deadline_s = 12.0\n\
         join_deadline_s = 20.0\n{cluster}\n{sections}\n"
    );
    let experiment = Experiment::parse(&text)?;
    let catalogue = |groups: u32| Catalogue {
        row_groups: (0..groups)
            .map(|i| RowGroup { frames: 150 + 37 * u64::from(i), utterances: 2 + i % 3 })
            .collect(),
    };
    let (annotated, unannotated) = (catalogue(5), Some(catalogue(11)));
    let plan = Plan::new(annotated, unannotated, &experiment.batch, &experiment.schedule, 7)
        .map_err(|e| Error::Value { key: "schedule", expected: "a plan", found: e.to_string() })?;
    let (parameters, has_dev, dev_frames) = (replica::VALUES, true, 100);
    Ok(Settings { experiment, plan, parameters, has_dev, dev_frames, first_lineage: 1000 })
}
