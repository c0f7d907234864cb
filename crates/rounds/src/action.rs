//! What the state machine asks of its shell.

use crate::inspect::Inspection;
use crate::invariant::Violation;
use crate::operator::Request;
use crate::{Assignment, Boundary, Closed, Event, Fence, Outcome, Saved, Session, Slot, SumGroup, Written};
use std::collections::{BTreeMap, BTreeSet};
use stentor_exchange::Encoding;
use stentor_experiment::Source;
use stentor_scores::Sums;

/// What the shell must do, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Tell the reducers who may stage what. It comes before the members are told.
    Announce(Announcement),
    /// Answer a join.
    Admit {
        /// Whose.
        session: Session,
        /// First round.
        assignment: Assignment,
        /// State to load; none: start from the seed.
        checkpoint: Option<String>,
    },
    /// Answer a join with a refusal.
    RefuseJoin {
        /// Whose.
        session: Session,
        /// Words for people.
        reason: String,
    },
    /// Answer a join with the request to join again.
    PutOff {
        /// Whose.
        session: Session,
        /// Words for people.
        reason: String,
    },
    /// Answer a contribution with a refusal; it changed nothing.
    Refuse {
        /// Whose.
        identity: String,
        /// The slot it named.
        slot: Slot,
        /// The kind of refusal, for metrics.
        refusal: Refusal,
        /// Words for people.
        reason: String,
    },
    /// Ask a member to stage its contribution to the open round once more, because the members have changed.
    Again {
        /// Its place in sums.
        slot: Slot,
        /// The round, with the current membership epoch.
        fence: Fence,
        /// The members whose contributions are summed with its own.
        sum_group: SumGroup,
    },
    /// Tell every slot in `next` that the round has closed; the reducers have its sum.
    Close(Closing),
    /// End a session: its pending call is answered with "join again".
    Dismiss {
        /// The session.
        session: Session,
        /// Whether the member left or was lost.
        departure: Departure,
        /// Its place in sums.
        slot: Slot,
        /// Words for people.
        reason: String,
    },
    /// Read data that a member says are bad, and say what is found.
    Inspect(Inspection),
    /// Ask a member to hand over its residual and to leave.
    Drain {
        /// Its membership.
        session: Session,
    },
    /// Answer an operator's request for a checkpoint.
    Answer {
        /// The request.
        request: Request,
        /// The name of the published checkpoint, or why none comes, in words.
        answer: Result<String, String>,
    },
    /// Publish a checkpoint's manifest.
    Publish(Box<Publication>),
    /// Write an event to the log.
    Record(Event),
    /// Report that an invariant does not hold.
    Violated(Violation),
    /// The run is over.
    Stop(Outcome),
}

/// Why a contribution is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is of another run.
    OtherRun,
    /// No round is open.
    NoRound,
    /// It is for another round than the open one, or of another lineage or membership.
    OtherRound,
    /// Its sender is not the member at the slot that it names.
    OtherMember,
    /// The slot has contributed already.
    Twice,
    /// A number in it cannot be true.
    Invalid,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Refusal; 6] = [
        Refusal::OtherRun,
        Refusal::NoRound,
        Refusal::OtherRound,
        Refusal::OtherMember,
        Refusal::Twice,
        Refusal::Invalid,
    ];

    /// Its label in metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Refusal::OtherRun => "other run",
            Refusal::NoRound => "no round",
            Refusal::OtherRound => "other round",
            Refusal::OtherMember => "other member",
            Refusal::Twice => "twice",
            Refusal::Invalid => "invalid",
        }
    }
}

/// The open round, for the reducers: who may stage what.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// The round and its membership.
    pub fence: Fence,
    /// How the contributions are encoded.
    pub encoding: Encoding,
    /// The members.
    pub seats: BTreeMap<Slot, Seat>,
}

/// A member of a round, for the reducers.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    /// Its membership.
    pub session: Session,
    /// Its name.
    pub identity: String,
    /// The most valid frames that its contribution can have.
    pub most_frames: u64,
    /// Whose contributions are summed with its own.
    pub sum_group: SumGroup,
}

/// How a membership ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// The member left, or the run ended.
    Left,
    /// A broken connection, a missed deadline or a fall-back.
    Lost,
}

/// The end of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Closing {
    /// The round.
    pub fence: Fence,
    /// Source of most of the round's batches; except in a block, of all.
    pub source: Source,
    /// Encoding of the payloads.
    pub encoding: Encoding,
    /// The answer to each member.
    pub next: BTreeMap<Slot, Next>,
}

impl Closing {
    /// The answer to the member to which `next` belongs.
    #[must_use]
    pub fn told(&self, next: Next) -> Closed {
        let Next { contributors, frames, boundary, assignment: next } = next;
        let &Closing { fence, source, encoding, .. } = self;
        Closed { fence, source, encoding, contributors, frames, boundary, next }
    }
}

/// The end of a round for one member.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// Slots whose payloads are in the member's sum, ascending.
    pub contributors: Vec<Slot>,
    /// Frames behind the sum.
    pub frames: u64,
    /// What to do before the next round.
    pub boundary: Boundary,
    /// The next round; `None` if the run is finished.
    pub assignment: Option<Assignment>,
}

/// A checkpoint whose objects are all in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// Its name.
    pub name: String,
    /// The objects.
    pub objects: Vec<Written>,
    /// The state machine's own state.
    pub saved: Saved,
    /// Its round.
    pub fence: Fence,
    /// Frames committed.
    pub committed_frames: u64,
    /// What was counted in the whole dev data.
    pub dev: Option<Sums>,
    /// Older checkpoints to which the run would return, or which it would deploy: they must not be deleted.
    pub needed: BTreeSet<String>,
}
