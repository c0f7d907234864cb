//! What workers do in the world: each thing they do next, and what they hear.

use super::network::{Happening, Reply, Request};
use super::worker::{Pretence, Step, Work, Worker};
use super::world::{HEARTBEAT, Pace, World};
use super::{Bug, Process};
use stentor_coordinator::state_machine::{Boundary, Closing, Next};
use stentor_scores::frame_sums;

impl World {
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
        let current = self.current;
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
        let step = worker.turn(&mut self.store, &pretence);
        let (late, slot) = (!worker.late_objects.is_empty(), self.workers.get(&process));
        let incarnation = slot.map_or(current, |w| w.incarnation);
        if late {
            let delay = self.random.between(1, 400);
            self.network.at(self.now + delay, Happening::Written { process });
        }
        match step {
            Step::Nothing => {}
            Step::Send(request) => self.send(process, request),
            Step::Stage { sum_group, payload, word } => {
                if let (Request::Staged { fence, slot, .. }, Some(shell)) =
                    (&word, self.shells.get_mut(&incarnation))
                {
                    shell.reducers.stage(*fence, sum_group.group, *slot, payload);
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
            Work::Reporting(Boundary { checkpoint: Some(_), .. }, _) => return self.plan_duties(process),
            _ => (50, 1_500),
        };
        let delay = match self.random.one_in(60) {
            true => self.random.between(most, slowest),
            false => self.random.between(1, most),
        };
        self.network.at(self.now + delay, Happening::Turn { process });
    }

    /// A boundary's duties may take much longer than a round's deadline, and once in a while they do not end.
    fn plan_duties(&mut self, process: Process) {
        let kind = if self.is_calm() { 0 } else { self.random.below(40) };
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
            Pace::ByHand => Pretence { dev: frame_sums(10, 1.0, 5), loss: 0.1 },
            Pace::Random => {
                let loss_sum = if self.random.one_in(40) { f64::NAN } else { 1.0 };
                let dev = frame_sums(10, loss_sum, self.random.below(10));
                let fails = !self.is_calm() && self.random.one_in(60);
                Pretence { dev, loss: if fails { f64::NAN } else { 0.1 } }
            }
        }
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
        let momentum = self.settings.experiment.exchange.bmuf.kind;
        self.note(|| format!("process {process} hears {reply:?}"));
        let Some(worker) = self.workers.get_mut(&process) else { return };
        let mut expected = worker.incarnation == incarnation
            && (call == Some(worker.call) || (session.is_some() && session == worker.session));
        if let (true, Reply::Update { closing, .. }, Work::Waiting(open, _)) =
            (Bug::StaleIncarnationBelieved.is_armed(), &reply, &worker.work)
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
            Reply::Again { fence, sum_group } => {
                worker.again(fence, sum_group);
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
        let gone = || "the coordinator is gone".to_owned();
        let shell = self.shells.get(&incarnation).ok_or_else(gone)?;
        let worker = self.workers.get_mut(&process).ok_or_else(gone)?;
        let Work::Waiting(assignment, _) = &worker.work else { return Err("nobody waits".into()) };
        let sum = shell.reducers.fetch(closing.fence, assignment.sum_group.group);
        let sum = sum.ok_or("a reducer has gone on without this member")?;
        worker.update(closing, next, &sum, &mut self.oracle)
    }
}
