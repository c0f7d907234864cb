use super::Process;
use std::collections::BTreeMap;
use stentor_coordinator::state_machine::{
    Arrival, Assignment, Closed, Fence, Input, Millis, Publication, Report, Session, Slot, SumGroup,
};

/// Tells a worker's calls apart.
pub(super) type Call = u64;

/// What a worker says to the coordinator.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Join { identity: String },
    Arrived(Arrival),
    Staged { fence: Fence, identity: String, slot: Slot },
    Reported(Report),
    Heard { session: Session, doing: String },
    Leave { identity: String },
}

/// What the coordinator says to a worker.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Admitted {
        session: Session,
        assignment: Assignment,
        checkpoint: Option<String>,
    },
    /// A join that no other try can mend.
    Refused,
    Again {
        fence: Fence,
        sum_group: SumGroup,
    },
    Closed(Box<Closed>),
    /// The session is over.
    Over,
}

/// Whose message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copy {
    /// The first of its kind.
    Original,
    /// The same once more: nobody waits for an answer.
    Repeated,
}

/// Something that happens at a time.
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
    /// A worker does its next thing.
    Turn {
        process: Process,
    },
    Heartbeat {
        process: Process,
    },
    /// A worker's late objects come to the store.
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
    /// The event log's segment is to be put, then the manifest.
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
    /// A process dies.
    Killed {
        process: Process,
    },
    Fault,
    /// Somebody looks after what is missing.
    Operator,
    /// A supervisor starts a coordinator.
    Supervisor,
}

/// All that is under way, in the order of time; at the same time, in the order of sending.
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
}
