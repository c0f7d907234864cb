use crate::{Error, Lease, Plan};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stentor_experiment::Source;

/// The state of every batch of a source: in a unit that is not taken yet, held, returned, or otherwise committed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Number of units taken so far, counted over all passes.
    pub(crate) turn: u64,
    /// The rest of the unit of each slot.
    #[serde(with = "pairs")]
    pub(crate) holds: BTreeMap<u32, Lease>,
    /// Leases whose slot is gone or whose contribution was lost, in the order in which they will be dealt.
    pub(crate) returned: VecDeque<Lease>,
    /// Number of committed batches.
    pub(crate) committed: u64,
    /// Number of committed frames, as planned.
    pub(crate) committed_frames: u64,
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
    pub(crate) fn give_back(&mut self, lease: Lease) {
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

    pub(crate) fn check(&self, plan: &Plan, source: Source) -> Result<(), Error> {
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
