use super::{Assignment, Fence, Millis, Report, Request, Saved, Session, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of checkpoints that are being written or published; with as many, the next one waits, so that a slow store
/// does not fill the coordinator's memory.
pub(super) const MOST_PENDING: usize = 4;

/// Assignments by slot.
pub(super) type Assignments = BTreeMap<Slot, Assignment>;

/// A checkpoint that members are writing.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) fence: Fence,
    pub(super) saved: Saved,
    pub(super) committed_frames: u64,
    /// Members whose report has not arrived.
    pub(super) expected: BTreeSet<Slot>,
    /// When the last expected member reported or was lost.
    pub(super) answered_ms: Millis,
    pub(super) reports: BTreeMap<Slot, Report>,
    pub(super) writer: Slot,
    /// Number of shares of the dev data to score; 0 if none are scored.
    pub(super) dev_shares: usize,
    pub(super) finished: bool,
    pub(super) publishing: bool,
    /// Newcomers that start from this checkpoint.
    pub(super) newcomers: Vec<(Slot, Session)>,
    pub(super) assignments: Assignments,
    /// Operators' requests that it answers.
    pub(super) requests: BTreeSet<Request>,
}
