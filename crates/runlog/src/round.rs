use serde::{Deserialize, Serialize};

/// Milliseconds since the coordinator started. The core has no clock: every input brings the time.
pub type Millis = u64;

/// A member's place in sums.
pub type Slot = u32;

/// Stands in every message that may change state (DESIGN: rounds are fenced).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fence {
    /// Rises when the run falls back to a checkpoint.
    pub lineage: u64,
    /// Rises with every change of members.
    pub membership_epoch: u64,
    /// Rises by one per closed round within a lineage.
    pub round: u64,
}
