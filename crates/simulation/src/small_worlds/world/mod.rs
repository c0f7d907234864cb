mod deaths;
mod operators;
mod perform;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use stentor_plan::Lease;
use stentor_rounds::{
    Action, Arrival, Assignment, Boundary, Command, Core, Fence, Input, Millis, Outcome, Report, Request,
    Saved, Session, Settings, Slot, Written,
};
use stentor_runlog::Return;
use xxhash_rust::xxh3::xxh3_128;

pub(super) const NAMES: [&str; 2] = ["a", "b"];

/// A coordinator's core, two workers, their messages and their store.
#[derive(Debug, Clone)]
pub(super) struct World {
    core: Core,
    incarnation: u64,
    now: Millis,
    next_session: Session,
    pub(super) workers: [Worker; 2],
    /// Contributions and answers of the store in transit, in no order; by their text, so that worlds with the same messages are
    /// equal. Other messages arrive at once.
    pub(super) messages: BTreeMap<String, Message>,
    /// Inputs that arrive now.
    arriving: VecDeque<Input>,
    /// Contributions that wait for the end of their round, as in the engine.
    waiting: BTreeMap<Slot, Caller>,
    /// The payloads in the reducers, by membership.
    staged: BTreeMap<Fence, BTreeMap<Slot, u64>>,
    /// Parameters in the store, by checkpoint.
    models: BTreeMap<String, u64>,
    /// States of checkpoints that members have finished writing, and those whose manifest is in the store.
    complete: BTreeMap<String, Saved>,
    published: BTreeMap<String, Saved>,
    /// Parameters after a round, by lineage and round: one for all replicas.
    applied: BTreeMap<(u64, u64), u64>,
    /// Leases of closed rounds, by lineage and round, in the order of time.
    commits: Vec<((u64, u64), Vec<Lease>)>,
    returns: Vec<Return>,
    pub(super) outcome: Option<Outcome>,
    pub(super) faults: u32,
    /// Number of commands that operators gave.
    pub(super) orders: u32,
    /// Whether the record of a pause is in the run's folder.
    pub(super) paused: bool,
    /// Requests for a checkpoint without an answer.
    unanswered: BTreeSet<Request>,
    /// Number of consecutive waits without another event.
    pub(super) waited: u32,
    pub(super) broken: Vec<String>,
    /// Digest of the whole world.
    seal: u128,
}

#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// Incremented when the process or its connection starts again.
    life: u32,
    session: Option<Session>,
    work: Work,
    parameters: u64,
    /// Whether an operator wants it to leave.
    drained: bool,
}

#[derive(Debug, Clone)]
enum Work {
    Outside,
    Joining,
    /// It was refused and tries again when time has passed.
    Refused,
    Computing(Assignment),
    Staging(Assignment),
    Waiting(Assignment),
    Reporting(Boundary, Option<Assignment>),
    Done,
    /// It was drained or dropped, and does not come back.
    Gone,
}

/// One incarnation of a worker.
type Caller = (usize, u32);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    FromWorker {
        caller: Caller,
        input: Input,
    },
    /// The store has a manifest.
    Stored {
        checkpoint: String,
    },
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.seal == other.seal
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.seal.hash(hasher);
    }
}

impl World {
    pub(super) fn new(settings: &Settings) -> Self {
        let worker = Worker { life: 0, session: None, work: Work::Outside, parameters: 0, drained: false };
        let mut world = Self {
            core: Core::new(settings.clone(), None, 0),
            incarnation: 1,
            now: 0,
            next_session: 1,
            workers: [worker.clone(), worker],
            messages: BTreeMap::new(),
            arriving: VecDeque::new(),
            waiting: BTreeMap::new(),
            staged: BTreeMap::new(),
            models: BTreeMap::new(),
            complete: BTreeMap::new(),
            published: BTreeMap::new(),
            applied: BTreeMap::new(),
            commits: Vec::new(),
            returns: Vec::new(),
            outcome: None,
            faults: 0,
            orders: 0,
            paused: false,
            unanswered: BTreeSet::new(),
            waited: 0,
            broken: Vec::new(),
            seal: 0,
        };
        world.seal();
        world
    }

