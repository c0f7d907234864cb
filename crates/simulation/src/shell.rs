use super::Process;
use super::network::Call;
use super::replica::Payload;
use std::collections::BTreeMap;
use stentor_coordinator::state_machine::{Core, Event, Fence, Millis, Outcome, Session, Slot};

/// A pretended coordinator process: the real core, with as little of `engine`, `perform` and `reducer` around it as they have
/// state.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) core: Core,
    pub(super) started: Millis,
    pub(super) frozen_until: Millis,
    pub(super) outcome: Option<Outcome>,
    next_session: Session,
    /// Joins that are not answered.
    pub(super) joins: BTreeMap<Session, (Process, Call)>,
    pub(super) owners: BTreeMap<Session, Process>,
    /// Contributions that wait for their round's end.
    pub(super) waiting: BTreeMap<Slot, (Process, Call)>,
    pub(super) reducers: Reducers,
    pub(super) lines: Lines,
}

/// The event log before it is in the store.
#[derive(Debug, Default)]
pub(super) struct Lines {
    fresh: Vec<Event>,
    /// Segments that are cut, and not known to be in the store.
    unsaved: BTreeMap<u64, Vec<Event>>,
    segment: u64,
}

/// What the reducers hold: the sums of the newest round, and those of the round before.
#[derive(Debug, Default)]
pub(super) struct Reducers {
    newest: Option<Fence>,
    sums: BTreeMap<(Fence, u32), BTreeMap<Slot, Option<Payload>>>,
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

    /// Makes a segment of what has come since the last one.
    pub(super) fn cut(&mut self) {
        if !self.fresh.is_empty() {
            self.segment += 1;
            self.unsaved.insert(self.segment, std::mem::take(&mut self.fresh));
        }
    }

    /// Takes the segments that are to be put.
    pub(super) fn unsaved(&mut self) -> BTreeMap<u64, Vec<Event>> {
        std::mem::take(&mut self.unsaved)
    }
}

impl Reducers {
    /// Takes a payload in. One that is staged for a membership of the past is refused.
    pub(super) fn stage(&mut self, fence: Fence, group: u32, slot: Slot, payload: Option<Payload>) {
        let newest = *self.newest.get_or_insert(fence);
        if fence < newest {
            return;
        }
        self.newest = Some(fence);
        self.sums.retain(|(of, _), _| of.lineage == fence.lineage && of.round + 1 >= fence.round);
        self.sums.entry((fence, group)).or_default().insert(slot, payload);
    }

    /// Slots that have staged for the sum of a group.
    pub(super) fn staged(&self, fence: Fence, group: u32) -> Vec<Slot> {
        self.sums.get(&(fence, group)).into_iter().flat_map(|sum| sum.keys().copied()).collect()
    }

    /// The payloads of a sum, by slot, without those who had nothing to say; none where it is gone.
    pub(super) fn fetch(&self, fence: Fence, group: u32) -> Option<Vec<Payload>> {
        Some(self.sums.get(&(fence, group))?.values().flatten().cloned().collect())
    }
}
