use super::norms::Norms;
use super::sum::Sum;
use super::{Place, Refusal};
use std::collections::{BTreeMap, HashMap};
use stentor_experiment::BmufWeights;
use stentor_proto::v1;
use stentor_rounds::{Announcement, Fence, Seat, Slot};

/// The sums of the newest round, one for each group, and those of the previous round, which slow members still fetch.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// What the coordinator announced last.
    pub(super) announced: Option<Announcement>,
    pub(super) open: HashMap<u32, Sum>,
    pub(super) before: HashMap<u32, Sum>,
    pub(super) norms: Norms,
}

impl Sums {
    /// Moves on to the round that the coordinator announces.
    pub(super) fn follow(&mut self, announcement: Announcement) {
        let fence = announcement.fence;
        let newest = self.newest().unwrap_or(fence);
        if fence < newest {
            return;
        }
        if fence > newest {
            let open = std::mem::take(&mut self.open);
            // Sums of the same round for other members, or of another lineage, are void. Calls that wait for one are woken
            // and get an error. A complete sum may still be fetched, and perhaps still has to be made: members fetch after
            // their round has closed.
            if fence.lineage != newest.lineage {
                self.before.clear();
            } else if fence.round != newest.round {
                self.before = open.into_iter().filter(|(_, sum)| sum.is_complete()).collect();
            }
        }
        self.announced = Some(announcement);
    }

    pub(super) fn newest(&self) -> Option<Fence> {
        self.announced.as_ref().map(|announced| announced.fence)
    }

    /// Whether `fence` is not announced yet.
    pub(super) fn is_ahead(&self, fence: Fence) -> bool {
        self.newest().is_none_or(|newest| fence > newest)
    }

    pub(super) fn announced_at(&self, fence: Fence) -> Result<&Announcement, Refusal> {
        let newest = self.newest().unwrap_or(fence);
        let stale = Refusal::Stale { found: fence, newest };
        self.announced.as_ref().filter(|announced| announced.fence == fence).ok_or(stale)
    }

    /// A member's payload begins. The inner error says why it cannot be part of the sum.
    pub(super) fn begin(
        &mut self,
        header: &v1::StageHeader,
        at: &Place,
        values: usize,
        weights: BmufWeights,
        holds: bool,
    ) -> Result<Result<(), String>, Refusal> {
        let slots: Vec<Slot> = {
            let seats: &BTreeMap<Slot, Seat> = &self.announced_at(at.fence)?.seats;
            let seat = seats.get(&at.slot).ok_or(Refusal::Stranger { slot: at.slot })?;
            seat.sum_group.slots.clone()
        };
        let sum_group = v1::SumGroup { slots, group: at.group, speaks: true };
        let sum = match self.open.get_mut(&at.group) {
            Some(sum) => sum,
            None => match Sum::new(at.fence, header, &sum_group, values, weights, holds) {
                Ok(sum) => self.open.entry(at.group).or_insert(sum),
                Err(reason) => return Ok(Err(reason)),
            },
        };
        Ok(sum.check(header, &sum_group).and_then(|()| sum.begin(at.slot, header.frames)))
    }

    /// Drops sums of the previous round that are no longer needed: members that contribute to this round have fetched them.
    pub(super) fn forget(&mut self) {
        let Self { open, before, .. } = self;
        let contributes =
            |slot: &Slot| open.values().any(|sum| sum.has_begun() && sum.slots().binary_search(slot).is_ok());
        before.retain(|_, sum| !sum.slots().iter().all(contributes));
    }

    pub(super) fn open_sum(&mut self, at: &Place) -> Result<&mut Sum, Refusal> {
        let newest = self.newest().unwrap_or(at.fence);
        match self.open.get_mut(&at.group) {
            Some(sum) if sum.fence == at.fence => Ok(sum),
            _ => Err(Refusal::Stale { found: at.fence, newest }),
        }
    }

    /// Drops the sum of `fence`, which cannot be made.
    pub(super) fn drop_sum(&mut self, fence: Fence, group: u32) {
        for sums in [&mut self.open, &mut self.before] {
            if sums.get(&group).is_some_and(|sum| sum.fence == fence) {
                sums.remove(&group);
            }
        }
    }

    /// The sum of `fence`; `None` if it is not known yet.
    pub(super) fn find(&mut self, fence: Fence, group: u32) -> Result<Option<&mut Sum>, Refusal> {
        let newest = self.newest().unwrap_or(fence);
        let sums = if fence < newest { &mut self.before } else { &mut self.open };
        match sums.get_mut(&group).filter(|sum| sum.fence == fence) {
            Some(sum) => Ok(Some(sum)),
            None if fence < newest => Err(Refusal::Stale { found: fence, newest }),
            None => Ok(None),
        }
    }
}
