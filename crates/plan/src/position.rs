use crate::deal::{Deal, RoundSize};
use crate::ledger::Ledger;
use crate::{Error, Lease, Plan};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Source;

/// How far a run has come in its plan: the ledger, as a state machine. It is part of checkpoints.
///
/// A slot is a member's position in sums; slots need not be consecutive. A slot works on one unit of a source until
/// its batches are used up. Then it takes over a returned lease, or else the next unit in the order of the pass.
/// Passes follow each other without a gap: a slot may begin a pass while others finish the previous one. When nothing
/// new is left, an idle slot takes the second half of the longest lease that another slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    plan: u64,
    annotated: Ledger,
    machine_labeled: Ledger,
}

/// The work of the members in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundPlan {
    /// The size with which it was dealt.
    pub size: RoundSize,
    /// Each member's batches, in the order of computation. Empty if too few are left for all.
    pub leases: BTreeMap<u32, Vec<Lease>>,
    /// What each member will probably need after this round, soonest first: the rest of its unit and the next unit,
    /// then the same of the other source (only what is begun, if that source's next stretch is far away). This is a
    /// prediction: after a change of members or a lost contribution a unit may be dealt to another slot.
    pub ahead: BTreeMap<u32, Vec<Lease>>,
}

/// What a closed round added to the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Committed leases, in the order of slots.
    pub leases: Vec<Lease>,
    /// Number of their batches.
    pub batches: u64,
    /// Number of their frames, as planned.
    pub frames: u64,
}

impl Position {
    /// The beginning of a run.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Position {
            plan: plan.fingerprint(),
            annotated: Ledger::default(),
            machine_labeled: Ledger::default(),
        }
    }

    /// What the slots in `members` compute next; `None` when the run is finished. The same arguments give the same
    /// result, and nothing changes until [`Position::commit`].
    #[must_use]
    pub fn assign(&self, plan: &Plan, members: &[u32], size: RoundSize) -> Option<RoundPlan> {
        let members = members.iter().copied().collect();
        let deal = self.deal(plan, &members, size)?;
        let ahead = deal.ahead(plan, size);
        Some(RoundPlan { size, leases: deal.leases, ahead })
    }

    /// Closes a round: leases of the slots in `contributed` are committed. The leases of the others are returned, and
    /// will be dealt before new units.
    ///
    /// # Errors
    /// [`Error::StaleRound`] if `round` is not the result of [`Position::assign`] at this position, so that nothing is
    /// committed twice; [`Error::UnknownSlot`] for a contribution of a slot that is not in the round. The position is
    /// then unchanged.
    pub fn commit(
        &mut self,
        plan: &Plan,
        round: &RoundPlan,
        contributed: &BTreeSet<u32>,
    ) -> Result<Committed, Error> {
        let members: BTreeSet<u32> = round.leases.keys().copied().collect();
        if let Some(&slot) = contributed.difference(&members).next() {
            return Err(Error::UnknownSlot { slot });
        }
        let deal = self.deal(plan, &members, round.size).ok_or(Error::StaleRound)?;
        if deal.leases != round.leases {
            return Err(Error::StaleRound);
        }
        let [annotated, machine_labeled] = deal.ledgers;
        (self.annotated, self.machine_labeled) = (annotated, machine_labeled);
        let mut committed = Committed::default();
        for (slot, leases) in deal.leases {
            for lease in leases {
                let ledger = match lease.source {
                    Source::Annotated => &mut self.annotated,
                    Source::MachineLabeled => &mut self.machine_labeled,
                };
                if contributed.contains(&slot) {
                    let (batches, frames) = (u64::from(lease.batches), plan.planned_frames(&lease));
                    ledger.committed += batches;
                    ledger.committed_frames += frames;
                    committed.batches += batches;
                    committed.frames += frames;
                    committed.leases.push(lease);
                } else {
                    ledger.give_back(lease);
                }
            }
        }
        debug_assert!(Source::ALL.iter().all(|&s| self.committed(s) <= plan.total_batches(s)));
        Ok(committed)
    }

    /// Number of committed batches of a source.
    #[must_use]
    pub fn committed(&self, source: Source) -> u64 {
        self.ledger(source).committed
    }

    /// Number of committed frames of both sources, as planned ([`Plan::planned_frames`]); the schedule depends on it.
    #[must_use]
    pub fn committed_frames(&self) -> u64 {
        self.annotated.committed_frames + self.machine_labeled.committed_frames
    }

    /// Share of the run's frames that is committed, 0 to 1.
    #[must_use]
    pub fn progress(&self, plan: &Plan) -> f64 {
        self.committed_frames() as f64 / plan.total_frames().max(1) as f64
    }

    /// Whether every batch of every pass is committed.
    #[must_use]
    pub fn finished(&self, plan: &Plan) -> bool {
        Source::ALL.iter().all(|&source| self.committed(source) >= plan.total_batches(source))
    }

    /// Number of batches of a source that are dealt and not committed: held by slots or returned.
    #[must_use]
    pub fn open(&self, source: Source) -> Vec<Lease> {
        let ledger = self.ledger(source);
        let mut open: Vec<Lease> = ledger.holds.values().chain(&ledger.returned).copied().collect();
        open.sort_unstable();
        open
    }

    /// Checks a position that was read from disk: it must belong to `plan`, and the units taken must be the sum of
    /// open and committed batches. Takes time proportional to the units of one pass.
    ///
    /// # Errors
    /// [`Error::OtherPlan`] if data, seed or settings have changed, [`Error::EarlierVersion`] if only the rules that
    /// make batches have changed, [`Error::Inconsistent`] (or an error about a lease) if a batch would be lost or
    /// counted twice.
    pub fn check(&self, plan: &Plan) -> Result<(), Error> {
        if plan.is_of_earlier_version(self.plan) {
            return Err(Error::EarlierVersion);
        }
        if self.plan != plan.fingerprint() {
            return Err(Error::OtherPlan { expected: plan.fingerprint(), found: self.plan });
        }
        Source::ALL.iter().try_for_each(|&source| self.ledger(source).check(plan, source))
    }

    /// Number of units of a source taken so far, counted over all passes.
    pub(crate) fn units_taken(&self, source: Source) -> u64 {
        self.ledger(source).turn
    }

    fn ledger(&self, source: Source) -> &Ledger {
        match source {
            Source::Annotated => &self.annotated,
            Source::MachineLabeled => &self.machine_labeled,
        }
    }

    fn deal(&self, plan: &Plan, members: &BTreeSet<u32>, size: RoundSize) -> Option<Deal> {
        let stretch = plan.stretch(Source::ALL.map(|source| self.committed(source)))?;
        let ledgers = Source::ALL.map(|source| self.ledger(source).clone());
        Some(Deal::new(plan, ledgers, stretch, members, size))
    }
}
