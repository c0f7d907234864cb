use crate::membership::MOST_MEMBERS;
use crate::{Action, BadRowGroup, Core, Departure, Millis, Outcome, Phase, Session, Slot};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Source;
use stentor_fail_points::is_armed;
use stentor_plan::Lease;

/// What a member says about the data. The shell reads the same data before anything follows from it: a missing mount or a bad disk
/// of one machine is no fault of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Who says so.
    pub identity: String,
    /// Its membership.
    pub session: Session,
    /// What it says.
    pub claim: Claim,
}

/// A statement about the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// The bytes of these row groups do not match the manifest.
    Bad(Vec<BadRowGroup>),
    /// Every member would fail at the same place.
    Fatal {
        /// Words for people.
        reason: String,
        /// The batches that the member was to compute.
        leases: Vec<Lease>,
        /// Whether it was to score dev data.
        dev: bool,
    },
}

/// What the shell has found where a member claimed something.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The row groups among those named that are bad. A row group that could not be read now is in neither list.
    pub bad: Vec<BadRowGroup>,
    /// Those that match the manifest.
    pub whole: Vec<BadRowGroup>,
    /// Why no member could continue.
    pub fault: Option<String>,
}

/// Claims that are not decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    /// Row groups that the shell reads.
    under_way: BTreeSet<(Source, u64)>,
    /// Units at which a member failed, and the member. A second one that fails there confirms it.
    failed_at: BTreeMap<(Source, u64), String>,
}

/// Maximum number of units and of row groups that are kept; the first sources and units are forgotten first.
const REMEMBERED: usize = 4 * MOST_MEMBERS;

impl Claims {
    /// Records that `identity` failed with these batches; returns who failed in one of their units before.
    fn failed(&mut self, identity: &str, leases: &[Lease]) -> Option<String> {
        let mut before = None;
        for lease in leases {
            let other = self.failed_at.insert((lease.source, lease.unit), identity.to_owned());
            before = before.or(other.filter(|other| other != identity));
            if self.failed_at.len() > REMEMBERED {
                self.failed_at.pop_first();
            }
        }
        before
    }
}

impl Core {
    /// A member could not use some row groups: the shell reads those that are new.
    pub(crate) fn look_at(
        &mut self,
        identity: &str,
        row_groups: Vec<BadRowGroup>,
        actions: &mut Vec<Action>,
    ) {
        let Some(session) = self.session_of(identity) else { return };
        if is_armed("bad-data-believed") {
            return self.set_aside(identity, row_groups, actions);
        }
        let is_new = |bad: &BadRowGroup| {
            !self.quarantine.has(bad)
                && self.claims.under_way.len() < REMEMBERED
                && self.claims.under_way.insert((bad.source, bad.place))
        };
        let new: Vec<BadRowGroup> = row_groups.into_iter().filter(is_new).collect();
        if !new.is_empty() {
            let (identity, claim) = (identity.to_owned(), Claim::Bad(new));
            actions.push(Action::Inspect(Inspection { identity, session, claim }));
        }
    }

    /// A member cannot continue, and says that no other could. It is lost in any case.
    pub(crate) fn fails(&mut self, now: Millis, slot: Slot, reason: &str, actions: &mut Vec<Action>) {
        let Some(member) = self.members.get(&slot) else { return };
        let (identity, session) = (member.identity.clone(), member.session);
        let (leases, dev) = (self.leases_of(slot), self.has_duties(slot));
        let is_alone = self.members.len() == 1 && self.applicants.is_empty();
        let before = self.claims.failed(&identity, &leases);
        if is_armed("fatal-believed") {
            return self.stop(Outcome::BadData { reason: format!("{identity}: {reason}") }, actions);
        }
        if let Some(before) = before {
            let reason = format!("{identity}: {reason}; {before} failed in the same unit before");
            return self.stop(Outcome::BadData { reason }, actions);
        }
        if is_alone {
            // Nobody else could confirm it, and nobody is disturbed.
            return self.stop(Outcome::BadData { reason: format!("{identity}: {reason}") }, actions);
        }
        let claim = Claim::Fatal { reason: reason.to_owned(), leases, dev };
        actions.push(Action::Inspect(Inspection { identity, session, claim }));
        self.lost(now, session, Departure::Lost, reason, actions);
    }

    /// The shell has looked where a member claimed something.
    pub(crate) fn inspected(
        &mut self,
        now: Millis,
        inspection: Inspection,
        found: Found,
        actions: &mut Vec<Action>,
    ) {
        let Inspection { identity, session, claim } = inspection;
        match claim {
            Claim::Bad(named) => {
                for bad in named {
                    self.claims.under_way.remove(&(bad.source, bad.place));
                }
                self.set_aside(&identity, found.bad, actions);
                if let (Some(whole), false) = (found.whole.first(), matches!(self.phase, Phase::Stopped)) {
                    let BadRowGroup { file, row_group, reason, .. } = whole;
                    let words = format!(
                        "it could not use {file}, row group {row_group} ({reason}), which the coordinator found whole: see to that machine"
                    );
                    self.lost(now, session, Departure::Lost, &words, actions);
                }
            }
            Claim::Fatal { reason, .. } => {
                if let Some(fault) = found.fault {
                    let reason = format!("{identity}: {reason}; the coordinator found the same: {fault}");
                    self.stop(Outcome::BadData { reason }, actions);
                }
            }
        }
    }
}
