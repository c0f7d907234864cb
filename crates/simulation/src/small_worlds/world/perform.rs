//! Carries out the state machine's actions, as engine, reducers, store and workers would.

use super::{Caller, Message, NAMES, Work, Worker, World};
use stentor_plan::audit::{Audit, Extent};
use stentor_rounds::{
    Action, Assignment, Closing, Event, Next, Outcome, Publication, Session, Settings, Slot,
};
use stentor_runlog::Timeline;
use xxhash_rust::xxh3::xxh3_128;

impl World {
    pub(super) fn perform(&mut self, settings: &Settings, caller: Option<Caller>, action: Action) {
        match action {
            // Payloads take no time, and nobody lies.
            Action::Announce(_) | Action::Inspect(_) => {}
            Action::Drain { session } => {
                let is_meant = |worker: &&mut Worker| worker.session == Some(session);
                self.workers.iter_mut().filter(is_meant).for_each(|worker| worker.drained = true);
            }
            Action::Answer { request, answer } => {
                if !self.unanswered.remove(&request) {
                    self.broken.push(format!("request {request} was answered twice"));
                }
                match answer {
                    Ok(name) if !self.published.contains_key(&name) => {
                        self.broken.push(format!("an operator was told that {name} is published"));
                    }
                    _ => {}
                }
            }
            Action::Admit { session, assignment, checkpoint } => {
                self.admit(session, assignment, checkpoint.as_deref())
            }
            Action::RefuseJoin { session, reason } => {
                let joins = |w: &&mut Worker| w.session == Some(session) && matches!(w.work, Work::Joining);
                if let Some(worker) = self.workers.iter_mut().find(joins) {
                    worker.work = if reason.contains("was dropped") { Work::Gone } else { Work::Refused };
                }
            }
            Action::PutOff { session, .. } => {
                let joins = |w: &Worker| w.session == Some(session) && matches!(w.work, Work::Joining);
                if let Some(index) = self.workers.iter().position(joins) {
                    self.begin_anew(index);
                }
            }
            Action::Refuse { .. } => {
                if let Some(caller) = caller {
                    self.end_call(caller);
                }
            }
            Action::Again { slot, fence, sum_group } => {
                let Some(caller) = self.waiting.remove(&slot).filter(|caller| self.is_alive(*caller)) else {
                    return;
                };
                let worker = &mut self.workers[caller.0];
                if let Work::Staging(assignment) | Work::Waiting(assignment) = worker.work.clone() {
                    worker.work = Work::Computing(Assignment { fence, sum_group, ..assignment });
                }
            }
            Action::Close(closing) => self.close(closing),
            Action::Dismiss { session, slot, .. } => {
                if let Some(index) = self.workers.iter().position(|w| w.session == Some(session)) {
                    self.begin_anew(index);
                }
                self.end_waiting(|waiting| waiting == slot);
            }
            Action::Publish(publication) => {
                let Publication { name, saved, .. } = *publication;
                if !self.models.contains_key(&name) {
                    self.broken.push(format!("{name} is to be published without a model"));
                }
                self.complete.insert(name.clone(), saved);
                self.send(Message::Stored { checkpoint: name });
            }
            Action::Record(Event::Round { fence, leases, .. }) => {
                self.commits.push(((fence.lineage, fence.round), leases));
            }
            Action::Record(Event::FellBack { lineage, round, checkpoint, .. }) => {
                self.note_fall_back(lineage, round, checkpoint.as_deref());
                self.end_waiting(|_| true);
            }
            Action::Record(_) => {}
            Action::Violated(violation) => self.broken.push(violation.to_string()),
            Action::Stop(outcome) => self.stop(settings, outcome),
        }
    }

    fn admit(&mut self, session: Session, assignment: Assignment, checkpoint: Option<&str>) {
        let joins = |w: &Worker| w.session == Some(session) && matches!(w.work, Work::Joining);
        let Some(index) = self.workers.iter().position(joins) else { return };
        let parameters = match checkpoint {
            None => Some(0),
            Some(name) => self.models.get(name).copied().filter(|_| self.published.contains_key(name)),
        };
        match parameters {
            Some(parameters) => {
                self.workers[index].parameters = parameters;
                self.workers[index].work = Work::Computing(assignment);
            }
            None => {
                self.broken.push(format!("{} is to load {checkpoint:?}, which is not there", NAMES[index]))
            }
        }
    }

    /// Each member applies the sum: the same one, of exactly its stated contributors.
    fn close(&mut self, closing: Closing) {
        let Closing { fence, next, .. } = closing;
        let sum = self.staged.get(&fence).cloned().unwrap_or_default();
        let update = xxh3_128(format!("{:?}", sum.values()).as_bytes()) as u64;
        for (slot, Next { contributors, boundary, assignment, .. }) in next {
            if !contributors.iter().eq(sum.keys()) {
                self.broken.push(format!("{fence:?}: counted {contributors:?}, staged {:?}", sum.keys()));
            }
            let Some(caller) = self.waiting.remove(&slot).filter(|caller| self.is_alive(*caller)) else {
                continue;
            };
            let worker = &mut self.workers[caller.0];
            worker.parameters = worker.parameters.rotate_left(7) ^ update;
            worker.work = Work::Reporting(boundary, assignment);
            let first = *self.applied.entry((fence.lineage, fence.round)).or_insert(worker.parameters);
            if first != worker.parameters {
                self.broken.push(format!("replicas differ after {fence:?}"));
            }
        }
        self.end_waiting(|_| true);
        self.staged.retain(|of, _| of.lineage == fence.lineage && of.round > fence.round);
    }

    fn stop(&mut self, settings: &Settings, outcome: Outcome) {
        if !self.unanswered.is_empty() {
            self.broken.push(format!("requests {:?} were never answered", self.unanswered));
        }
        match &outcome {
            Outcome::Finished { checkpoint } => {
                if !self.published.contains_key(checkpoint) {
                    self.broken.push(format!("{checkpoint} is to be deployed, and is not published"));
                }
                let mut audit = Audit::new(&settings.plan);
                let newest = self.commits.iter().map(|((lineage, _), _)| *lineage).max().unwrap_or_default();
                let timeline = Timeline::new(newest, self.returns.iter().cloned());
                let counted =
                    self.commits.iter().filter(|((lineage, round), _)| timeline.counts(*lineage, *round));
                counted.flat_map(|(_, leases)| leases).for_each(|lease| audit.record(lease));
                let findings = audit.findings(Extent::WholeRun);
                if !findings.is_clean() {
                    self.broken.push(format!("{findings:?}"));
                }
            }
            other => self.broken.push(format!("the run ends with {other:?}")),
        }
        self.outcome = Some(outcome);
    }

    /// Waiting workers are told to join again.
    fn end_waiting(&mut self, which: impl Fn(Slot) -> bool) {
        let slots: Vec<Slot> = self.waiting.keys().copied().filter(|slot| which(*slot)).collect();
        for caller in slots.iter().filter_map(|slot| self.waiting.remove(slot)).collect::<Vec<_>>() {
            self.end_call(caller);
        }
    }

    pub(super) fn end_call(&mut self, caller: Caller) {
        if self.is_alive(caller) {
            self.begin_anew(caller.0);
        }
    }
}
