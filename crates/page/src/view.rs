//! Where a run stands at one time: the part of it that the page shows.

use serde::Serialize;
use stentor_experiment::Strategy;
use stentor_runlog::{Fence, Millis, Slot};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The open round.
    pub fence: Fence,
    /// What is going on.
    pub stage: Stage,
    /// All members.
    pub members: Vec<MemberView>,
    /// Identities of the workers that ask for membership.
    pub applicants: Vec<String>,
    /// Frames committed so far: the schedule's clock.
    pub committed_frames: u64,
    /// Frames of the whole run.
    pub total_frames: u64,
    /// The strategy in force.
    pub strategy: Strategy,
    /// The strategy that somebody asked for.
    pub switching_to: Option<Strategy>,
    /// The newest published checkpoint.
    pub newest_checkpoint: Option<String>,
}

/// A member.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberView {
    /// Its place in sums.
    pub slot: Slot,
    /// Its name, stable across restarts.
    pub identity: String,
    /// What it says that it is doing.
    pub doing: String,
    /// Time since its last message.
    pub silent_ms: Millis,
    /// What is waited for from it.
    pub owes: Owes,
    /// Time until its deadline; none where it has none of its own, or where nobody waits.
    pub left_ms: Option<Millis>,
    /// Whether it was asked to stop.
    pub leaving: bool,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Workers are waited for.
    Gathering {
        /// Time since it began.
        for_ms: Millis,
    },
    /// A round is open.
    Round {
        /// Time since its first contribution arrived.
        waited_ms: Option<Millis>,
    },
    /// The last update is out, and the last reports are waited for.
    Finishing {
        /// Time since it began.
        for_ms: Millis,
    },
    /// Nothing more will happen.
    Over,
}

/// What is waited for from a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owes {
    /// It computes.
    Contribution,
    /// It has computed; its payload is on its way to the reducers.
    Payload,
    /// A report: it writes a checkpoint, or scores dev data.
    Report,
    /// Nothing: the others are waited for.
    Nothing,
}
