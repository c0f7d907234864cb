use crate::{Assignment, Fence, Millis, Report, Request, Saved, Session, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of checkpoints that are being written or published; with as many, the next one waits, so that a slow store
/// does not fill the coordinator's memory.
pub(crate) const MOST_PENDING: usize = 4;

/// Assignments by slot.
pub(crate) type Assignments = BTreeMap<Slot, Assignment>;

/// A checkpoint that members are writing.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) fence: Fence,
    pub(crate) saved: Saved,
    pub(crate) committed_frames: u64,
    /// Members whose report has not arrived.
    pub(crate) expected: BTreeSet<Slot>,
    /// When the last expected member reported or was lost.
    pub(crate) answered_ms: Millis,
    pub(crate) reports: BTreeMap<Slot, Report>,
    pub(crate) writer: Slot,
    /// Number of shares of the dev data to score; 0 if none are scored.
    pub(crate) dev_shares: usize,
    pub(crate) finished: bool,
    pub(crate) publishing: bool,
    /// Newcomers that start from this checkpoint.
    pub(crate) newcomers: Vec<(Slot, Session)>,
    pub(crate) assignments: Assignments,
    /// Operators' requests that it answers.
    pub(crate) requests: BTreeSet<Request>,
}
