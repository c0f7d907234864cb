use crate::pending::Pending;
use crate::{Action, Core, Departure, Event, Millis, Outcome, Phase, Session, Slot};
use std::collections::BTreeMap;
use stentor_experiment::Membership;

/// Maximum number of members and applicants together, which is also the maximum of `cluster.workers`.
pub(crate) const MOST_MEMBERS: usize = 1024;

/// Shortest time between two boundaries at which newcomers are admitted, and a checkpoint is written for them alone.
const NEWCOMERS_APART: Millis = 10_000;

/// A member of the run.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) identity: String,
    pub(crate) session: Session,
    pub(crate) heard_ms: Millis,
    pub(crate) doing: String,
    /// When its report of what it is doing last changed, so when it last made progress.
    pub(crate) moved_ms: Millis,
    /// Checkpoint of the boundary at which it has duties: its report has not arrived.
    pub(crate) duties: Option<String>,
    /// Since when it has only its batches to compute: since it could start, or since its last duties at a boundary were done.
    pub(crate) free_ms: Millis,
    /// Whether it was asked to stop; its residual is added to the model first.
    pub(crate) leaving: bool,
    /// Whether an operator wants it to leave.
    pub(crate) drained: bool,
    /// Whether it has sent anything since it was admitted.
    pub(crate) has_begun: bool,
}

/// A process that requests membership; it is admitted at a round's boundary.
#[derive(Debug, Clone)]
pub(crate) struct Applicant {
    pub(crate) identity: String,
    pub(crate) session: Session,
}

impl Core {
    pub(crate) fn join(
        &mut self,
        now: Millis,
        session: Session,
        identity: String,
        actions: &mut Vec<Action>,
    ) {
        // A restarted process may join before its old connection is seen to break. Or a request of the old process arrives late:
        // then the new process has to join once more.
        let reason = "the same identity joined again";
        for applicant in self.applicants.extract_if(.., |applicant| applicant.identity == identity) {
            actions.push(Action::PutOff { session: applicant.session, reason: reason.to_owned() });
        }
        let member = self.members.values().find(|m| m.identity == identity).map(|m| m.session);
        if let Some(session) = member {
            self.lost(now, session, Departure::Lost, reason, actions);
        }
        if self.stopping {
            return actions.push(self.turn_away(session));
        }
        if matches!(self.phase, Phase::Finishing { .. } | Phase::Stopped) {
            actions.push(Action::RefuseJoin { session, reason: "the run is finishing".into() });
            return;
        }
        let restarts = self.settings.experiment.cluster.restarts;
        let dropped = self.refusal_of_dropped(&identity);
        if let Some(reason) = dropped.or_else(|| self.budget.refusal(&identity, restarts)) {
            actions.push(Action::RefuseJoin { session, reason });
            return;
        }
        if self.is_fixed() && !self.roster.is_empty() && !self.roster.contains(&identity) {
            let members = self.roster.iter().cloned().collect::<Vec<_>>().join(", ");
            let reason = format!("membership is fixed: expected one of {members}, found `{identity}`");
            actions.push(Action::RefuseJoin { session, reason });
            return;
        }
        if self.members.len() + self.applicants.len() >= MOST_MEMBERS {
            let reason = format!("expected at most {MOST_MEMBERS} members, found as many already");
            actions.push(Action::RefuseJoin { session, reason });
            return;
        }
        self.applicants.push(Applicant { identity, session });
        self.gather(now, actions);
    }

    pub(crate) fn heard(&mut self, now: Millis, session: Session, doing: String) {
        if let Some(member) = self.members.values_mut().find(|m| m.session == session) {
            (member.heard_ms, member.has_begun) = (now, true);
            if member.doing != doing {
                (member.moved_ms, member.doing) = (now, doing);
            }
        }
    }

