//! The workers of a world: their steps, and the messages that they receive.

use super::Process;
use super::carry_out::Done;
use super::network::{Happening, Reply};
use super::worker::{Figures, Worker, begins_step};
use super::world::{HEARTBEAT, Pace, World};
use crate::Bug;
use stentor_participant::{Action, Input};
use stentor_scores::frame_sums;

impl World {
    /// Starts a worker process; it requests membership in its first turn.
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

    /// Carries out a worker's next step; returns false if it can only wait.
    pub(crate) fn turn(&mut self, process: Process) -> bool {
        let alive = self.shells.get(&self.current).is_some_and(|shell| shell.outcome.is_none());
        let Some(worker) = self.workers.get_mut(&process) else { return false };
        if !worker.has_turn() || (self.pace != Pace::Random && worker.is_done()) {
            return false;
        }
        if worker.is_to_join() {
            if worker.cut_until > self.now || !alive {
                // There is no answer: it tries again.
                if self.pace == Pace::Random {
                    self.network.at(self.now + 1_000, Happening::Turn { process });
                }
                return false;
            }
            let (incarnation, left) = (worker.incarnation, worker.session.take());
            worker.incarnation = self.current;
            if let Some(session) = left {
                self.break_connection(incarnation, session, 20, 300);
            }
        }
        self.do_step(process);
        self.plan_turn(process);
        true
    }

    /// Carries out the next action, and those that belong to the same step.
    pub(super) fn do_step(&mut self, process: Process) {
        let figures = self.figures();
        let mut is_first = true;
        loop {
            let Some(worker) = self.workers.get_mut(&process) else { return };
            let goes_on = |action: &mut Action| is_first || !begins_step(action);
            let Some(action) = worker.actions.pop_front_if(goes_on) else { return };
            is_first = false;
            match self.carry_out(process, action, &figures) {
                Done::Nothing => {}
                Done::Hears(input) => self.tell(process, input),
                Done::Fails(reason) => {
                    self.refusals.push(reason);
                    return self.end_session(process);
                }
            }
        }
    }

    /// Tells a worker's participant what has happened.
    pub(super) fn tell(&mut self, process: Process, input: Input) {
        if let Some(worker) = self.workers.get_mut(&process) {
            worker.hears(input);
        }
    }

    /// In a random world a worker's next step takes a random time.
    pub(super) fn plan_turn(&mut self, process: Process) {
        if self.pace != Pace::Random {
            return;
        }
        let Some(worker) = self.workers.get(&process).filter(|w| w.has_turn()) else { return };
        if worker.has_duties() {
            return self.plan_duties(process);
        }
        let (most, slowest) = match worker.actions.front() {
            Some(Action::Begin(_)) => (600, 9_000),
            _ => (50, 1_500),
        };
        let delay = match (worker.is_done(), self.random.one_in(60)) {
            // The interval at which the real worker looks for the last checkpoint.
            (true, _) => 200,
            (false, true) => self.random.between(most, slowest),
            (false, false) => self.random.between(1, most),
        };
        self.network.at(self.now + delay, Happening::Turn { process });
    }

    /// Duties at a boundary may take much longer than a round's deadline, and sometimes do not end.
    fn plan_duties(&mut self, process: Process) {
        let kind = if self.faults_are_over() { 0 } else { self.random.below(40) };
        let delay = match kind {
            1 => {
                self.count("hang");
                self.random.between(30_000, 60_000)
            }
            2 | 3 => {
                self.count("slow duties");
                self.random.between(4_000, 20_000)
            }
            _ => self.random.between(1, 400),
        };
        let wakes = self.now + delay;
        if let (1, Some(worker)) = (kind, self.workers.get_mut(&process)) {
            worker.hangs_until = wakes;
        }
        self.network.at(wakes, Happening::Turn { process });
    }

    /// Ends a worker's session: it joins again, and the coordinator sees the end of its heartbeats' stream.
    pub(super) fn end_session(&mut self, process: Process) {
        let Some(worker) = self.workers.get_mut(&process) else { return };
        worker.call += 1;
        worker.exchange = None;
        let (incarnation, session) = (worker.incarnation, worker.session.take());
        worker.hears(Input::Over { reason: "its session is over".into() });
        if let Some(session) = session {
            self.break_connection(incarnation, session, 20, 300);
        }
        self.plan_turn(process);
        #[cfg(test)]
        if self.pace == Pace::ByHand {
            // It joins again at once, also where it looks for the last checkpoint first.
            while !self.workers.get(&process).is_none_or(|w| w.joining) && self.turn(process) {}
            self.turn(process);
        }
    }

    /// The coordinator sees that a connection is broken.
    pub(super) fn break_connection(&mut self, incarnation: u64, session: u64, soonest: u64, latest: u64) {
        let delay = match self.pace {
            #[cfg(test)]
            Pace::ByHand => 0,
            Pace::Random => self.random.between(soonest, latest),
        };
        self.network.at(self.now + delay, Happening::Broken { incarnation, session });
    }

    /// Figures that a worker reports, some of them not finite.
    fn figures(&mut self) -> Figures {
        match self.pace {
            #[cfg(test)]
            Pace::ByHand => Figures { dev: frame_sums(10, 1.0, 5), loss: 0.1 },
            Pace::Random => {
                let loss_sum = if self.random.one_in(40) { f64::NAN } else { 1.0 };
                let dev = frame_sums(10, loss_sum, self.random.below(10));
                let fails = !self.faults_are_over() && self.random.one_in(60);
                Figures { dev, loss: if fails { f64::NAN } else { 0.1 } }
            }
        }
    }

    /// Delivers a coordinator's message to a worker.
    pub(super) fn hear(
        &mut self,
        process: Process,
        incarnation: u64,
        call: Option<u64>,
        session: Option<u64>,
        reply: Reply,
    ) {
        self.note(|| format!("process {process} hears {reply:?}"));
        let Some(worker) = self.workers.get_mut(&process) else { return };
        let mut expected = worker.incarnation == incarnation
            && (call == Some(worker.call) || (session.is_some() && session == worker.session));
        if let (true, Reply::Closed(closed), Some((open, _))) =
            (Bug::StaleIncarnationAccepted.is_armed(), &reply, worker.waits_for())
        {
            expected |= closed.fence.round == open.fence.round;
        }
        if !expected {
            return self.note(|| format!("process {process} does not wait for that"));
        }
        match reply {
            Reply::Admitted { session, assignment, checkpoint } => {
                (worker.session, worker.joining) = (Some(session), false);
                let assignment = Box::new(assignment);
                worker.assignment = Some((*assignment).clone());
                worker.hears(Input::Admitted { session, assignment, checkpoint });
                // It loads its state before it computes its first batches.
                self.do_step(process);
            }
            Reply::Refused => worker.hears(Input::Failed { reason: "refused".into(), fatal: false }),
            Reply::Again { fence, sum_group } => {
                worker.exchange = None;
                worker.hears(Input::Again { fence, sum_group });
            }
            Reply::Drain => worker.hears(Input::Drain),
            Reply::Over => return self.end_session(process),
            Reply::Closed(closed) => self.hear_of_close(process, incarnation, closed),
        }
        if self.workers.get(&process).is_some_and(|w| w.participant.has_ended()) {
            self.do_step(process);
        }
        self.plan_turn(process);
    }
}
