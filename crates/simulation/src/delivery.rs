use super::network::{Copy, Happening, Reply, Request};
use super::world::{HEARTBEAT, Pace, TICK, World};
use super::{Bug, Process};
use stentor_rounds::{Input, Loss, Millis, Publication};

/// How long a connection without messages is considered alive: two keepalives.
pub(super) const CONNECTION_LIVES: Millis = 10_000;

impl World {
    /// Sends a worker's message. Messages of one worker arrive in order, as on a connection; those of several in any order.
    pub(super) fn send(&mut self, process: Process, request: Request) {
        let Some(worker) = self.workers.get(&process) else { return };
        let (incarnation, call) = (worker.incarnation, worker.call);
        let (cut_until, breaks, earlier) = (worker.cut_until, worker.connection_breaks, worker.arrives);
        let Some(mut time) = self.travel(cut_until, breaks) else { return };
        let is_heartbeat = matches!(request, Request::Heard { .. });
        let is_lie = matches!(request, Request::Says(_));
        if !is_heartbeat {
            time = time.max(earlier);
            if let Some(worker) = self.workers.get_mut(&process) {
                worker.arrives = time;
            }
        }
        if self.pace == Pace::Random
            && !is_heartbeat
            && !is_lie
            && !self.faults_are_over()
            && self.random.one_in(25)
        {
            self.count("duplicate");
            let later = time + self.random.between(1, 6_000);
            let (request, copy) = (request.clone(), Copy::Repeated);
            self.network.at(later, Happening::ToCoordinator { incarnation, process, call, request, copy });
        }
        let copy = Copy::Original;
        self.network.at(time, Happening::ToCoordinator { incarnation, process, call, request, copy });
    }

    /// Sends a coordinator's answer or notice.
    pub(super) fn deliver(
        &mut self,
        process: Process,
        incarnation: u64,
        call: Option<u64>,
        session: Option<u64>,
        reply: Reply,
    ) {
        let Some(worker) = self.workers.get(&process) else { return };
        let Some(time) = self.travel(worker.cut_until, worker.connection_breaks) else { return };
        let Some(worker) = self.workers.get_mut(&process) else { return };
        let overtakes = time < worker.hears;
        worker.hears = worker.hears.max(time);
        if overtakes {
            self.count("reordering");
        }
        self.network.at(time, Happening::ToWorker { process, incarnation, call, session, reply });
    }

    /// When a message sent now arrives; `None` means never.
    fn travel(&mut self, cut_until: Millis, breaks: bool) -> Option<Millis> {
        if self.pace != Pace::Random {
            return Some(self.now);
        }
        let delay = match self.random.one_in(50) {
            true => {
                self.count("delay");
                self.random.between(40, 2_500)
            }
            false => self.random.between(1, 40),
        };
        let is_cut = cut_until > self.now;
        if is_cut && breaks {
            return None;
        }
        Some(self.now.max(cut_until) + delay)
    }

    /// Processes the next event; returns false if there is none.
    pub(crate) fn advance(&mut self) -> bool {
        let Some((time, happening)) = self.network.pop() else { return false };
        self.now = self.now.max(time);
        match self.asleep(&happening) {
            Some(wakes) => self.network.at(wakes, happening),
            None => self.happen(happening),
        }
        true
    }

