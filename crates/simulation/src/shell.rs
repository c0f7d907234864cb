use super::Process;
use super::network::Call;
use super::reducers::Reducers;
use std::collections::BTreeMap;
use stentor_rounds::{Core, Event, Millis, Outcome, Session, Slot};

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

impl Shell {
    /// `separate`: whether the reducers have processes of their own, to which there is no connection yet.
    pub(super) fn new(core: Core, started: Millis, separate: bool) -> Self {
        Self {
            core,
            started,
            frozen_until: 0,
            outcome: None,
            next_session: 1,
            joins: BTreeMap::new(),
            owners: BTreeMap::new(),
            waiting: BTreeMap::new(),
            reducers: Reducers::new(!separate),
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
