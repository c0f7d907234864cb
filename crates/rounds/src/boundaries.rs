use crate::pending::{Assignments, Pending};
use crate::{
    Action, Core, Departure, Event, Millis, Outcome, Phase, Publication, Report, Saved, Session, Slot,
};
use std::collections::BTreeMap;
use stentor_fail_points::is_armed;
use stentor_scores::{Scores, Sums};

/// Why a checkpoint may be written at a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Its place in the schedule, or the end of the run: dev data are scored, too.
    Schedule,
    /// The time since the last one (`checkpoint.every`). The clock decides what would be lost, and nothing else: dev data are not
    /// scored, so neither the best checkpoint nor the end of the run depends on it.
    Time,
    /// An operator has asked for it.
    Command,
    /// The coordinator is to stop.
    Stop,
    /// Newcomers need one, if there are any.
    Newcomers,
}

impl Core {
    /// Whether training no longer improves on dev (`schedule.patience`).
    pub(crate) fn is_stale(&self) -> bool {
        let patience = self.settings.experiment.schedule.patience;
        patience > 0 && self.stale_evaluations >= patience
    }

    /// Whether the round that has just been committed passed a checkpoint's place in the schedule.
    pub(crate) fn crosses_checkpoint(&self, before: f64) -> bool {
        let count = f64::from(self.settings.experiment.checkpoint.count);
        (self.progress() * count).floor() > (before * count).floor()
    }

    /// Whether the last checkpoint is older than `checkpoint.every`.
    pub(crate) fn is_out_of_date(&self, now: Millis) -> bool {
        let every = self.settings.experiment.checkpoint.every;
        every.is_some_and(|every| now.saturating_sub(self.cut_ms) >= every.seconds().saturating_mul(1_000))
    }

    /// Decides whether the boundary writes a checkpoint and returns its name.
    pub(crate) fn prepare_checkpoint(
        &mut self,
        now: Millis,
        old: &[Slot],
        newcomers: &[(Slot, Session)],
        occasion: Occasion,
        finished: bool,
        assignments: &mut Option<Assignments>,
    ) -> Option<String> {
        let &writer = old.first()?;
        let regular = occasion == Occasion::Schedule;
        if occasion == Occasion::Newcomers && newcomers.is_empty() {
            return None;
        }
        if regular {
            self.checkpoints += 1;
        }
        let name = stentor_checkpoint::checkpoint_name(self.lineage, self.round);
        let requests = self.begins_checkpoint(&name, finished);
        let held = newcomers
            .iter()
            .filter_map(|(slot, _)| assignments.as_mut()?.remove(slot).map(|a| (*slot, a)))
            .collect();
        let pending = Pending {
            fence: self.fence(),
            saved: Saved { finished, ..self.saved() },
            committed_frames: self.position.committed_frames(),
            expected: old.iter().copied().collect(),
            answered_ms: 0,
            reports: BTreeMap::new(),
            writer,
            dev_shares: if regular && self.settings.has_dev { old.len() } else { 0 },
            finished,
            publishing: false,
            newcomers: newcomers.to_vec(),
            assignments: held,
            requests,
        };
        self.pending.insert(name.clone(), pending);
        self.cut_ms = now;
        Some(name)
    }

    fn saved(&self) -> Saved {
        if is_armed("checkpoint-forgets-ledger") {
            return Saved { position: stentor_plan::Position::new(&self.settings.plan), ..self.snapshot() };
        }
        self.snapshot()
    }

    fn snapshot(&self) -> Saved {
        Saved {
            round: self.round,
            position: self.position.clone(),
            suggested_tau: self.course.memory.tau,
            suggested_block_tau: self.course.memory.block_tau,
            checkpoints: self.checkpoints,
            best: self.best.clone(),
            best_by: self.settings.experiment.checkpoint.best,
            stale_evaluations: self.stale_evaluations,
            finished: false,
            roster: self.roster_now(),
            strategy: self.course.strategy,
            quarantined: self.quarantine.list(),
            scaled_residuals: true,
        }
    }

