use super::invariant::Violation;
use super::{
    Arrival, Assignment, BadRowGroup, Boundary, Closed, Event, Fence, Report, Saved, Session, Slot, SumGroup,
    Written,
};
use std::collections::{BTreeMap, BTreeSet};
use stentor_exchange::Encoding;
use stentor_experiment::{Source, Strategy};
use stentor_scores::Sums;

/// What happens to the core.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A process asks for membership.
    Join {
        /// Given by the shell, never used twice.
        session: Session,
        /// Stable across restarts.
        identity: String,
    },
    /// A member says what it is doing.
    Heard {
        /// Its membership.
        session: Session,
        /// Words for people; that they change shows that it gets on.
        doing: String,
    },
    /// A member's connection broke.
    Lost {
        /// Its membership.
        session: Session,
        /// Words for people.
        reason: String,
    },
    /// A member leaves by its own will.
    Leave {
        /// Who.
        identity: String,
        /// Words for people.
        reason: String,
        /// Whether data are the cause: then another member would fail at the same place, and the run stops.
        fatal: bool,
    },
    /// A contribution is computed.
    Arrived(Arrival),
    /// A member could not use some of the data.
    Bad {
        /// Who.
        identity: String,
        /// What it set aside.
        row_groups: Vec<BadRowGroup>,
    },
    /// Every reducer has a contribution's payload.
    Staged {
        /// The round and membership that it was staged for.
        fence: Fence,
        /// Who.
        identity: String,
        /// The sender's place in sums.
        slot: Slot,
    },
    /// Somebody wants another strategy.
    Switch {
        /// Which.
        strategy: Strategy,
    },
    /// A member did its boundary's duties.
    Reported(Report),
    /// The shell published a checkpoint's manifest.
    Published {
        /// Its name.
        checkpoint: String,
    },
    /// The shell could not.
    PublishFailed {
        /// Its name.
        checkpoint: String,
        /// Words for people.
        reason: String,
    },
    /// Another coordinator has claimed the run.
    Replaced {
        /// Its incarnation.
        by: u64,
    },
    /// Time passes.
    Tick,
}

/// What the shell must do, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
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
    /// Answer a join with "join again".
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
        /// For figures.
        refusal: Refusal,
        /// Words for people.
        reason: String,
    },
    /// Ask a member to stage its contribution to the open round once more: members have changed since.
    Again {
        /// Its place in sums.
        slot: Slot,
        /// The round, with the membership epoch of today.
        fence: Fence,
        /// Whose contributions are summed with its own.
        sum_group: SumGroup,
    },
    /// Tell every slot in `next` that the round has closed; the reducers have its sum.
    Close(Closing),
    /// End a session: its pending call is answered with "join again".
    Dismiss {
        /// Whose membership.
        session: Session,
        /// Whether the member wanted it.
        departure: Departure,
        /// Its place in sums.
        slot: Slot,
        /// Words for people.
        reason: String,
    },
    /// Publish a checkpoint's manifest.
    Publish(Box<Publication>),
    /// Write an event to the log.
    Record(Event),
    /// Tell people: the core is not in a state that it ought to be in.
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
    /// It is to another round than the open one, or of another lineage or membership.
    OtherRound,
    /// Its sender is not the member at the slot that it names.
    OtherMember,
    /// The slot has contributed already.
    Twice,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Refusal; 5] =
        [Refusal::OtherRun, Refusal::NoRound, Refusal::OtherRound, Refusal::OtherMember, Refusal::Twice];

    /// The word in metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Refusal::OtherRun => "other run",
            Refusal::NoRound => "no round",
            Refusal::OtherRound => "other round",
            Refusal::OtherMember => "other member",
            Refusal::Twice => "twice",
        }
    }
}

/// How a member goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// By its own will, or together with the run.
    Left,
    /// By a broken connection, a deadline or a fall-back.
    Lost,
}

/// A round's end.
#[derive(Debug, Clone, PartialEq)]
pub struct Closing {
    /// The round.
    pub fence: Fence,
    /// Source of most of the round's batches: of all, but in a block.
    pub source: Source,
    /// How the payloads are coded.
    pub encoding: Encoding,
    /// What each member is told.
    pub next: BTreeMap<Slot, Next>,
}

impl Closing {
    /// What the member to whom `next` belongs is told.
    #[must_use]
    pub fn told(&self, next: Next) -> Closed {
        let Next { contributors, frames, boundary, assignment: next } = next;
        let &Closing { fence, source, encoding, .. } = self;
        Closed { fence, source, encoding, contributors, frames, boundary, next }
    }
}

/// A round's end for one member.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// Slots whose payloads are in the member's sum, ascending.
    pub contributors: Vec<Slot>,
    /// Frames behind the sum.
    pub frames: u64,
    /// What to do before the next round.
    pub boundary: Boundary,
    /// The next round; none where the run is finished.
    pub assignment: Option<Assignment>,
}

/// A checkpoint whose objects are all in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// Its name.
    pub name: String,
    /// The objects.
    pub objects: Vec<Written>,
    /// The core's own state.
    pub saved: Saved,
    /// Where it stands.
    pub fence: Fence,
    /// Frames committed.
    pub committed_frames: u64,
    /// What was counted in the whole dev data.
    pub dev: Option<Sums>,
    /// Older checkpoints that the run would go back to, or deploy: not to be deleted.
    pub needed: BTreeSet<String>,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All data seen, or no improvement any more.
    Finished {
        /// The checkpoint to deploy.
        checkpoint: String,
    },
    /// Too few members came or stayed.
    LostQuorum {
        /// Who was waited for, and how long.
        reason: String,
    },
    /// More of the data is unusable than `data.max_bad_fraction` allows, or a member found some that no other could use either.
    BadData {
        /// Which, how much, and what is wrong with it.
        reason: String,
    },
    /// Another coordinator has taken over.
    Replaced {
        /// Its incarnation.
        by: u64,
    },
    /// Replicas that ought to be one are not.
    Disagreement {
        /// What differs, and whose.
        reason: String,
    },
    /// A loss or gradient is not finite, and no other member would find another one.
    NonFinite {
        /// Whose, and in which batches.
        reason: String,
    },
    /// The ledger contradicts itself: a bug of ours.
    Broken {
        /// How.
        reason: String,
    },
}

impl Outcome {
    /// For people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Outcome::Finished { checkpoint } => {
                format!("The run is finished; it deploys checkpoint {checkpoint}.")
            }
            Outcome::LostQuorum { reason } => format!("The run is given up: {reason}."),
            Outcome::Replaced { by } => format!("Another coordinator, incarnation {by}, has taken over."),
            Outcome::BadData { reason }
            | Outcome::Disagreement { reason }
            | Outcome::NonFinite { reason }
            | Outcome::Broken { reason } => {
                format!("The run has stopped: {reason}")
            }
        }
    }
}
