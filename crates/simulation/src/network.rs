use super::Process;
use std::collections::BTreeMap;
use stentor_rounds::{
    Arrival, Assignment, Closed, Fence, Input, Millis, Publication, Report, Session, Slot, SumGroup,
};

/// Tells a worker's calls apart.
pub(super) type Call = u64;

/// Messages of workers to the coordinator.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Join {
        identity: String,
    },
    Arrived(Arrival),
    Staged {
        fence: Fence,
        identity: String,
        slot: Slot,
    },
    Reported(Report),
    Heard {
        session: Session,
        doing: String,
    },
    Leave {
        identity: String,
    },
    /// A message that is not true.
    Says(Input),
}

/// Messages of the coordinator to workers.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Admitted {
        session: Session,
        assignment: Assignment,
        checkpoint: Option<String>,
    },
    /// A join is refused for good.
    Refused,
    Again {
        fence: Fence,
        sum_group: SumGroup,
    },
    Closed(Box<Closed>),
    /// An operator asks the member to leave.
    Drain,
    /// The session is over.
    Over,
}

/// Whether a message is sent for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copy {
    /// It is.
    Original,
    /// It is, and it is not true.
    Lie,
    /// It is a repetition, which gets no answer.
    Repeated,
}

/// An event, which is scheduled for a time.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    ToCoordinator {
        incarnation: u64,
        process: Process,
        call: Call,
        request: Request,
        copy: Copy,
    },
    ToWorker {
        process: Process,
        incarnation: u64,
        call: Option<Call>,
        session: Option<Session>,
        reply: Reply,
    },
    /// A worker carries out its next step.
    Turn {
        process: Process,
    },
    Heartbeat {
        process: Process,
    },
    /// The sum that a worker waits for can be fetched.
    SumIsWhole {
        process: Process,
    },
    /// A worker's late objects are written to the store.
    Written {
        process: Process,
    },
    /// A worker has looked for the last checkpoint for long enough.
    GraceOver {
        process: Process,
    },
    /// A connection is seen to be broken: on the coordinator's side, and on the worker's.
    Broken {
        incarnation: u64,
        session: Session,
    },
    Unreachable {
        process: Process,
        incarnation: u64,
    },
    Tick {
        incarnation: u64,
    },
    /// The event log's segment is written, and after it the manifest.
    PutSegment {
        incarnation: u64,
        publication: Box<Publication>,
    },
    PutManifest {
        incarnation: u64,
        publication: Box<Publication>,
    },
    /// The store has answered.
    Told {
        incarnation: u64,
        input: Input,
    },
    /// The separate reducers die, are started, and answer a coordinator that calls them.
    ReducersDie,
    ReducersStart,
    ReducersAnswer {
        incarnation: u64,
    },
    /// A process dies.
    Killed {
        process: Process,
    },
    Fault,
    /// An operator gives a command.
    Order,
    /// An operator ends a pause.
    Resume,
    /// A member says what is not true.
    Lie,
    /// An operator restarts missing processes.
    Operator,
    /// A supervisor starts a coordinator.
    Supervisor,
}

/// The scheduled events, in the order of time; at the same time, in the order of sending.
#[derive(Debug, Default)]
pub(super) struct Network {
    queue: BTreeMap<(Millis, u64), Happening>,
    sent: u64,
}

impl Network {
    pub(super) fn at(&mut self, time: Millis, happening: Happening) {
        self.sent += 1;
        self.queue.insert((time, self.sent), happening);
    }

    pub(super) fn pop(&mut self) -> Option<(Millis, Happening)> {
        self.queue.pop_first().map(|((time, _), happening)| (time, happening))
    }

    /// The sessions of `incarnation` that are next in the queue and are seen to be broken by `now`: the coordinator takes them
    /// together, for example when it wakes up.
    pub(super) fn broken_with_it(&mut self, now: Millis, incarnation: u64) -> Vec<Session> {
        let mut sessions = Vec::new();
        while let Some(next) = self.queue.first_entry()
            && next.key().0 <= now
            && let Happening::Broken { incarnation: of, session } = *next.get()
            && of == incarnation
        {
            next.remove();
            sessions.push(session);
        }
        sessions
    }
}
