//! What the state machine is told.

use crate::inspect::{Found, Inspection};
use crate::operator::Command;
use crate::{Arrival, BadRowGroup, Fence, Report, Session, Slot};

/// The inputs of the state machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A process requests membership.
    Join {
        /// Given by the shell; never used twice.
        session: Session,
        /// Stable across restarts.
        identity: String,
    },
    /// A member reports what it is doing.
    Heard {
        /// Its membership.
        session: Session,
        /// A text for people; a change of it shows that the member makes progress.
        doing: String,
    },
    /// Members' connections broke. Losses that are known together are told together: the round is arranged once, without all of
    /// them.
    Lost(Vec<Loss>),
    /// A member leaves on its own.
    Leave {
        /// Who.
        identity: String,
        /// Words for people.
        reason: String,
        /// Whether the data are the cause, as the member says: then another member would fail at the same place. The run stops if
        /// the shell finds the same.
        fatal: bool,
    },
    /// A contribution is computed.
    Arrived(Arrival),
    /// A member could not use some of the data.
    Bad {
        /// The round in which it found them.
        fence: Fence,
        /// Who.
        identity: String,
        /// The row groups that it quarantined.
        row_groups: Vec<BadRowGroup>,
    },
    /// The shell has read the data of [`Action::Inspect`](crate::Action::Inspect).
    Inspected {
        /// What it was asked.
        inspection: Inspection,
        /// What it found.
        found: Found,
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
    /// A reducer found a payload that cannot be part of a sum.
    SetAside(SetAside),
    /// A separate reducer has answered, or its connection broke.
    Reducer {
        /// Its place in `exchange.reducers`.
        index: usize,
        /// Whether it answers.
        is_up: bool,
    },
    /// An operator gives a command.
    Command {
        /// What is wanted.
        command: Command,
        /// Who it is, for people.
        by: String,
    },
    /// A member has done its duties at a boundary.
    Reported(Report),
    /// The shell published a checkpoint's manifest.
    Published {
        /// Its name.
        checkpoint: String,
    },
    /// The shell could not publish a checkpoint's manifest.
    PublishFailed {
        /// Its name.
        checkpoint: String,
        /// Words for people.
        reason: String,
        /// The object that is not in the store as its writer reported it, if that is the cause.
        object: Option<String>,
    },
    /// Another coordinator has claimed the run.
    Replaced {
        /// Its incarnation.
        by: u64,
    },
    /// A signal asks the coordinator to stop.
    Stop,
    /// Time passes.
    Tick,
}

/// A member whose connection broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Its membership.
    pub session: Session,
    /// Words for people.
    pub reason: String,
}

/// A member whose payload cannot be part of a sum, as a reducer has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The round and its membership.
    pub fence: Fence,
    /// The member's place in sums.
    pub slot: Slot,
    /// Words for people.
    pub reason: String,
}
