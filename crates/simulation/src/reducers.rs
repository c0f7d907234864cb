//! The reducers of a world: in the coordinator's process, or in one of their own, which dies and is started again.

use super::Bug;
use super::network::{Copy, Happening};
use super::replica::VALUES;
use super::world::{Pace, World};
use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_exchange::{Error, Reducer};
use stentor_experiment::BmufWeights;
use stentor_participant::Staging;
use stentor_rounds::{Encoding, Fence, Input, Millis, Slot};

/// The sums of the newest and of the previous round in the reducers.
#[derive(Debug)]
pub(super) struct Reducers {
    /// Whether they live and have heard of the newest round.
    is_up: bool,
    /// The round that the coordinator has announced last.
    announced: Option<Fence>,
    /// The round that was announced when they died last.
    died_in: Option<Fence>,
    /// The round that they know of.
    newest: Option<Fence>,
    sums: BTreeMap<(Fence, u32), Sum>,
}

/// The payloads staged for a sum.
#[derive(Debug)]
struct Sum {
    encoding: Encoding,
    weights: BmufWeights,
    /// Frames and payload of each slot; no payload means that it has nothing to contribute.
    staged: BTreeMap<Slot, (u64, Option<Bytes>)>,
}

impl Reducers {
    pub(super) fn new(is_up: bool) -> Self {
        Self { is_up, announced: None, died_in: None, newest: None, sums: BTreeMap::new() }
    }

    /// They die, and with them what was staged.
    pub(super) fn die(&mut self) {
        *self = Self { announced: self.announced, died_in: self.announced, ..Self::new(false) };
    }

    /// Whether they have lost all that was staged for a round: then nobody gets a sum of it.
    pub(super) fn have_lost(&self, fence: Fence) -> bool {
        self.died_in == Some(fence) && !self.sums.keys().any(|(of, _)| *of == fence)
    }

    /// The coordinator is connected to them, and announces the newest round.
    pub(super) fn connect(&mut self) {
        (self.is_up, self.newest) = (true, self.announced);
    }

    /// The coordinator has opened a round, or its members have changed.
    pub(super) fn announce(&mut self, fence: Fence) {
        self.announced = Some(fence);
        if !self.is_up {
            return;
        }
        self.newest = Some(fence);
        self.sums.retain(|(of, _), _| of.lineage == fence.lineage && of.round + 1 >= fence.round);
    }

    /// Accepts a payload; returns false and refuses one for an earlier membership.
    pub(super) fn stage(&mut self, staging: &Staging, payload: Option<Bytes>, weights: BmufWeights) -> bool {
        let &Staging { fence, slot, frames, encoding, .. } = staging;
        let fence = match self.newest {
            // A notice of the same round; only the members have changed.
            Some(newest)
                if Bug::StalePayloadSummed.is_armed()
                    && (newest.lineage, newest.round) == (fence.lineage, fence.round) =>
            {
                newest
            }
            Some(newest) if newest == fence && self.is_up => fence,
            _ => return false,
        };
        let sum = self.sums.entry((fence, staging.sum_group.group));
        let sum = sum.or_insert_with(|| Sum { encoding, weights, staged: BTreeMap::new() });
        sum.staged.insert(slot, (frames, payload));
        true
    }

    /// Slots that have staged for the sum of a group.
    pub(super) fn staged(&self, fence: Fence, group: u32) -> Vec<Slot> {
        self.sums.get(&(fence, group)).into_iter().flat_map(|sum| sum.staged.keys().copied()).collect()
    }

    /// Number of slots with values in the sum of a group.
    pub(super) fn contributions(&self, fence: Fence, group: u32) -> usize {
        let staged = self.sums.get(&(fence, group)).into_iter().flat_map(|sum| sum.staged.values());
        staged.filter(|(_, payload)| payload.is_some()).count()
    }

    /// A sum, by the real arithmetic; empty if no member had a frame, `None` if it was dropped.
    pub(super) fn fetch(&self, fence: Fence, group: u32) -> Option<Bytes> {
        let Sum { encoding, weights, staged } = self.sums.get(&(fence, group))?;
        let mut reducer = Reducer::new(&encoding.summation(*weights).ok()?, VALUES);
        for (slot, (frames, payload)) in staged {
            reducer.add(*slot, *frames, payload.as_deref().unwrap_or_default()).ok()?;
        }
        match reducer.finish() {
            Ok(reduction) => Some(reduction.payload.into()),
            Err(Error::NothingToReduce) => Some(Bytes::new()),
            Err(_) => None,
        }
    }
}

impl World {
    pub(super) fn has_separate_reducers(&self) -> bool {
        !self.settings.experiment.exchange.reducers.is_empty()
    }

    /// Separate reducers will die from time to time.
    pub(super) fn plan_reducer_crash(&mut self) {
        let delay = self.breaks.between(500, 15_000);
        self.network.at(self.now + delay, Happening::ReducersDie);
    }

    pub(super) fn crash_reducers(&mut self) {
        if self.faults_are_over() {
            return;
        }
        self.plan_reducer_crash();
        if !self.reducers_live {
            return;
        }
        self.count("reducer crash");
        let soon = self.breaks.between(1, 40);
        self.kill_reducers(soon);
        let delay = self.breaks.between(50, 8_000);
        self.network.at(self.now + delay, Happening::ReducersStart);
    }

    /// The reducers die, and coordinators notice it after `delay`.
    pub(crate) fn kill_reducers(&mut self, delay: Millis) {
        self.reducers_live = false;
        self.shells.values_mut().for_each(|shell| shell.reducers.die());
        let incarnations: Vec<u64> = self.shells.keys().copied().collect();
        for incarnation in incarnations {
            let input = Input::Reducer { index: 0, is_up: false };
            self.network.at(self.now + delay, Happening::Told { incarnation, input });
        }
    }

    /// The reducers are started, and know nothing.
    pub(crate) fn start_reducers(&mut self) {
        self.reducers_live = true;
        let incarnations: Vec<u64> = self.shells.keys().copied().collect();
        incarnations.into_iter().for_each(|incarnation| self.call_reducers(incarnation));
    }

    /// A coordinator calls separate reducers, if they live.
    pub(super) fn call_reducers(&mut self, incarnation: u64) {
        if !self.has_separate_reducers() || !self.reducers_live {
            return;
        }
        let delay = match self.pace {
            #[cfg(test)]
            Pace::ByHand => 0,
            Pace::Random => self.breaks.between(1, 600),
        };
        self.network.at(self.now + delay, Happening::ReducersAnswer { incarnation });
    }

    /// Reducers answer a coordinator, unless they have died since.
    pub(super) fn reducers_answer(&mut self, incarnation: u64) {
        let Some(shell) = self.shells.get_mut(&incarnation).filter(|_| self.reducers_live) else { return };
        shell.reducers.connect();
        self.step(incarnation, Input::Reducer { index: 0, is_up: true }, Copy::Original);
    }
}