    /// Members by slot.
    pub(crate) fn roster_now(&self) -> BTreeMap<Slot, String> {
        self.members.iter().map(|(&slot, m)| (slot, m.identity.clone())).collect()
    }

    pub(crate) fn is_fixed(&self) -> bool {
        self.settings.experiment.cluster.membership == Membership::Fixed
    }

    /// Returns the run to the newest checkpoint; commits after it are void.
    pub(crate) fn fall_back(&mut self, now: Millis, reason: &str, actions: &mut Vec<Action>) {
        for (slot, member) in std::mem::take(&mut self.members) {
            let (session, departure, reason) = (member.session, Departure::Lost, reason.to_owned());
            actions.push(Action::Dismiss { session, departure, slot, reason });
        }
        let pending = std::mem::take(&mut self.pending);
        self.falls_back_for_operator(pending.into_values().flat_map(|pending| pending.requests));
        self.lineage += 1;
        self.restore();
        self.phase = Phase::Gathering { since: now };
        let checkpoint = self.newest.as_ref().map(|(name, _)| name.clone());
        let reason = reason.to_owned();
        let (lineage, round, committed_frames) =
            (self.lineage, self.round, Some(self.position.committed_frames()));
        actions.push(Action::Record(Event::FellBack {
            lineage,
            round,
            checkpoint,
            committed_frames,
            reason,
        }));
        self.answer_where_all_is_saved(actions);
        self.stop_if_idle(actions);
        self.gather(now, actions);
    }

    /// Starts the first round of the run, or after a fall-back, once all members have joined.
    pub(crate) fn gather(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let Phase::Gathering { since } = self.phase else { return };
        if self.is_over() {
            // An earlier incarnation published the last checkpoint and died before it could report the end. No members are
            // needed, and the former ones may have ended.
            self.finish(actions);
            return;
        }
        if self.is_held() {
            return;
        }
        let cluster = &self.settings.experiment.cluster;
        if let Some(reason) = self.waits_in_vain() {
            self.stop(Outcome::LostQuorum { reason }, actions);
            return;
        }
        let wanted = self.wanted();
        let late = now.saturating_sub(since) as f64 / 1e3 > cluster.join_deadline_s;
        if self.applicants.len() < wanted {
            if late && (self.is_fixed() || self.applicants.is_empty()) {
                let there: Vec<_> = self.applicants.iter().map(|a| a.identity.as_str()).collect();
                let spent = self.budget.spent(cluster.restarts);
                let refused = match spent.is_empty() {
                    true => String::new(),
                    false => format!("; refused, for they were lost too often: {}", spent.join(", ")),
                };
                let came = match there.len() {
                    0 => "none came".to_owned(),
                    count => format!("{count} came ({})", there.join(", ")),
                };
                let missing = match self.roster_is_closed() {
                    true => format!("; missing: {}", self.absent().join(", ")),
                    false => String::new(),
                };
                let seconds = cluster.join_deadline_s;
                let reason =
                    format!("{wanted} workers expected within {seconds} s, {came}{missing}{refused}");
                self.stop(Outcome::LostQuorum { reason }, actions);
                return;
            }
            if !late {
                return;
            }
        }
        let silent = self.silent_reducers();
        if !silent.is_empty() {
            if late {
                let seconds = cluster.join_deadline_s;
                let reason = format!("no answer of these reducers within {seconds} s: {}", silent.join(", "));
                self.stop(Outcome::LostQuorum { reason }, actions);
            }
            return;
        }
        // In order of identity, so that a run with the same members has the same sums, in whatever order they joined.
        let mut applicants = std::mem::take(&mut self.applicants);
        applicants.sort_by(|a, b| a.identity.cmp(&b.identity));
        let sessions: Vec<Session> = applicants.iter().map(|a| a.session).collect();
        for (slot, applicant) in (0..).zip(applicants) {
            self.enroll(now, slot, applicant);
        }
        self.roster = self.members.values().map(|m| m.identity.clone()).collect();
        self.membership_epoch += 1;
        let reason = "all have joined".into();
        actions.push(Action::Record(Event::Members {
            fence: self.fence(),
            members: self.roster_now(),
            reason,
        }));
        let Some(mut assignments) = self.open_round() else {
            self.finish(actions);
            return;
        };
        // Before its first round a run has nothing that the newest checkpoint lacks.
        self.cut_ms = now;
        let checkpoint = self.newest.as_ref().map(|(name, _)| name.clone());
        for (slot, session) in (0..).zip(sessions) {
            if let Some(assignment) = assignments.remove(&slot) {
                actions.push(Action::Admit { session, assignment, checkpoint: checkpoint.clone() });
            }
        }
    }

