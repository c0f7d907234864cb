//! Members that leave or are lost, and what becomes of the open round without them.

use crate::{Action, Core, Departure, Event, Loss, Millis, Outcome, Phase, Session, Slot};
use std::collections::BTreeSet;

impl Core {
    pub(crate) fn leave(
        &mut self,
        now: Millis,
        identity: &str,
        reason: &str,
        fatal: bool,
        actions: &mut Vec<Action>,
    ) {
        let found = self.members.iter().find(|(_, m)| m.identity == identity);
        let Some((slot, session)) = found.map(|(&slot, m)| (slot, m.session)) else { return };
        if fatal {
            self.fails(now, slot, reason, actions);
        } else {
            self.lost(now, session, Departure::Left, reason, actions);
        }
    }

    /// Ends a session: the member left, its connection broke, or it missed a deadline.
    pub(crate) fn lost(
        &mut self,
        now: Millis,
        session: Session,
        departure: Departure,
        reason: &str,
        actions: &mut Vec<Action>,
    ) {
        let group = self.end_session(now, session, departure, reason, actions);
        self.go_on_without(now, &BTreeSet::from_iter(group), actions);
    }

    /// Ends the sessions of connections that broke together. Each arrangement of a round is told to every member and reducer, so
    /// with 500 members, of which half die at once, 250 arrangements take seconds.
    pub(crate) fn lost_together(&mut self, now: Millis, losses: Vec<Loss>, actions: &mut Vec<Action>) {
        let mut groups = BTreeSet::new();
        for Loss { session, reason } in losses {
            groups.extend(self.end_session(now, session, Departure::Lost, &reason, actions));
        }
        self.go_on_without(now, &groups, actions);
    }

    /// Ends a session. Returns the member's group if the open round is to go on without it.
    fn end_session(
        &mut self,
        now: Millis,
        session: Session,
        departure: Departure,
        reason: &str,
        actions: &mut Vec<Action>,
    ) -> Option<u32> {
        self.applicants.retain(|a| a.session != session);
        let (&slot, member) = self.members.iter().find(|(_, m)| m.session == session)?;
        if departure == Departure::Lost && !self.is_troubled() {
            self.budget.lost(&member.identity);
        }
        match &self.phase {
            Phase::Finishing { .. } => {
                let done = !self.unreported().contains(&slot);
                // A member that has reported has nothing left to do.
                let departure = if done { Departure::Left } else { departure };
                self.remove(slot, departure, reason, actions);
                if !done {
                    self.finish_without(now, slot, actions);
                }
            }
            // A member that leaves because everybody stops does not take the last checkpoint with it.
            _ if self.is_fixed() && !(self.stopping && departure == Departure::Left) => {
                let reason = format!("{} is lost: {reason}", self.members[&slot].identity);
                self.fall_back(now, &reason, actions);
            }
            // Without this one the round has not the members of a fixed run, and a checkpoint after it would not have them either.
            _ if self.is_fixed() && self.pending.is_empty() => self.stop(Outcome::Interrupted, actions),
            Phase::Running(_) => {
                let group = self.group_of(slot);
                self.remove(slot, departure, reason, actions);
                self.excuse(now, slot, reason, actions);
                return Some(group);
            }
            Phase::Gathering { .. } | Phase::Stopped => self.remove(slot, departure, reason, actions),
        }
        None
    }

    /// The open round goes on without the members that it has just lost, who were of these groups.
    fn go_on_without(&mut self, now: Millis, groups: &BTreeSet<u32>, actions: &mut Vec<Action>) {
        if groups.is_empty() || !matches!(self.phase, Phase::Running(_)) {
            return;
        }
        if self.members.is_empty() {
            return self.go_back_where_nobody_is_left(now, actions);
        }
        let left = self.groups();
        match groups.iter().find(|group| !left.contains_key(group)) {
            // Committed batches are in no member's model any more.
            Some(group) if self.course.is_apart() => {
                let reason = format!("group {group} is lost, with its batches since the last group exchange");
                self.fall_back(now, &reason, actions);
            }
            _ => self.regroup(actions),
        }
    }

    /// Falls back if no member is left, because the round would never close. If everybody is to stop, nothing follows.
    pub(crate) fn go_back_where_nobody_is_left(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Running(_)) && self.members.is_empty() {
            if self.stopping {
                return self.stop(Outcome::Interrupted, actions);
            }
            self.budget.all_are_lost();
            self.fall_back(now, "no member is left", actions);
        }
    }

    /// Removes a member; its leases return (the position deals them again when slots change).
    fn remove(&mut self, slot: Slot, departure: Departure, reason: &str, actions: &mut Vec<Action>) {
        let Some(member) = self.members.remove(&slot) else { return };
        actions.push(Action::Dismiss { session: member.session, departure, slot, reason: reason.to_owned() });
        let reason = format!("{} left: {reason}", member.identity);
        actions.push(Action::Record(Event::Members {
            fence: self.fence(),
            members: self.roster_now(),
            reason,
        }));
    }
}
