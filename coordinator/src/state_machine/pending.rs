use super::{Assignment, Fence, Millis, Report, Saved, Session, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// Checkpoints in the making, written or being published, at which another one waits: a store that is slow must not fill the
/// coordinator's memory.
pub(super) const MOST_PENDING: usize = 4;

/// Assignments by slot.
pub(super) type Assignments = BTreeMap<Slot, Assignment>;

/// A checkpoint that members are writing.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) fence: Fence,
    pub(super) saved: Saved,
    pub(super) committed_frames: u64,
    /// Members whose report is waited for.
    pub(super) expected: BTreeSet<Slot>,
    /// When the last of those whose report was waited for reported, or went.
    pub(super) answered_ms: Millis,
    pub(super) reports: BTreeMap<Slot, Report>,
    pub(super) writer: Slot,
    /// Whether it is a regular one, with dev shares: `shares` of them.
    pub(super) dev_shares: usize,
    pub(super) finished: bool,
    pub(super) publishing: bool,
    /// Admitted with this checkpoint as their start.
    pub(super) newcomers: Vec<(Slot, Session)>,
    pub(super) assignments: Assignments,
}