    /// Why waiting is useless: in `fixed`, a member that was lost too often may not join again.
    fn waits_in_vain(&self) -> Option<String> {
        if !self.roster_is_closed() {
            return None;
        }
        let restarts = self.settings.experiment.cluster.restarts;
        let spent = self.budget.spent(restarts);
        let needed: Vec<&str> = spent.into_iter().filter(|name| self.roster.contains(*name)).collect();
        let wrong: Vec<&str> =
            self.budget.all_wrong().into_iter().filter(|name| needed.contains(name)).collect();
        let machines = match wrong.is_empty() {
            true => String::new(),
            false => format!("; these had wrong parameters: {}, see to their machines", wrong.join(", ")),
        };
        (!needed.is_empty()).then(|| {
            format!(
                "membership is fixed, and these were lost too often to be taken in again (`cluster.restarts` allows {restarts}): {}{machines}",
                needed.join(", ")
            )
        })
    }

    pub(crate) fn enroll(&mut self, now: Millis, slot: Slot, applicant: Applicant) {
        let Applicant { identity, session } = applicant;
        let (doing, duties, leaving, has_begun) = ("joining".into(), None, false, false);
        let (heard_ms, moved_ms, free_ms) = (now, now, now);
        let member = Member {
            identity,
            session,
            heard_ms,
            doing,
            moved_ms,
            duties,
            free_ms,
            leaving,
            drained: false,
            has_begun,
        };
        self.members.insert(slot, member);
    }

    /// Whether applicants may become members at this boundary. A checkpoint is written for them, so those that come within
    /// [`NEWCOMERS_APART`] of the last ones wait and share the next, unless one is written anyway.
    pub(crate) fn may_take_in(&self, now: Millis) -> bool {
        let is_written_anyway =
            self.checkpoint_due || self.is_out_of_date(now) || self.is_checkpoint_asked_for();
        is_written_anyway || self.admitted_ms.is_none_or(|last| now.saturating_sub(last) >= NEWCOMERS_APART)
    }

    /// Applicants become members at a boundary, each in the lowest free slot.
    pub(crate) fn take_in(&mut self, now: Millis) -> Vec<(Slot, Session)> {
        let mut taken = Vec::new();
        let mut applicants = std::mem::take(&mut self.applicants);
        applicants.sort_by(|a, b| a.identity.cmp(&b.identity));
        for applicant in applicants {
            let slot = (0..).find(|s| !self.members.contains_key(s)).unwrap_or_default();
            taken.push((slot, applicant.session));
            self.enroll(now, slot, applicant);
            self.admitted_ms = Some(now);
        }
        taken
    }

    /// Newcomers of an abandoned checkpoint wait again.
    pub(crate) fn put_back(&mut self, now: Millis, pending: &Pending, actions: &mut Vec<Action>) {
        for (slot, session) in &pending.newcomers {
            let Some(member) = self.members.remove(slot) else { continue };
            self.applicants.push(Applicant { identity: member.identity, session: *session });
            self.excuse(now, *slot, "its checkpoint was given up", actions);
        }
        if !pending.newcomers.is_empty() {
            self.admitted_ms = None;
            self.regroup(actions);
        }
    }
}
