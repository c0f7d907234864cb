use super::network::Call;
use super::replica::VALUES;
use super::{Bug, Process};
use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_coordinator::state_machine::{Core, Encoding, Event, Fence, Millis, Outcome, Session, Slot};
use stentor_exchange::{Error, Reducer};
use stentor_experiment::BmufWeights;
use stentor_participant::Staging;

/// A simulated coordinator process: the real state machine, and the state that `engine`, `perform` and `reducer` have around it.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) core: Core,
    pub(super) started: Millis,
    pub(super) frozen_until: Millis,
    pub(super) outcome: Option<Outcome>,
    next_session: Session,
    /// Joins without an answer yet.
    pub(super) joins: BTreeMap<Session, (Process, Call)>,
    pub(super) owners: BTreeMap<Session, Process>,
    /// Contributions that wait for the end of their round.
    pub(super) waiting: BTreeMap<Slot, (Process, Call)>,
    pub(super) reducers: Reducers,
    pub(super) lines: Lines,
}

/// The part of the event log that is not in the store yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    fresh: Vec<Event>,
    /// Complete segments that are not known to be in the store.
    unsaved: BTreeMap<u64, Vec<Event>>,
    segment: u64,
}

/// The sums of the newest and of the previous round in the reducers.
#[derive(Debug, Default)]
pub(super) struct Reducers {
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

impl Shell {
    pub(super) fn new(core: Core, started: Millis) -> Self {
        Self {
            core,
            started,
            frozen_until: 0,
            outcome: None,
            next_session: 1,
            joins: BTreeMap::new(),
            owners: BTreeMap::new(),
            waiting: BTreeMap::new(),
            reducers: Reducers::default(),
            lines: Lines::default(),
        }
    }

    pub(super) fn open_session(&mut self, process: Process) -> Session {
        let session = self.next_session;
        self.next_session += 1;
        self.owners.insert(session, process);
        session
    }
}

impl Lines {
    pub(super) fn record(&mut self, event: Event) {
        self.fresh.push(event);
    }

    /// Makes a segment of the events since the last one.
    pub(super) fn cut(&mut self) {
        if !self.fresh.is_empty() {
            self.segment += 1;
            self.unsaved.insert(self.segment, std::mem::take(&mut self.fresh));
        }
    }

    /// Takes the segments that have to be written.
    pub(super) fn unsaved(&mut self) -> BTreeMap<u64, Vec<Event>> {
        std::mem::take(&mut self.unsaved)
    }
}

impl Reducers {
    /// The coordinator has opened a round, or its members have changed.
    pub(super) fn announce(&mut self, fence: Fence) {
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
            Some(newest) if newest == fence => fence,
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