    pub(crate) fn reported(&mut self, now: Millis, report: Report, actions: &mut Vec<Action>) {
        let Some((&slot, member)) = self.members.iter_mut().find(|(_, m)| m.identity == report.identity)
        else {
            return;
        };
        (member.heard_ms, member.has_begun) = (now, true);
        // Also if the report is no longer needed, because the checkpoint was abandoned meanwhile.
        if member.duties.as_ref() == Some(&report.checkpoint) {
            (member.duties, member.free_ms) = (None, now);
        }
        let mut report = report;
        let name = report.checkpoint.clone();
        // One that is late, or comes a second time, says nothing new.
        let is_expected = |pending: &Pending| pending.expected.contains(&slot);
        let is_new = self.pending.get(&name).is_some_and(is_expected);
        if !is_new && !is_armed("duplicate-report-completes") {
            return;
        }
        let value = report.dev.as_ref().and_then(Sums::not_finite).map(|(_, value)| value);
        if let Some(value) = value {
            report.dev = None;
            let (checkpoint, identity, loss) = (name.clone(), report.identity.clone(), value.to_string());
            actions.push(Action::Record(Event::Unscored { checkpoint, identity, loss }));
        }
        let Some(pending) = self.pending.get_mut(&name) else { return };
        if is_armed("duplicate-report-completes") && pending.reports.contains_key(&slot) {
            pending.expected.pop_first();
            self.publish_if_complete(&name, actions);
            return;
        }
        if pending.expected.remove(&slot) {
            pending.answered_ms = now;
            pending.reports.insert(slot, report);
            self.publish_if_complete(&name, actions);
        }
    }

    fn publish_if_complete(&mut self, name: &str, actions: &mut Vec<Action>) {
        // One at a time: whether the previous one was published decides which checkpoint this one names as the best, and which
        // is newest.
        let busy = self.pending.values().any(|pending| pending.publishing);
        let Some(pending) = self.pending.get_mut(name) else { return };
        if busy || !pending.expected.is_empty() || !pending.reports.contains_key(&pending.writer) {
            return;
        }
        pending.publishing = true;
        pending.saved.best = self.best.clone();
        pending.saved.stale_evaluations = self.stale_evaluations;
        let shares: Vec<&Sums> = pending.reports.values().filter_map(|r| r.dev.as_ref()).collect();
        let complete = pending.dev_shares > 0 && shares.len() == pending.dev_shares;
        let dev = complete.then(|| Sums::default().merged(shares));
        if let Some(sums) = &dev {
            let scores = Scores::of(sums);
            let criterion = pending.saved.best_by;
            if let Some(value) = scores.get(criterion) {
                let best = self.best.as_ref().map(|(_, best)| *best);
                // Of equal checkpoints the newest is deployed, but only a better one is an improvement.
                if best.is_none_or(|best| !criterion.is_better(best, value)) {
                    pending.saved.best = Some((name.to_owned(), value));
                }
                let improved = best.is_none_or(|best| criterion.is_better(value, best));
                pending.saved.stale_evaluations = if improved { 0 } else { self.stale_evaluations + 1 };
            }
            actions.push(Action::Record(Event::Dev {
                checkpoint: name.to_owned(),
                committed_frames: pending.committed_frames,
                scores,
            }));
        }
        // If this publication fails, the run returns to the newest checkpoint, and to the best one that it names.
        let newest = self.newest.iter().flat_map(|(name, saved)| {
            [Some(name.clone()), saved.best.as_ref().map(|(best, _)| best.clone())]
        });
        let best = pending.saved.best.as_ref().map(|(best, _)| best.clone());
        let publication = Publication {
            needed: newest.chain([best]).flatten().collect(),
            name: name.to_owned(),
            objects: pending.reports.values().flat_map(|r| r.written.clone()).collect(),
            saved: pending.saved.clone(),
            fence: pending.fence,
            committed_frames: pending.committed_frames,
            dev,
        };
        actions.push(Action::Publish(Box::new(publication)));
    }

    pub(crate) fn published(&mut self, now: Millis, name: &str, actions: &mut Vec<Action>) {
        let Some(pending) = self.pending.remove(name) else { return };
        pending.reports.values().for_each(|report| self.budget.progressed(&report.identity));
        // The checkpoint exists now, and so does the best one that it names.
        self.best = pending.saved.best.clone();
        self.stale_evaluations = pending.saved.stale_evaluations;
        self.newest = Some((name.to_owned(), pending.saved));
        self.settle_disputes();
        self.ends_checkpoint(name, pending.requests, pending.finished, actions);
        let mut assignments = pending.assignments;
        for (slot, session) in pending.newcomers {
            if let (Some(assignment), Some(member)) = (assignments.remove(&slot), self.members.get_mut(&slot))
            {
                (member.heard_ms, member.free_ms) = (now, now);
                let checkpoint = Some(name.to_owned());
                actions.push(Action::Admit { session, assignment, checkpoint });
            }
        }
        if pending.finished {
            self.finish(actions);
        } else if self.stopping {
            self.stop(Outcome::Interrupted, actions);
        } else {
            self.publish_next(actions);
        }
    }