    /// Worlds with the same seal are equal.
    pub(super) fn seal(&mut self) {
        let core = self.core.state();
        let around =
            (&self.workers, &self.messages, &self.waiting, &self.staged, self.now, self.waited, self.faults);
        let log = (&self.commits, &self.returns, self.published.keys(), self.complete.keys(), &self.models);
        let ordered = (self.orders, self.paused, &self.unanswered);
        let rest = (&self.outcome, &self.broken, self.incarnation, self.next_session, ordered);
        self.seal = xxh3_128(format!("{core:?}{around:?}{log:?}{rest:?}").as_bytes());
    }

    pub(super) fn can_step(&self, index: usize) -> bool {
        let work = &self.workers[index].work;
        !matches!(work, Work::Joining | Work::Waiting(_) | Work::Refused | Work::Done | Work::Gone)
    }

    /// Whether a fault could do the worker any harm.
    pub(super) fn has_begun(&self, index: usize) -> bool {
        !matches!(self.workers[index].work, Work::Outside | Work::Gone)
    }

    /// Whether the sender has started again since: then it makes no difference whether the message arrives.
    pub(super) fn is_of_the_past(&self, message: &Message) -> bool {
        matches!(message, Message::FromWorker { caller, .. } if !self.is_alive(*caller))
    }

    /// Messages of one call arrive in order: first the contribution, then the notice that its payload is staged.
    pub(super) fn may_arrive(&self, message: &Message) -> bool {
        let Message::FromWorker { caller, input: Input::Staged { .. } } = message else { return true };
        let precedes = |other: &Message| matches!(other, Message::FromWorker { caller: of, input: Input::Arrived(_) } if of == caller);
        !self.messages.values().any(precedes)
    }

    fn is_alive(&self, (index, life): Caller) -> bool {
        self.workers[index].life == life
    }

    fn send(&mut self, message: Message) {
        self.messages.insert(format!("{message:?}"), message);
    }

    fn say(&mut self, index: usize, input: Input) {
        let caller = (index, self.workers[index].life);
        self.send(Message::FromWorker { caller, input });
    }

    /// A worker carries out its next step.
    pub(super) fn work(&mut self, settings: &Settings, index: usize) {
        self.do_next(index);
        self.take_in(settings);
    }

    fn do_next(&mut self, index: usize) {
        self.waited = 0;
        let identity = NAMES[index].to_owned();
        match self.workers[index].work.clone() {
            Work::Outside => {
                let session = self.next_session;
                self.next_session += 1;
                self.workers[index].session = Some(session);
                self.workers[index].work = Work::Joining;
                self.arriving.push_back(Input::Join { session, identity });
            }
            Work::Computing(assignment) => {
                let arrival = Arrival {
                    parameters_digest: Some(self.workers[index].parameters),
                    leaving: self.workers[index].drained,
                    ..crate::stories::arrival(&identity, 0, &assignment)
                };
                self.workers[index].work = Work::Staging(assignment);
                self.say(index, Input::Arrived(arrival));
            }
            Work::Staging(assignment) => {
                let payload = xxh3_128(format!("{:?}", assignment.leases).as_bytes()) as u64;
                let Assignment { fence, slot, .. } = assignment;
                self.staged.entry(fence).or_default().insert(slot, payload);
                self.workers[index].work = Work::Waiting(assignment);
                self.say(index, Input::Staged { fence, identity, slot });
            }
            Work::Reporting(boundary, next) => {
                let leaves = self.workers[index].drained && next.is_some();
                self.workers[index].work = next.map_or(Work::Done, Work::Computing);
                self.report(index, boundary);
                if leaves {
                    // What it had kept back is in the model.
                    (self.workers[index].session, self.workers[index].work) = (None, Work::Gone);
                    let reason = "drained by an operator".into();
                    self.arriving.push_back(Input::Leave { identity, reason, fatal: false });
                }
            }
            Work::Joining | Work::Waiting(_) | Work::Refused | Work::Done | Work::Gone => {}
        }
    }

    /// A worker does its duties at a boundary.
    fn report(&mut self, index: usize, boundary: Boundary) {
        let identity = NAMES[index].to_owned();
        let Some(checkpoint) = boundary.checkpoint else { return };
        if boundary.writes_model {
            self.models.insert(checkpoint.clone(), self.workers[index].parameters);
        }
        let written = vec![Written { name: format!("state-{identity}"), bytes: 1, digest: 1, blake3: None }];
        self.arriving.push_back(Input::Reported(Report { identity, checkpoint, written, dev: None }));
    }

