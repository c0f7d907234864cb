use super::Process;
use super::delivery::CONNECTION_LIVES;
use super::network::Happening;
use super::worker::Worker;
use super::world::{Pace, World};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use stentor_experiment::{Membership, Strategy};
use stentor_participant::Input as Asked;
use stentor_rounds::{Command, Invariant, Millis, Outcome};

/// Time of the last fault: after it the run has to finish.
const FAULTS_END: Millis = 90_000;
/// Time by which the run must have finished.
const LATEST: Millis = FAULTS_END + 900_000;

/// Identities that come and go in an elastic run.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

impl World {
    pub(super) fn faults_are_over(&self) -> bool {
        self.now >= FAULTS_END
    }

    /// Whether faults ended so long ago that missing workers have been started again and have joined.
    pub(super) fn must_find_workers(&self) -> bool {
        self.pace == Pace::Random && self.now >= FAULTS_END + 60_000
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.settings.experiment.cluster.membership == Membership::Fixed
    }

    /// Runs from the first join to the end of the run.
    pub(super) fn weather(&mut self) {
        let workers = self.settings.experiment.cluster.workers as usize;
        for name in &NAMES[..workers] {
            self.start_worker(name);
        }
        self.network.at(1_000, Happening::Fault);
        self.network.at(1_500, Happening::Operator);
        while !self.is_over() && self.oracle.violations.is_empty() && self.advance() {
            if self.now > LATEST {
                let waiting = self.shells.values().map(|s| s.core.view(self.now - s.started).waiting);
                let found = format!("the run does not end; {}", waiting.collect::<Vec<_>>().join("; "));
                self.oracle.report(Invariant::BoundedWaits, found);
            }
        }
    }

    /// A coordinator has finished, or all have given up.
    fn is_over(&self) -> bool {
        let finished = matches!(self.outcome, Some(Outcome::Finished { .. }));
        let nobody = !self.shells.is_empty() && self.shells.values().all(|s| s.outcome.is_some());
        finished || nobody
    }

    /// Injects a random fault.
    pub(super) fn fault(&mut self) {
        if self.faults_are_over() {
            return;
        }
        let next = self.random.between(200, 5_000);
        self.network.at(self.now + next, Happening::Fault);
        let processes: Vec<Process> = self.workers.keys().copied().collect();
        let victim = self.random.pick(&processes).copied();
        match (self.random.below(18), victim) {
            (0..3, Some(process)) if self.racks.one_in(4) => self.kill_rack(process, &processes),
            (0..3, Some(process)) => {
                self.count("crash");
                self.kill_process(process);
            }
            (3..5, Some(process)) => self.freeze_for_a_while(process),
            (5..8, Some(process)) => self.cut(process),
            (8..10, Some(process)) if self.random.one_in(2) => {
                self.count("asked to stop");
                self.ask_to_stop(process);
            }
            (8..10, Some(process)) => {
                self.count("leave");
                self.sign_off(process);
            }
            (10..12, _) => self.crash_coordinator(),
            (12..14, _) => self.freeze_coordinator(),
            (14..16, _) => {
                if let Some(&strategy) = self.random.pick(&Strategy::ALL) {
                    self.count("switch");
                    self.command(Command::Switch { strategy });
                }
            }
            _ if !self.is_fixed() && self.workers.len() < 4 => {
                let there = self.identities();
                let absent: Vec<&str> =
                    NAMES.into_iter().filter(|name| !there.iter().any(|t| t == name)).collect();
                if let Some(&name) = self.random.pick(&absent) {
                    self.count("join");
                    self.start_worker(name);
                }
            }
            _ => {}
        }
    }

    /// The process dies, and its connections break.
    pub(crate) fn kill_process(&mut self, process: Process) {
        let Some(Worker { cut_until, .. }) = self.workers.remove(&process) else { return };
        self.break_all(process, cut_until, 20..=300);
    }

    /// A rack loses its power: the processes on it die, and their connections are seen to break, at the same moments.
    fn kill_rack(&mut self, first: Process, all: &[Process]) {
        self.count("rack");
        let delay = self.racks.between(20, 300);
        for &process in all {
            if (process == first || self.racks.one_in(2))
                && let Some(Worker { cut_until, .. }) = self.workers.remove(&process)
            {
                self.break_all(process, cut_until, delay..=delay);
            }
        }
    }

    /// Every coordinator notices after some time that its connection to a process is broken.
    fn break_all(&mut self, process: Process, cut_until: Millis, delay: RangeInclusive<Millis>) {
        // The end of a connection is not visible over a cut link; then missing heartbeats show it.
        let delay = if cut_until > self.now { CONNECTION_LIVES..=CONNECTION_LIVES + 500 } else { delay };
        let mut sessions = Vec::new();
        for (&incarnation, shell) in &self.shells {
            let owned = shell.owners.iter().filter(|(_, owner)| **owner == process);
            sessions.extend(owned.map(|(&session, _)| (incarnation, session)));
        }
        for (incarnation, session) in sessions {
            self.break_connection(incarnation, session, *delay.start(), *delay.end());
        }
    }

