//! The coordinators of a world: a state machine gets an input, and its actions are carried out.

use super::network::{Copy, Happening, Reply};
use super::shell::Shell;
use super::world::{Pace, World};
use std::collections::BTreeMap;
use stentor_experiment::Strategy;
use stentor_rounds::{
    Action, BadRowGroup, Claim, Closing, Command, Encoding, Event, Found, Input, Inspection, Invariant,
    Outcome, Publication,
};

impl World {
    /// Gives a coordinator's state machine an input and carries out its actions.
    pub(super) fn step(&mut self, incarnation: u64, input: Input, copy: Copy) {
        let Some(mut shell) = self.shells.remove(&incarnation) else { return };
        if shell.outcome.is_none() {
            self.steps += 1;
            let now = self.now - shell.started;
            let stale = shell.core.is_from_elsewhere(&input).then(|| (shell.core.state(), input.clone()));
            if !matches!(input, Input::Tick | Input::Heard { .. }) {
                self.note(|| format!("coordinator {incarnation} gets {input:?}, {copy:?}"));
            }
            let is_held = shell.core.view(now).paused.is_some_and(|paused| paused.held);
            let resumes = matches!(&input, Input::Command { command: Command::Resume, .. });
            let actions = shell.core.step(now, input);
            if is_held && !resumes && actions.iter().any(|action| matches!(action, Action::Close(_))) {
                self.oracle.report(Invariant::BoundedWaits, "a round closed in a pause".to_owned());
            }
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
            if incarnation == self.current && shell.outcome.is_none() {
                self.oracle.ordered(&shell, self.wanted, self.paused.is_some());
            }
        }
        self.shells.insert(incarnation, shell);
    }

    fn perform(&mut self, incarnation: u64, shell: &mut Shell, action: Action, copy: Copy) {
        self.note(|| format!("coordinator {incarnation} does {action:?}"));
        match action {
            Action::Announce(announcement) => shell.reducers.announce(announcement.fence),
            Action::Inspect(inspection) => self.inspect(incarnation, inspection),
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
                // A repeated message gets no answer.
                if copy == Copy::Original {
                    self.answer(incarnation, shell, slot, Reply::Over);
                }
                self.refusals.push(reason);
            }
            Action::Again { slot, fence, sum_group } => {
                self.count("again");
                self.answer(incarnation, shell, slot, Reply::Again { fence, sum_group });
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
            Action::Drain { session } => {
                if let Some(&process) = shell.owners.get(&session) {
                    self.deliver(process, incarnation, None, Some(session), Reply::Drain);
                }
            }
            Action::Answer { request, answer } => {
                // A coordinator that was replaced may hear so late that its successor has deleted the checkpoint since.
                if let Ok(name) = &answer
                    && !self.published.contains(name)
                {
                    let found = format!("an operator was told that {name} is published");
                    self.oracle.report(Invariant::NewestLoads, found);
                }
                self.answers.push((request, answer));
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

    /// The coordinator reads what a member says is bad. The data are as `World::bad` says.
    fn inspect(&mut self, incarnation: u64, inspection: Inspection) {
        let found = match &inspection.claim {
            Claim::Bad(row_groups) => {
                let is_bad = |bad: &BadRowGroup| self.bad.contains(&(bad.source, bad.place));
                let (bad, whole) = row_groups.iter().cloned().partition(is_bad);
                Found { bad, whole, fault: None }
            }
            Claim::Fatal { .. } => Found { fault: self.missing.clone(), ..Found::default() },
        };
        let delay = match self.pace {
            #[cfg(test)]
            Pace::ByHand => 0,
            Pace::Random => self.lies.between(1, 500),
        };
        let input = Input::Inspected { inspection, found };
        self.network.at(self.now + delay, Happening::Told { incarnation, input });
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
            if let Some((assignment, staging)) = worker.waits_for()
                && staging.fence == closing.fence
                && let Some(next) = closing.next.get(&staging.slot)
            {
                groups.insert(staging.sum_group.group, next.contributors.clone());
                let is_block = matches!(closing.encoding, Encoding::Block { .. });
                is_meeting |= is_block && assignment.strategy == Strategy::TwoTier;
            }
        }
        self.oracle.closing(shell, closing, &groups);
        if is_meeting {
            self.oracle.met(shell, closing.fence);
        }
        for (slot, next) in closing.next.clone() {
            let reply = Reply::Closed(Box::new(closing.told(next)));
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
}
