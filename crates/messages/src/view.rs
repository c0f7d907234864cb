//! The current state of a run: the coordinator's state machine says it, the live page and status replies show it.

use crate::{Fence, Millis, Slot};
use serde::Serialize;
use stentor_experiment::Strategy;

/// The current state of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The open round.
    pub fence: Fence,
    /// What the run is doing.
    pub stage: Stage,
    /// All members.
    pub members: Vec<MemberView>,
    /// Identities of the workers that request membership.
    pub applicants: Vec<String>,
    /// What the run waits for, in a sentence for each wait; empty while it waits for nothing.
    pub waiting: String,
    /// Number of frames committed so far: the schedule's clock.
    pub committed_frames: u64,
    /// Number of frames in the whole run.
    pub total_frames: u64,
    /// The strategy in force.
    pub strategy: Strategy,
    /// The strategy to which a switch was requested.
    pub switching_to: Option<Strategy>,
    /// The pause that an operator asked for.
    pub paused: Option<Pausing>,
    /// The newest published checkpoint.
    pub newest_checkpoint: Option<String>,
}

/// A pause of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pausing {
    /// Who asked for it.
    pub by: String,
    /// Time since then.
    pub for_ms: Millis,
    /// Whether its checkpoint is published, and no round closes any more.
    pub held: bool,
}

/// A member.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberView {
    /// Its slot in sums.
    pub slot: Slot,
    /// Its name, stable across restarts.
    pub identity: String,
    /// What it reports to be doing.
    pub doing: String,
    /// Time since its last message.
    pub silent_ms: Millis,
    /// What the others are waiting for it to do.
    pub owes: Owes,
    /// Time until its deadline; `None` if it has no deadline of its own, or if no member is waiting.
    pub left_ms: Option<Millis>,
    /// Whether it was asked to stop.
    pub leaving: bool,
}

/// What the run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for workers to join.
    Gathering {
        /// Time since the wait began.
        for_ms: Millis,
    },
    /// A round is open.
    Round {
        /// Time since its first contribution arrived.
        waited_ms: Option<Millis>,
    },
    /// All updates have been sent; waiting for the last reports.
    Finishing {
        /// Time since this stage began.
        for_ms: Millis,
    },
    /// The run has ended.
    Over,
}

/// What the others are waiting for a member to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owes {
    /// Compute its batches.
    Contribution,
    /// Send its payload to the reducers; its batches are computed.
    Payload,
    /// Report: it writes a checkpoint or scores dev data.
    Report,
    /// Nothing; it waits for the others.
    Nothing,
}