    /// Whether the newest checkpoint is the end of the run, by the current schedule.
    pub(crate) fn is_over(&self) -> bool {
        let was_finished = self.newest.as_ref().is_some_and(|(_, saved)| saved.finished);
        was_finished && (self.position.finished(&self.settings.plan) || self.is_stale())
    }

    /// Ends the training: deploys the best checkpoint, or the newest one if none was scored.
    pub(crate) fn finish(&mut self, actions: &mut Vec<Action>) {
        let newest = self.newest.as_ref().map(|(name, _)| name);
        let best = self.best.as_ref().map(|(name, _)| name);
        let checkpoint = best.or(newest).cloned().unwrap_or_default();
        self.stop(Outcome::Finished { checkpoint }, actions);
    }

    /// Publishes the oldest checkpoint that is complete.
    fn publish_next(&mut self, actions: &mut Vec<Action>) {
        let names: Vec<String> = self.pending.keys().cloned().collect();
        names.iter().for_each(|name| self.publish_if_complete(name, actions));
    }

    /// A checkpoint could not be published. A member that has reported an object that is not there is lost: the next checkpoint
    /// would fail in the same way.
    pub(crate) fn publication_failed(
        &mut self,
        now: Millis,
        name: &str,
        reason: &str,
        object: Option<&str>,
        actions: &mut Vec<Action>,
    ) {
        let wrote =
            |report: &Report| report.written.iter().any(|written| Some(written.name.as_str()) == object);
        let writer = self.pending.get(name).and_then(|pending| {
            pending.reports.values().find(|report| wrote(report)).map(|report| report.identity.clone())
        });
        self.abandon(now, name, reason, actions);
        if let Some(session) = writer.and_then(|identity| self.session_of(&identity)) {
            self.lost(now, session, Departure::Lost, reason, actions);
        }
        self.go_back_where_nobody_is_left(now, actions);
        // A pause holds the round after its checkpoint, and has none now.
        self.close_if_complete(now, actions);
    }

    /// Abandons a checkpoint: newcomers that were to start from it wait for the next one.
    pub(crate) fn abandon(&mut self, now: Millis, name: &str, reason: &str, actions: &mut Vec<Action>) {
        let Some(mut pending) = self.pending.remove(name) else { return };
        self.loses_checkpoint(name, std::mem::take(&mut pending.requests));
        let event = Event::Abandoned { checkpoint: name.to_owned(), reason: reason.to_owned() };
        actions.push(Action::Record(event));
        if pending.finished {
            // No member is left that could write the final model: fall back and repeat the end.
            self.fall_back(now, reason, actions);
        } else {
            self.put_back(now, &pending, actions);
            self.publish_next(actions);
        }
    }

    /// Stops waiting for a lost member's reports; a checkpoint that lost its writer is abandoned.
    pub(crate) fn excuse(&mut self, now: Millis, slot: Slot, reason: &str, actions: &mut Vec<Action>) {
        let names: Vec<String> = self.pending.keys().cloned().collect();
        for name in names {
            let Some(pending) = self.pending.get_mut(&name) else { continue };
            pending.newcomers.retain(|(s, _)| *s != slot);
            let waited = pending.expected.remove(&slot);
            if waited {
                pending.answered_ms = now;
            }
            if waited && pending.writer == slot {
                self.abandon(now, &name, reason, actions);
            } else {
                self.publish_if_complete(&name, actions);
            }
        }
    }

    /// Slots whose report on the final checkpoint has not arrived.
    pub(crate) fn unreported(&self) -> Vec<Slot> {
        self.pending.values().filter(|p| p.finished).flat_map(|p| p.expected.iter().copied()).collect()
    }

    /// The run ends without the report of `slot`.
    pub(crate) fn finish_without(&mut self, now: Millis, slot: Slot, actions: &mut Vec<Action>) {
        self.excuse(now, slot, "lost at the end", actions);
        if self.pending.values().all(|p| !p.finished) && matches!(self.phase, Phase::Finishing { .. }) {
            self.fall_back(now, "the final checkpoint could not be written", actions);
        }
    }
}