    /// SIGSTOP; meanwhile a supervisor may start the same identity again.
    fn freeze_for_a_while(&mut self, process: Process) {
        self.count("freeze");
        let wakes = self.now + self.random.between(500, 15_000);
        let replaced = self.random.one_in(3);
        let Some(worker) = self.workers.get_mut(&process) else { return };
        worker.frozen_until = wakes;
        if replaced {
            let identity = worker.identity.clone();
            self.count("replaced");
            self.start_worker(&identity);
            // The supervisor's signal reaches the old process as soon as it can.
            let dies = wakes + self.random.between(0, 1_000);
            self.network.at(dies, Happening::Killed { process });
        }
    }

    fn cut(&mut self, process: Process) {
        self.count("partition");
        let lasts = self.random.between(300, 20_000);
        let now = self.now;
        let Some(worker) = self.workers.get_mut(&process).filter(|w| w.cut_until <= now) else { return };
        worker.cut_until = now + lasts;
        worker.connection_breaks = lasts > CONNECTION_LIVES;
        let incarnation = worker.incarnation;
        if lasts > CONNECTION_LIVES {
            self.break_all(process, now + lasts, CONNECTION_LIVES..=CONNECTION_LIVES + 500);
            self.network.at(now + CONNECTION_LIVES, Happening::Unreachable { process, incarnation });
        }
    }

    /// SIGTERM: the worker stays until its residual is part of the others' model, then leaves and ends.
    pub(crate) fn ask_to_stop(&mut self, process: Process) {
        let Some(worker) = self.workers.get_mut(&process) else { return };
        if !(worker.joining || worker.is_to_join()) {
            return worker.hears(Asked::Stop);
        }
        // It has no state to hand over, and does not join.
        worker.actions.clear();
        worker.hears(Asked::Stop);
        self.plan_turn(process);
    }

    /// The worker leaves and ends.
    pub(crate) fn sign_off(&mut self, process: Process) {
        self.tell(process, Asked::Failed { reason: "it gives up".into(), fatal: false });
        self.do_step(process);
    }

    fn crash_coordinator(&mut self) {
        self.count("coordinator crash");
        let incarnation = self.current;
        if self.shells.remove(&incarnation).is_some() {
            self.lose_coordinator(incarnation, 20, 300);
        }
        let delay = self.random.between(300, 3_000);
        self.network.at(self.now + delay, Happening::Supervisor);
    }

    fn lose_coordinator(&mut self, incarnation: u64, soonest: Millis, latest: Millis) {
        let connected: Vec<Process> =
            self.workers.values().filter(|w| w.incarnation == incarnation).map(|w| w.process).collect();
        for process in connected {
            let delay = self.random.between(soonest, latest);
            self.network.at(self.now + delay, Happening::Unreachable { process, incarnation });
        }
    }

    /// A coordinator stops for a while; its supervisor may consider it dead, and then there are two.
    fn freeze_coordinator(&mut self) {
        self.count("coordinator freeze");
        let incarnation = self.current;
        let lasts = self.random.between(500, 25_000);
        let wakes = self.now + lasts;
        let Some(shell) = self.shells.get_mut(&incarnation) else { return };
        shell.frozen_until = wakes;
        if lasts > CONNECTION_LIVES {
            self.lose_coordinator(incarnation, CONNECTION_LIVES, CONNECTION_LIVES + 500);
        }
        if self.random.one_in(2) {
            self.count("two coordinators");
            self.start_coordinator();
            // The supervisor moves the address, and connections with it, sooner or later.
            self.lose_coordinator(incarnation, 100, 12_000);
        }
    }

    /// An operator starts missing processes again.
    pub(super) fn operate(&mut self) {
        let next = self.random.between(300, 4_000);
        self.network.at(self.now + next, Happening::Operator);
        if let Some(name) = self.missing()
            && !self.outcome_is_near()
        {
            self.count("restart");
            self.start_worker(name);
        }
    }

    /// The identity to start: in a fixed run one of the roster; in an elastic run any, because some may be refused by now.
    fn missing(&mut self) -> Option<&'static str> {
        let wanted = self.settings.experiment.cluster.workers as usize;
        let there: BTreeSet<String> = self.identities().into_iter().chain(self.ended.clone()).collect();
        let absent = |name: &&'static str| !there.contains(*name);
        if self.is_fixed() {
            return NAMES[..wanted].iter().copied().find(|name| absent(name));
        }
        let absent: Vec<&'static str> = NAMES.into_iter().filter(absent).collect();
        if there.len() < wanted { self.random.pick(&absent).copied() } else { None }
    }

    /// Whether the last update has been sent: then workers that have ended are not started again.
    fn outcome_is_near(&self) -> bool {
        self.shells.get(&self.current).is_some_and(|s| s.core.is_finishing())
    }

    pub(super) fn supervise(&mut self) {
        if !self.shells.contains_key(&self.current) {
            self.start_coordinator();
        }
    }
}
