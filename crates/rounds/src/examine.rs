use crate::membership::MOST_MEMBERS;
use crate::operator::MOST_REQUESTS;
use crate::pending::MOST_PENDING;
use crate::{Action, Core, Event, Fence, Input, Invariant, Millis, Phase, Session, Slot, Violation};
use std::collections::BTreeMap;

impl Core {
    /// Checks the invariants that are cheap to check, after a step that began at the fence `before`.
    pub(crate) fn examine(&self, before: Fence, actions: &mut Vec<Action>) {
        let mut broken = Vec::new();
        let mut found = |invariant, found: String| broken.push(Violation { invariant, found });
        let after = self.fence();
        let same_lineage = after.lineage == before.lineage;
        let forward = after.membership_epoch >= before.membership_epoch && after.round >= before.round;
        if after.lineage < before.lineage || (same_lineage && !forward) {
            found(Invariant::ForwardOnly, format!("from {before:?} to {after:?}"));
        }
        for action in actions.iter() {
            if let Action::Record(event @ Event::Round { scores, gradient_norm, compute_s, .. }) = action
                && !(event.by_source().iter().map(|of| &of.scores).chain([scores]))
                    .flat_map(|scores| scores.iter().map(|(_, value)| value))
                    .chain([*gradient_norm, *compute_s])
                    .all(f64::is_finite)
            {
                found(Invariant::Finite, format!("{event:?}"));
            }
        }
        let (requests, dropped) = self.kept_for_operator();
        let kept = [
            ("requests for a checkpoint", requests, (MOST_PENDING + 2) * MOST_REQUESTS),
            ("identities that were dropped", dropped, MOST_MEMBERS),
            ("members and applicants", self.members.len() + self.applicants.len(), MOST_MEMBERS),
            ("digests of checkpoints", self.kept_digests(), MOST_PENDING + 2),
            // The final checkpoint is written even if the maximum is reached.
            ("checkpoints in the making", self.pending.len(), MOST_PENDING + 1),
        ];
        for (what, len, most) in kept {
            if len > most {
                found(Invariant::BoundedMemory, format!("{len} {what}, {most} at most"));
            }
        }
        if let Some(wanted) = self.operator.strategy()
            && self.course.strategy != wanted
            && self.course.asked != Some(wanted)
        {
            let words = format!(
                "{} is in force, {} was asked for and is not due",
                self.course.strategy.name(),
                wanted.name()
            );
            found(Invariant::OrdersKept, words);
        }
        if let Phase::Running(round) = &self.phase
            && let Some(slot) = round.arrivals.keys().find(|slot| !self.members.contains_key(slot))
        {
            found(Invariant::BoundedMemory, format!("a contribution of slot {slot}, which has no member"));
        }
        if matches!(self.phase, Phase::Running(_)) && self.members.is_empty() {
            found(Invariant::BoundedWaits, format!("round {} is open and has no members", self.round));
        }
        actions.extend(broken.into_iter().map(Action::Violated));
    }

    /// Checks that after a tick no deadline has passed, and that every member has been heard from within one.
    pub(crate) fn examine_waits(&self, now: Millis, actions: &mut Vec<Action>) {
        if self.is_held() {
            return;
        }
        let untils: BTreeMap<Slot, Millis> =
            self.terms().into_iter().filter_map(|(slot, term)| Some((slot, term.until?))).collect();
        let heard = self.members.iter().filter(|(slot, _)| self.start_of(**slot).is_none());
        let of_members = heard.map(|(&slot, member)| {
            let until = member.heard_ms + self.deadline_ms();
            let until = untils.get(&slot).map_or(until, |own| until.min(*own));
            (format!("a word of {}", member.identity), vec![member.identity.clone()], Some(until))
        });
        let others = self.waits().into_iter().map(|wait| (wait.what, wait.whom, wait.until));
        for (what, whom, until) in of_members.chain(others) {
            if until.is_some_and(|until| now > until) || whom.is_empty() {
                let found = format!("{what}: waits for {whom:?} until {until:?} ms, and it is {now} ms");
                actions.push(Action::Violated(Violation { invariant: Invariant::BoundedWaits, found }));
            }
        }
    }
}

/// Views of the state machine for tests and for the shell.
impl Core {
    /// Whether the sender of `input` is not, or no longer, a member of the open round.
    #[must_use]
    pub fn is_from_elsewhere(&self, input: &Input) -> bool {
        let fence = self.fence();
        let is_member = |slot, identity: &str| self.members.get(slot).is_some_and(|m| m.identity == identity);
        match input {
            Input::Arrived(a) => {
                let same = (a.fence.lineage, a.fence.round) == (fence.lineage, fence.round);
                !same || a.fence.membership_epoch > fence.membership_epoch || !is_member(&a.slot, &a.identity)
            }
            Input::Staged { fence: found, identity, slot } => *found != fence || !is_member(slot, identity),
            Input::Reported(report) => !self.pending.contains_key(&report.checkpoint),
            _ => false,
        }
    }

    /// The whole state that affects decisions, except the times of the members' last messages and of their last progress.
    #[must_use]
    pub fn state(&self) -> String {
        let members: Vec<_> = self.members.iter().map(|(s, m)| (s, &m.identity, m.session)).collect();
        format!(
            "{:?}",
            (
                self.fence(),
                &self.phase,
                &self.position,
                members,
                &self.applicants,
                &self.course,
                &self.dealt,
                (self.checkpoints, self.checkpoint_due, self.admitted_ms),
                (&self.best, self.stale_evaluations, &self.pending),
                (self.newest.as_ref().map(|(name, _)| name), &self.roster, &self.operator, &self.reducers),
            )
        )
    }

    /// Whether the last update has been sent.
    #[must_use]
    pub fn is_finishing(&self) -> bool {
        matches!(self.phase, Phase::Finishing { .. })
    }

    /// The session of each member, by identity.
    #[must_use]
    pub fn sessions(&self) -> BTreeMap<String, Session> {
        self.members.values().map(|m| (m.identity.clone(), m.session)).collect()
    }
}
