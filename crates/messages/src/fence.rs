use serde::{Deserialize, Serialize};

/// A member's position in sums.
pub type Slot = u32;

/// Milliseconds since the coordinator started. Neither state machine has a clock: every input contains the time.
pub type Millis = u64;

/// The fencing of a message: every message that may change state contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fence {
    /// Incremented when the run falls back to a checkpoint.
    pub lineage: u64,
    /// Incremented with every change of members.
    pub membership_epoch: u64,
    /// Incremented with each closed round of a lineage.
    pub round: u64,
}
