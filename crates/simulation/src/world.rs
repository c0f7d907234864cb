use super::network::{Happening, Network};
use super::oracle::Oracle;
use super::orders::OPERATOR;
use super::random::Random;
use super::shell::Shell;
use super::store::Store;
use super::worker::Worker;
use super::{FAULTS, Process};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::{Source, Strategy};
use stentor_rounds::{Command, Core, Event, Input, Millis, Outcome, Request, Saved, Settings};

/// What drives the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A story, step by step: messages take no time, and there are no other events.
    #[cfg(test)]
    ByHand,
    /// Random durations, delays and faults.
    Random,
}

/// A cluster in one thread: coordinators, workers, their network and their store.
#[derive(Debug)]
pub(crate) struct World {
    pub(super) settings: Settings,
    pub(super) pace: Pace,
    pub(crate) now: Millis,
    pub(super) shells: BTreeMap<u64, Shell>,
    /// The incarnation that workers find at the coordinator's address.
    pub(super) current: u64,
    pub(super) workers: BTreeMap<Process, Worker>,
    pub(super) next_process: Process,
    /// Sums are fetched only after their round has closed, as if the reducers thresholded them again.
    pub(super) late_fetch: bool,
    /// Workers that ended with success: they are not started again.
    pub(super) ended: BTreeSet<String>,
    pub(super) store: Store,
    pub(super) network: Network,
    pub(super) oracle: Oracle,
    pub(super) random: Random,
    /// What members that lie say, and when; apart from everything else that is random.
    pub(super) lies: Random,
    /// What operators do, and when.
    pub(super) orders: Random,
    /// When separate reducers die.
    pub(super) breaks: Random,
    /// Which members die together.
    pub(super) racks: Random,
    /// Whether separate reducers live.
    pub(super) reducers_live: bool,
    /// Number of requests for a checkpoint.
    pub(super) requests: Request,
    /// The answers to them.
    pub(crate) answers: Vec<(Request, Result<String, String>)>,
    /// Who has paused the run, by the record in its folder.
    pub(super) paused: Option<String>,
    /// The strategy that operators asked for last, by the record in the run's folder.
    pub(super) wanted: Option<Strategy>,
    /// The identities that operators dropped.
    pub(super) dropped: BTreeSet<String>,
    /// The identity that lies.
    pub(super) liar: Option<String>,
    /// The row groups whose bytes have changed.
    pub(super) bad: BTreeSet<(Source, u64)>,
    /// Why nobody can use the data, if nobody can.
    pub(crate) missing: Option<String>,
    /// How often each kind of fault occurred.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Number of inputs to state machines.
    pub(super) steps: u64,
    /// All recorded events, whether or not they reached the store.
    pub(crate) events: Vec<Event>,
    pub(crate) refusals: Vec<String>,
    pub(crate) published: Vec<String>,
    pub(crate) outcome: Option<Outcome>,
    /// A line for each event, if the run is traced.
    pub(super) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn empty(settings: Settings, seed: u64, pace: Pace) -> Self {
        let mut world = Self {
            oracle: Oracle::new(settings.plan.clone()),
            settings,
            pace,
            now: 0,
            shells: BTreeMap::new(),
            current: 0,
            workers: BTreeMap::new(),
            next_process: 1,
            late_fetch: false,
            ended: BTreeSet::new(),
            store: Store::default(),
            network: Network::default(),
            random: Random::new(seed),
            lies: Random::new(!seed),
            orders: Random::new(seed.rotate_left(32)),
            breaks: Random::new(seed.rotate_left(16)),
            racks: Random::new(seed.rotate_left(48)),
            reducers_live: true,
            requests: 0,
            answers: Vec::new(),
            paused: None,
            wanted: None,
            dropped: BTreeSet::new(),
            liar: None,
            bad: BTreeSet::new(),
            missing: None,
            faults: BTreeMap::new(),
            steps: 0,
            events: Vec::new(),
            refusals: Vec::new(),
            published: Vec::new(),
            outcome: None,
            trace: None,
        };
        world.start_coordinator();
        world
    }

    pub(super) fn count(&mut self, fault: &'static str) {
        debug_assert!(FAULTS.contains(&fault), "{fault} is not among the kinds of faults");
        *self.faults.entry(fault).or_default() += 1;
        self.note(|| format!("fault: {fault}"));
    }

    /// Adds a line to the trace, if there is one.
    pub(super) fn note(&mut self, words: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} s  {}", self.now as f64 / 1e3, words()));
        }
    }

    /// Starts a coordinator, which continues from the newest checkpoint that loads.
    pub(super) fn start_coordinator(&mut self) {
        self.current += 1;
        let newest = self.store.newest();
        self.oracle.newest_loads(&self.store);
        let settings = Settings { first_lineage: self.current * 1000, ..self.settings.clone() };
        let fell_back = (self.current > 1).then(|| fell_back(settings.first_lineage, newest.as_ref()));
        let mut shell = Shell::new(Core::new(settings, newest, 0), self.now, self.has_separate_reducers());
        if let Some(by) = self.paused.clone() {
            // As the record of a pause in the run's folder has it.
            let actions = shell.core.step(0, Input::Command { command: Command::Pause, by });
            debug_assert!(actions.is_empty(), "nobody is there yet: {actions:?}");
        }
        if let Some(strategy) = self.wanted {
            shell
                .core
                .step(0, Input::Command { command: Command::Switch { strategy }, by: OPERATOR.to_owned() });
        }
        if let Some(event) = fell_back {
            self.events.push(event.clone());
            shell.lines.record(event);
        }
        self.shells.insert(self.current, shell);
        self.call_reducers(self.current);
        if self.pace == Pace::Random {
            self.network.at(self.now + TICK, Happening::Tick { incarnation: self.current });
        }
    }
}

/// Milliseconds between two ticks of a coordinator, and between two heartbeats of a worker.
pub(super) const TICK: Millis = 500;
pub(super) const HEARTBEAT: Millis = 1_000;

fn fell_back(lineage: u64, newest: Option<&(String, Saved)>) -> Event {
    Event::FellBack {
        lineage,
        round: newest.map_or(0, |(_, saved)| saved.round),
        checkpoint: newest.map(|(name, _)| name.clone()),
        committed_frames: Some(newest.map_or(0, |(_, saved)| saved.position.committed_frames())),
        reason: "the coordinator was started again".into(),
    }
}