    /// A message arrives.
    pub(super) fn deliver(&mut self, settings: &Settings, message: Message) {
        self.messages.remove(&format!("{message:?}"));
        self.waited = 0;
        match message {
            Message::FromWorker { caller, input } => self.hear(settings, Some(caller), input),
            Message::Stored { checkpoint } => {
                if let Some(saved) = self.complete.remove(&checkpoint) {
                    self.published.insert(checkpoint.clone(), saved);
                }
                self.feed(settings, None, Input::Published { checkpoint });
            }
        }
    }

    /// Like [`deliver`](Self::deliver), but the message stays in transit; this copy gets no answer.
    pub(super) fn repeat(&mut self, settings: &Settings, message: Message) {
        if let Message::FromWorker { input, .. } = message {
            self.hear(settings, None, input);
        }
    }

    pub(super) fn store_fails(&mut self, settings: &Settings, checkpoint: String) {
        let stored = Message::Stored { checkpoint: checkpoint.clone() };
        self.messages.remove(&format!("{stored:?}"));
        self.complete.remove(&checkpoint);
        let reason = "the store does not answer".to_owned();
        self.feed(settings, None, Input::PublishFailed { checkpoint, reason, object: None });
    }

    /// The engine's part: of two contributions of a slot the first one keeps its call.
    fn hear(&mut self, settings: &Settings, caller: Option<Caller>, input: Input) {
        if let (Input::Arrived(arrival), Some(caller)) = (&input, caller) {
            if self.waiting.get(&arrival.slot).is_some_and(|first| self.is_alive(*first)) {
                return self.end_call(caller);
            }
            self.waiting.insert(arrival.slot, caller);
        }
        self.feed(settings, caller, input);
    }

    fn feed(&mut self, settings: &Settings, caller: Option<Caller>, input: Input) {
        self.feed_one(settings, caller, input);
        self.take_in(settings);
    }

    /// Delivers the messages without delay, until there are none.
    fn take_in(&mut self, settings: &Settings) {
        while let Some(input) = self.arriving.pop_front() {
            self.feed_one(settings, None, input);
        }
    }

    fn feed_one(&mut self, settings: &Settings, caller: Option<Caller>, input: Input) {
        let stale = self.core.is_from_elsewhere(&input).then(|| self.core.state());
        let words = format!("{input:?}");
        let is_held = self.core.view(self.now).paused.is_some_and(|paused| paused.held);
        let resumes = matches!(&input, Input::Command { command: Command::Resume, .. });
        for action in self.core.step(self.now, input) {
            if is_held && !resumes && matches!(action, Action::Close(_)) {
                self.broken.push("a round closed in a pause".to_owned());
            }
            self.perform(settings, caller, action);
        }
        if self.paused && self.outcome.is_none() && self.core.view(self.now).paused.is_none() {
            self.broken.push("a pause was accepted, and the run goes on".to_owned());
        }
        if stale.is_some_and(|before| before != self.core.state()) {
            self.broken.push(format!("a stale sender changed the state: {words}"));
        }
    }

    /// Nothing is left to do but wait.
    pub(super) fn wait(&mut self, settings: &Settings) {
        self.waited += 1;
        let refused = |index: &usize| matches!(self.workers[*index].work, Work::Refused);
        (0..self.workers.len())
            .filter(refused)
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|index| self.forget(index));
        self.pass_deadline(settings);
    }

    /// The deadline of a round passes. Living workers send heartbeats.
    pub(super) fn pass_deadline(&mut self, settings: &Settings) {
        self.now += (settings.experiment.cluster.round_deadline_s * 1e3) as Millis + 1;
        for session in self.workers.iter().filter_map(|w| w.session).collect::<Vec<_>>() {
            self.feed(settings, None, Input::Heard { session, doing: String::new() });
        }
        self.feed(settings, None, Input::Tick);
    }

    fn note_fall_back(&mut self, lineage: u64, round: u64, checkpoint: Option<&str>) {
        self.returns.push(Return::new(lineage, round, checkpoint, ""));
    }
}
