use crate::deal::Deal;
use crate::{Error, Lease, Plan};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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

/// The state of every batch of a source: in a unit that is not taken yet, held, returned, or otherwise committed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Number of units taken so far, counted over all passes.
    turn: u64,
    /// The rest of the unit of each slot.
    #[serde(with = "pairs")]
    pub(crate) holds: BTreeMap<u32, Lease>,
    /// Leases whose slot is gone or whose contribution was lost, in the order in which they will be dealt.
    returned: VecDeque<Lease>,
    /// Number of committed batches.
    pub(crate) committed: u64,
    /// Number of committed frames, as planned.
    committed_frames: u64,
}

/// How much each member computes in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundSize {
    /// One batch for each member, all of the same source, because their gradients are summed and applied at one
    /// learning rate. If a stretch has fewer batches left than there are members, some members get none.
    Batch,
    /// This many batches for each member, of both sources as they come, because each member applies its own batches at
    /// their learning rates. Only the run's last block is smaller. 0 counts as 1.
    Block(u32),
}

impl RoundSize {
    /// Maximum number of batches of a member.
    #[must_use]
    pub fn batches(self) -> u32 {
        match self {
            RoundSize::Batch => 1,
            RoundSize::Block(batches) => batches.max(1),
        }
    }
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

impl Ledger {
    /// Returns the leases of slots that are not members any more.
    pub(crate) fn take_back_from_all_but(&mut self, members: &BTreeSet<u32>) {
        let gone: Vec<u32> = self.holds.keys().filter(|slot| !members.contains(slot)).copied().collect();
        for lease in gone.iter().filter_map(|slot| self.holds.remove(slot)).collect::<Vec<_>>() {
            self.give_back(lease);
        }
    }

    /// The next batch of `slot`; `None` when nothing is left for it.
    pub(crate) fn take_batch(&mut self, plan: &Plan, source: Source, slot: u32) -> Option<Lease> {
        let hold = self
            .holds
            .remove(&slot)
            .or_else(|| self.take_unit(plan, source))
            .or_else(|| self.take_over(slot))?;
        let (batch, rest) = hold.split_first();
        if let Some(rest) = rest {
            self.holds.insert(slot, rest);
        }
        Some(batch)
    }

    /// The next lease for a slot without one: a returned lease, or else the next unit.
    pub(crate) fn take_unit(&mut self, plan: &Plan, source: Source) -> Option<Lease> {
        if let Some(returned) = self.returned.pop_front() {
            return Some(returned);
        }
        let unit = plan.unit_in_turn(source, self.turn)?;
        self.turn += 1;
        Some(unit)
    }

    /// The second half of the longest lease that another slot holds. A single batch stays with its holder if the
    /// holder has not had its turn in this step yet; slots have their turns in ascending order.
    fn take_over(&mut self, slot: u32) -> Option<Lease> {
        let may_go = |(holder, hold): &(&u32, &Lease)| hold.batches > 1 || **holder < slot;
        let longest = self.holds.iter().filter(may_go).max_by_key(|(_, hold)| hold.batches);
        let (holder, hold) = longest.map(|(holder, hold)| (*holder, *hold))?;
        let (kept, taken) = hold.split_back(hold.batches.div_ceil(2));
        if kept.batches > 0 {
            self.holds.insert(holder, kept);
        } else {
            self.holds.remove(&holder);
        }
        Some(taken)
    }

    /// The single batch held by the last of the other slots, if nothing else is left. Used in a block, where a slot
    /// without a batch in this step would contribute less than the others.
    pub(crate) fn take_last(&mut self, slot: u32) -> Option<Lease> {
        let (&holder, _) = self.holds.iter().rev().find(|(holder, _)| **holder != slot)?;
        self.holds.remove(&holder)
    }

    /// Adds a lease to the returned ones, joined with its neighbours: what was dealt batch by batch is returned as one
    /// lease.
    fn give_back(&mut self, lease: Lease) {
        let mut joined = lease;
        let mut at = self.returned.len();
        while let Some((index, both)) =
            self.returned.iter().enumerate().find_map(|(i, other)| Some((i, other.joined(joined)?)))
        {
            self.returned.remove(index);
            joined = both;
            at = at.min(index).min(self.returned.len());
        }
        self.returned.insert(at, joined);
    }

    fn check(&self, plan: &Plan, source: Source) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Inconsistent { data: source, what });
        let units = plan.units(source);
        let turns = units * u64::from(plan.passes(source));
        if self.turn > turns {
            return wrong(format!("expected at most {turns} units taken, found {}", self.turn));
        }
        let mut open: Vec<&Lease> = self.holds.values().chain(&self.returned).collect();
        open.sort_unstable();
        for lease in &open {
            if lease.source != source {
                return wrong(format!("found a lease of the other source: {lease}"));
            }
            plan.check_lease(lease)?;
            if plan.turn_of(source, lease.pass, lease.unit) >= self.turn {
                return wrong(format!("found a lease on a unit that is not taken yet: {lease}"));
            }
        }
        for pair in open.windows(2) {
            let same = (pair[0].pass, pair[0].unit) == (pair[1].pass, pair[1].unit);
            if same && pair[0].end_batch() > u64::from(pair[1].first_batch) {
                return wrong(format!("found batches that are open twice: {} and {}", pair[0], pair[1]));
            }
        }
        let passes = self.turn.checked_div(units).unwrap_or(0);
        let (batches_of_a_pass, frames_of_a_pass) = plan.of_a_pass(source);
        let (mut batches, mut frames) = (batches_of_a_pass * passes, frames_of_a_pass * passes);
        for taken in (passes * units..self.turn).filter_map(|turn| plan.unit_in_turn(source, turn)) {
            batches += u64::from(taken.batches);
            frames += plan.planned_frames(&taken);
        }
        for lease in open {
            batches -= u64::from(lease.batches);
            frames -= plan.planned_frames(lease);
        }
        if batches != self.committed || frames != self.committed_frames {
            return wrong(format!(
                "expected {batches} batches and {frames} frames committed, found {} and {}",
                self.committed, self.committed_frames
            ));
        }
        Ok(())
    }
}

/// Stores a map as a list of pairs: keys of JSON objects are strings, and not every reader converts them back to
/// numbers.
mod pairs {
    use super::{BTreeMap, Lease};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<u32, Lease>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<BTreeMap<u32, Lease>, D::Error> {
        let pairs = Vec::<(u32, Lease)>::deserialize(from)?;
        let number = pairs.len();
        let map: BTreeMap<u32, Lease> = pairs.into_iter().collect();
        if map.len() == number {
            Ok(map)
        } else {
            Err(D::Error::custom("a slot holds two leases, expected one"))
        }
    }
}