    /// Until when the process of this event is stopped, if it is.
    fn asleep(&self, happening: &Happening) -> Option<Millis> {
        let until = match happening {
            Happening::ToCoordinator { incarnation, .. }
            | Happening::Broken { incarnation, .. }
            | Happening::Tick { incarnation }
            | Happening::PutSegment { incarnation, .. }
            | Happening::PutManifest { incarnation, .. }
            | Happening::ReducersAnswer { incarnation }
            | Happening::Told { incarnation, .. } => self.shells.get(incarnation)?.frozen_until,
            Happening::ToWorker { process, .. }
            | Happening::Turn { process }
            | Happening::Heartbeat { process }
            | Happening::SumIsWhole { process }
            | Happening::Written { process }
            | Happening::GraceOver { process }
            | Happening::Unreachable { process, .. } => self.workers.get(process)?.frozen_until,
            Happening::Killed { .. }
            | Happening::Fault
            | Happening::ReducersDie
            | Happening::ReducersStart
            | Happening::Order
            | Happening::Resume
            | Happening::Lie
            | Happening::Operator
            | Happening::Supervisor => 0,
        };
        (until > self.now).then_some(until)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::ToCoordinator { incarnation, process, call, request, copy } => {
                self.receive(incarnation, process, call, request, copy);
            }
            Happening::ToWorker { process, incarnation, call, session, reply } => {
                self.hear(process, incarnation, call, session, reply);
            }
            Happening::Turn { process } => {
                self.turn(process);
            }
            Happening::Heartbeat { process } => self.beat(process),
            Happening::SumIsWhole { process } => self.fetch_whole_sum(process),
            Happening::Written { process } => {
                let late = self.workers.get_mut(&process).map(|w| std::mem::take(&mut w.late_objects));
                for (checkpoint, name, object) in late.unwrap_or_default() {
                    self.store.put(&checkpoint, &name, object);
                }
            }
            Happening::GraceOver { process } => self.tell(process, stentor_participant::Input::GraceOver),
            Happening::Broken { incarnation, session } => {
                let mut broken = vec![session];
                broken.extend(self.network.broken_with_it(self.now, incarnation));
                if broken.len() > 1 {
                    self.count("lost together");
                }
                if let Some(shell) = self.shells.get_mut(&incarnation) {
                    shell.joins.retain(|session, _| !broken.contains(session));
                }
                let loss = |session| Loss { session, reason: "its connection broke".into() };
                let losses = broken.into_iter().map(loss).collect();
                self.step(incarnation, Input::Lost(losses), Copy::Original);
            }
            Happening::Unreachable { process, incarnation } => {
                if self.workers.get(&process).is_some_and(|w| w.incarnation == incarnation) {
                    self.end_session(process);
                }
            }
            Happening::Tick { incarnation } => {
                if self.shells.get(&incarnation).is_some_and(|shell| shell.outcome.is_none()) {
                    self.step(incarnation, Input::Tick, Copy::Original);
                    self.look_for_successor(incarnation);
                    self.network.at(self.now + TICK, Happening::Tick { incarnation });
                }
            }
            Happening::PutSegment { incarnation, publication } => {
                self.put_segment(incarnation, publication);
            }
            Happening::PutManifest { incarnation, publication } => {
                self.put_manifest(incarnation, &publication);
            }
            Happening::Told { incarnation, input } => self.step(incarnation, input, Copy::Original),
            Happening::ReducersDie => self.crash_reducers(),
            Happening::ReducersStart => self.start_reducers(),
            Happening::ReducersAnswer { incarnation } => self.reducers_answer(incarnation),
            Happening::Killed { process } => self.kill_process(process),
            Happening::Fault => self.fault(),
            Happening::Order => self.order(),
            Happening::Resume => self.resume(),
            Happening::Lie => self.lie(),
            Happening::Operator => self.operate(),
            Happening::Supervisor => self.supervise(),
        }
    }

    fn receive(&mut self, incarnation: u64, process: Process, call: u64, request: Request, copy: Copy) {
        let waits = |worker: &super::worker::Worker| worker.incarnation == incarnation && worker.call == call;
        let is_awaited = self.workers.get(&process).is_some_and(waits);
        let Some(shell) = self.shells.get_mut(&incarnation).filter(|shell| shell.outcome.is_none()) else {
            // The connection is refused.
            let delay = self.random.between(1, 50);
            self.network.at(self.now + delay, Happening::Unreachable { process, incarnation });
            return;
        };
        let input = match request {
            Request::Join { identity } => {
                let session = shell.open_session(process);
                if is_awaited && copy == Copy::Original {
                    shell.joins.insert(session, (process, call));
                } else {
                    self.break_connection(incarnation, session, 100, 2_000);
                }
                Input::Join { session, identity }
            }
            Request::Arrived(arrival) => {
                if copy == Copy::Original {
                    // As in the engine: a second contribution must not displace the first.
                    let open = |(process, call): &(Process, u64)| {
                        self.workers.get(process).is_some_and(|w| w.call == *call)
                    };
                    if shell.waiting.get(&arrival.slot).is_some_and(open) {
                        return self.deliver(process, incarnation, Some(call), None, Reply::Over);
                    }
                    shell.waiting.insert(arrival.slot, (process, call));
                }
                Input::Arrived(arrival)
            }
            Request::Staged { fence, identity, slot } => Input::Staged { fence, identity, slot },
            Request::Reported(report) => Input::Reported(report),
            Request::Heard { session, doing } => Input::Heard { session, doing },
            Request::Leave { identity } => {
                Input::Leave { identity, reason: "asked to stop by a signal".into(), fatal: false }
            }
            Request::Says(input) => return self.hear_lie(incarnation, process, input),
        };
        self.step(incarnation, input, copy);
    }

    /// A lie reaches a coordinator. It knows the sender's session, as with every message; a lie that comes too late is nobody's.
    fn hear_lie(&mut self, incarnation: u64, process: Process, input: Input) {
        let Some(worker) = self.workers.get(&process).filter(|worker| worker.incarnation == incarnation)
        else {
            return;
        };
        let (identity, session) = (worker.identity.clone(), worker.session);
        let Some(shell) = self.shells.get(&incarnation) else { return };
        // A lone member disturbs nobody, and whatever it says of the data is believed.
        let is_alone = shell.core.sessions().len() < 2;
        if is_alone || session.is_none() || shell.core.session_of(&identity) != session {
            return;
        }
        let before = self.before_lie(incarnation, identity);
        self.step(incarnation, input, Copy::Lie);
        if let Some(before) = before {
            self.after_lie(incarnation, &before);
        }
    }

    fn beat(&mut self, process: Process) {
        let Some(worker) = self.workers.get(&process) else { return };
        if let Some(session) = worker.session {
            // A worker that hangs reports the same text again and again.
            let doing = match worker.hangs_until > self.now {
                true => "hangs".to_owned(),
                false => format!("gets on at {}", self.now),
            };
            self.send(process, Request::Heard { session, doing });
        }
        self.network.at(self.now + HEARTBEAT, Happening::Heartbeat { process });
    }

    /// The log goes first: a checkpoint without its events could not be audited.
    fn put_segment(&mut self, incarnation: u64, publication: Box<Publication>) {
        let fails = self.store_fails();
        let Some(shell) = self.shells.get_mut(&incarnation) else { return };
        if fails {
            if Bug::FailedSegmentForgotten.is_armed() {
                drop(shell.lines.unsaved());
            }
            return self.publication_failed(incarnation, &publication);
        }
        for (segment, events) in shell.lines.unsaved() {
            self.store.put_segment(incarnation, segment, events);
        }
        let delay = self.store_delay();
        self.network.at(self.now + delay, Happening::PutManifest { incarnation, publication });
    }

    fn put_manifest(&mut self, incarnation: u64, publication: &Publication) {
        if !self.shells.contains_key(&incarnation) {
            return;
        }
        if self.store_fails() {
            return self.publication_failed(incarnation, publication);
        }
        if self.claimed() > incarnation {
            return self.step(incarnation, Input::Replaced { by: self.claimed() }, Copy::Original);
        }
        self.store.publish(publication);
        let checkpoint = publication.name.clone();
        self.published.push(checkpoint.clone());
        if let Some(shell) = self.shells.get(&incarnation) {
            self.oracle.published(&self.store, shell, publication);
        }
        self.store.retain(self.settings.experiment.checkpoint.keep as usize, &publication.needed);
        self.oracle.newest_loads(&self.store);
        let delay = self.store_delay();
        self.network
            .at(self.now + delay, Happening::Told { incarnation, input: Input::Published { checkpoint } });
    }

    fn publication_failed(&mut self, incarnation: u64, publication: &Publication) {
        self.count("publication fails");
        let (checkpoint, reason) = (publication.name.clone(), "the store does not answer".to_owned());
        let input = Input::PublishFailed { checkpoint, reason, object: None };
        self.network.at(self.now, Happening::Told { incarnation, input });
    }

    /// As in the engine: a paused coordinator publishes nothing, and would not notice that another one has taken over.
    fn look_for_successor(&mut self, incarnation: u64) {
        let is_paused =
            |shell: &super::shell::Shell| shell.outcome.is_none() && shell.core.view(0).paused.is_some();
        if self.claimed() > incarnation && self.shells.get(&incarnation).is_some_and(is_paused) {
            self.step(incarnation, Input::Replaced { by: self.claimed() }, Copy::Original);
        }
    }

    /// The highest incarnation that has claimed the run.
    fn claimed(&self) -> u64 {
        self.current
    }

    fn store_fails(&mut self) -> bool {
        self.pace == Pace::Random && !self.faults_are_over() && self.random.one_in(16)
    }

    fn store_delay(&mut self) -> Millis {
        match (self.pace, self.random.one_in(12)) {
            (Pace::Random, true) => self.random.between(200, 8_000),
            (Pace::Random, false) => self.random.between(1, 200),
            #[cfg(test)]
            (Pace::ByHand, _) => 0,
        }
    }
}
