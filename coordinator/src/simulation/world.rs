use super::network::{Copy, Happening, Network, Reply, Request};
use super::oracle::Oracle;
use super::random::Random;
use super::shell::Shell;
use super::store::Store;
use super::worker::{Pretence, Step, Work, Worker};
use super::{FAULTS, Process};
use crate::core::{
    Action, Boundary, Bug, Closing, Core, DevScore, Encoding, Event, Input, Invariant, Millis, Next, Outcome,
    Publication, Saved, Settings,
};
use std::collections::BTreeMap;
use stentor_experiment::Strategy;

/// Who moves things on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A story, step by step: messages need no time, and nothing happens by itself.
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
    pub(super) store: Store,
    pub(super) network: Network,
    pub(super) oracle: Oracle,
    pub(super) random: Random,
    /// How often each kind of fault came.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Inputs that a core was given.
    pub(super) steps: u64,
    /// All that was recorded, whether or not it came to the store.
    pub(crate) events: Vec<Event>,
    pub(crate) refusals: Vec<String>,
    pub(crate) published: Vec<String>,
    pub(crate) outcome: Option<Outcome>,
    /// What happens, in words, where somebody wants to know.
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
            store: Store::default(),
            network: Network::default(),
            random: Random::new(seed),
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

    /// Notes what happens, where it is traced.
    pub(super) fn note(&mut self, words: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} s  {}", self.now as f64 / 1e3, words()));
        }
    }

    pub(super) fn bug(&self) -> Option<Bug> {
        self.settings.bug
    }

    /// Starts a coordinator, which goes on from the newest checkpoint that loads.
    pub(super) fn start_coordinator(&mut self) {
        self.current += 1;
        let newest = self.store.newest();
        self.oracle.newest_loads(&self.store);
        let settings = Settings { first_lineage: self.current * 1000, ..self.settings.clone() };
        let fell_back = (self.current > 1).then(|| fell_back(settings.first_lineage, newest.as_ref()));
        let mut shell = Shell::new(Core::new(settings, newest, 0), self.now);
        if let Some(event) = fell_back {
            self.events.push(event.clone());
            shell.lines.record(event);
        }
        self.shells.insert(self.current, shell);
        if self.pace == Pace::Random {
            self.network.at(self.now + TICK, Happening::Tick { incarnation: self.current });
        }
    }

    /// Starts a worker process; it asks for membership in its first turn.
    pub(crate) fn start_worker(&mut self, identity: &str) -> Process {
        let process = self.next_process;
        self.next_process += 1;
        self.workers.insert(process, Worker::new(process, identity, self.current));
        if self.pace == Pace::Random {
            self.network.at(self.now, Happening::Turn { process });
            self.network.at(self.now + HEARTBEAT, Happening::Heartbeat { process });
        }
        process
    }

    pub(crate) fn identities(&self) -> Vec<String> {
        self.workers.values().map(|w| w.identity.clone()).collect()
    }

    /// A worker does its next thing. False where it can only wait.
    pub(crate) fn turn(&mut self, process: Process) -> bool {
        let pretence = self.pretence();
        let (bug, current) = (self.bug(), self.current);
        let alive = self.shells.get(&current).is_some_and(|shell| shell.outcome.is_none());
        let Some(worker) = self.workers.get_mut(&process) else { return false };
        if !worker.has_turn() {
            return false;
        }
        if matches!(worker.work, Work::Outside) {
            if worker.cut_until > self.now || !alive {
                // Nobody answers: it tries again.
                if self.pace == Pace::Random {
                    self.network.at(self.now + 1_000, Happening::Turn { process });
                }
                return false;
            }
            worker.incarnation = current;
        }
        let step = worker.turn(&mut self.store, pretence, bug);
        let (late, slot) = (!worker.late_objects.is_empty(), self.workers.get(&process));
        let incarnation = slot.map_or(current, |w| w.incarnation);
        if late {
            let delay = self.random.between(1, 400);
            self.network.at(self.now + delay, Happening::Written { process });
        }
        match step {
            Step::Nothing => {}
            Step::Send(request) => self.send(process, request),
            Step::Stage { company, payload, word } => {
                if let (Request::Staged { fence, slot, .. }, Some(shell)) =
                    (&word, self.shells.get_mut(&incarnation))
                {
                    shell.reducers.stage(*fence, company.group, *slot, payload);
                }
                self.send(process, word);
            }
            Step::Over(reason) => {
                self.refusals.push(reason);
                self.end_session(process);
            }
        }
        if self.pace == Pace::Random && self.workers.get(&process).is_some_and(Worker::takes_leave) {
            self.sign_off(process);
        }
        self.plan_turn(process);
        true
    }

    /// In a random world a worker's next step takes its time.
    pub(super) fn plan_turn(&mut self, process: Process) {
        if self.pace != Pace::Random {
            return;
        }
        let Some(worker) = self.workers.get(&process).filter(|w| w.has_turn()) else { return };
        let (most, slowest) = match worker.work {
            Work::Computing(_) => (600, 9_000),
            Work::Reporting(Boundary { checkpoint: Some(_), .. }, _) => (200, 4_000),
            _ => (50, 1_500),
        };
        let delay = match self.random.one_in(60) {
            true => self.random.between(most, slowest),
            false => self.random.between(1, most),
        };
        self.network.at(self.now + delay, Happening::Turn { process });
    }

    /// Its session is over, and it joins again; the coordinator sees the stream of its heartbeats end.
    pub(super) fn end_session(&mut self, process: Process) {
        let Some(worker) = self.workers.get_mut(&process) else { return };
        let (incarnation, session) = (worker.incarnation, worker.session);
        worker.leave_session();
        if let Some(session) = session {
            self.break_connection(incarnation, session, 20, 300);
        }
        self.plan_turn(process);
        #[cfg(test)]
        if self.pace == Pace::ByHand {
            self.turn(process);
        }
    }

    /// The coordinator's side sees that a connection is gone.
    pub(super) fn break_connection(&mut self, incarnation: u64, session: u64, soonest: u64, latest: u64) {
        let delay = match self.pace {
            #[cfg(test)]
            Pace::ByHand => 0,
            Pace::Random => self.random.between(soonest, latest),
        };
        self.network.at(self.now + delay, Happening::Broken { incarnation, session });
    }

    /// Numbers that a worker tells, some of them hard to swallow.
    fn pretence(&mut self) -> Pretence {
        match self.pace {
            #[cfg(test)]
            Pace::ByHand => {
                Pretence { dev: DevScore { frames: 10, loss_sum: 1.0, correct_frames: 5 }, loss: 0.1 }
            }
            Pace::Random => {
                let loss_sum = if self.random.one_in(40) { f64::NAN } else { 1.0 };
                let dev = DevScore { frames: 10, loss_sum, correct_frames: self.random.below(10) };
                let fails = !self.is_calm() && self.random.one_in(60);
                Pretence { dev, loss: if fails { f64::NAN } else { 0.1 } }
            }
        }
    }

    /// Gives a coordinator's core an input and does what it says.
    pub(super) fn step(&mut self, incarnation: u64, input: Input, copy: Copy) {
        let Some(mut shell) = self.shells.remove(&incarnation) else { return };
        if shell.outcome.is_none() {
            self.steps += 1;
            let now = self.now - shell.started;
            let stale = shell.core.is_from_elsewhere(&input).then(|| (shell.core.state(), input.clone()));
            if !matches!(input, Input::Tick | Input::Heard { .. }) {
                self.note(|| format!("coordinator {incarnation} gets {input:?}, {copy:?}"));
            }
            let actions = shell.core.step(now, input);
            if let Some((before, input)) = stale {
                let after = shell.core.state();
                if before != after {
                    let found = format!("{input:?} changed the state from {before} to {after}");
                    self.oracle.report(Invariant::Fenced, found);
                }
            }
            for action in actions {
                self.perform(incarnation, &mut shell, action, copy);
            }
        }
        self.shells.insert(incarnation, shell);
    }

    fn perform(&mut self, incarnation: u64, shell: &mut Shell, action: Action, copy: Copy) {
        self.note(|| format!("coordinator {incarnation} does {action:?}"));
        match action {
            Action::Admit { session, assignment, checkpoint } => {
                let reply = Reply::Admitted { session, assignment, checkpoint };
                self.answer_join(incarnation, shell, session, reply);
            }
            Action::RefuseJoin { session, reason } => {
                if reason.contains("cluster.restarts") {
                    self.count("budget spent");
                }
                self.answer_join(incarnation, shell, session, Reply::Refused);
                self.refusals.push(reason);
            }
            Action::PutOff { session, .. } => self.answer_join(incarnation, shell, session, Reply::Over),
            Action::Refuse { slot, reason, .. } => {
                // Nobody waits for the answer to a message that came twice.
                if copy == Copy::Original {
                    self.answer(incarnation, shell, slot, Reply::Over);
                }
                self.refusals.push(reason);
            }
            Action::Again { slot, fence, company } => {
                self.count("again");
                self.answer(incarnation, shell, slot, Reply::Again { fence, company });
            }
            Action::Close(closing) => self.close(incarnation, shell, &closing),
            Action::Dismiss { session, slot, .. } => {
                if let Some(process) = shell.owners.get(&session) {
                    let (process, session) = (*process, Some(session));
                    self.deliver(process, incarnation, None, session, Reply::Over);
                }
                if let Some((process, call)) = shell.joins.remove(&session) {
                    self.deliver(process, incarnation, Some(call), None, Reply::Over);
                }
                self.answer(incarnation, shell, slot, Reply::Over);
            }
            Action::Publish(publication) => {
                shell.lines.cut();
                self.publish(incarnation, publication);
            }
            Action::Record(event) => {
                if let Event::Refused { .. } = event {
                    self.count("poison");
                }
                if let Event::FellBack { .. } = event {
                    self.answer_all(incarnation, shell);
                }
                self.events.push(event.clone());
                shell.lines.record(event);
            }
            Action::Violated(violation) => self.oracle.violations.push(violation),
            Action::Stop(outcome) => self.stop(incarnation, shell, outcome),
        }
    }

    fn answer_join(&mut self, incarnation: u64, shell: &mut Shell, session: u64, reply: Reply) {
        if let Some((process, call)) = shell.joins.remove(&session) {
            self.deliver(process, incarnation, Some(call), None, reply);
        }
    }

    fn answer(&mut self, incarnation: u64, shell: &mut Shell, slot: u32, reply: Reply) {
        if let Some((process, call)) = shell.waiting.remove(&slot) {
            self.deliver(process, incarnation, Some(call), None, reply);
        }
    }

    fn answer_all(&mut self, incarnation: u64, shell: &mut Shell) {
        let slots: Vec<u32> = shell.waiting.keys().copied().collect();
        slots.into_iter().for_each(|slot| self.answer(incarnation, shell, slot, Reply::Over));
    }

    fn close(&mut self, incarnation: u64, shell: &mut Shell, closing: &Closing) {
        let (mut groups, mut is_meeting) = (BTreeMap::new(), false);
        for worker in self.workers.values().filter(|w| w.incarnation == incarnation) {
            if let Work::Waiting(assignment, _) = &worker.work
                && assignment.fence == closing.fence
                && let Some(next) = closing.next.get(&assignment.slot)
            {
                groups.insert(assignment.company.group, next.contributors.clone());
                let is_block = matches!(closing.encoding, Encoding::Block { .. });
                is_meeting |= is_block && assignment.strategy == Strategy::TwoTier;
            }
        }
        self.oracle.closing(shell, closing, &groups);
        if is_meeting {
            self.oracle.met(shell, closing.fence);
        }
        for (slot, next) in closing.next.clone() {
            let reply = Reply::Update { closing: Closing { next: BTreeMap::new(), ..closing.clone() }, next };
            self.answer(incarnation, shell, slot, reply);
        }
        self.answer_all(incarnation, shell);
    }

    fn publish(&mut self, incarnation: u64, publication: Box<Publication>) {
        let delay = match self.pace {
            #[cfg(test)]
            Pace::ByHand => 0,
            Pace::Random => self.random.between(1, 100),
        };
        self.network.at(self.now + delay, Happening::PutSegment { incarnation, publication });
    }

    fn stop(&mut self, incarnation: u64, shell: &mut Shell, outcome: Outcome) {
        // The rest of the log is flushed before the process ends.
        shell.lines.cut();
        for (segment, events) in shell.lines.unsaved() {
            self.store.put_segment(incarnation, segment, events);
        }
        if let Outcome::LostQuorum { reason } = &outcome
            && incarnation == self.current
            && self.must_find_workers()
            && !reason.contains("lost too often")
        {
            let found = format!("nothing fails any more, and yet: {reason}");
            self.oracle.report(Invariant::BoundedWaits, found);
        }
        let lineage = shell.core.view(0).fence.lineage;
        self.oracle.stopped(&self.store, lineage, &outcome);
        self.answer_all(incarnation, shell);
        shell.outcome = Some(outcome.clone());
        self.outcome = Some(outcome);
    }

    /// A worker hears from a coordinator.
    pub(super) fn hear(
        &mut self,
        process: Process,
        incarnation: u64,
        call: Option<u64>,
        session: Option<u64>,
        reply: Reply,
    ) {
        let (bug, momentum) = (self.bug(), self.settings.experiment.exchange.bmuf.kind);
        self.note(|| format!("process {process} hears {reply:?}"));
        let Some(worker) = self.workers.get_mut(&process) else { return };
        let mut expected = worker.incarnation == incarnation
            && (call == Some(worker.call) || (session.is_some() && session == worker.session));
        if let (Some(Bug::StaleIncarnationBelieved), Reply::Update { closing, .. }, Work::Waiting(open, _)) =
            (bug, &reply, &worker.work)
        {
            expected |= closing.fence.round == open.fence.round;
        }
        if !expected {
            return self.note(|| format!("process {process} does not wait for that"));
        }
        let over = match reply {
            Reply::Admitted { session, assignment, checkpoint } => {
                worker.session = Some(session);
                let loaded =
                    worker.admitted(session, assignment, checkpoint.as_deref(), momentum, &self.store);
                loaded.err()
            }
            Reply::Refused => {
                self.workers.remove(&process);
                return;
            }
            Reply::Again { fence, company } => {
                worker.again(fence, company);
                None
            }
            Reply::Over => Some(String::new()),
            Reply::Update { closing, next } => self.updated(process, incarnation, &closing, next).err(),
        };
        match over {
            Some(_) => self.end_session(process),
            None => self.plan_turn(process),
        }
    }

    fn updated(
        &mut self,
        process: Process,
        incarnation: u64,
        closing: &Closing,
        next: Next,
    ) -> Result<(), String> {
        let bug = self.bug();
        let gone = || "the coordinator is gone".to_owned();
        let shell = self.shells.get(&incarnation).ok_or_else(gone)?;
        let worker = self.workers.get_mut(&process).ok_or_else(gone)?;
        let Work::Waiting(assignment, _) = &worker.work else { return Err("nobody waits".into()) };
        let sum = shell.reducers.fetch(closing.fence, assignment.company.group);
        let sum = sum.ok_or("a reducer has gone on without this member")?;
        worker.update(closing, next, &sum, bug, &mut self.oracle)
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
