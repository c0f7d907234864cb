use crate::Lease;
use stentor_experiment::Source;
use thiserror::Error;

/// Errors of making a plan or of using a position with it.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// A source that the schedule uses has no frames.
    #[error("the {} data contains no frames; expected at least one utterance: check the shards", source_name(.data))]
    NoFrames {
        /// The source.
        data: Source,
    },
    /// A setting with which no plan can be made.
    #[error("`{key}`: expected at least 1, found 0")]
    Zero {
        /// Section and key of the setting.
        key: &'static str,
    },
    /// More row groups, batches or frames than can be counted.
    #[error("the {} data is too large to be counted: {what} expected below {limit}; check the shards' manifest", source_name(.data))]
    TooLarge {
        /// The source.
        data: Source,
        /// The quantity that overflowed.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A unit number that the plan does not have.
    #[error("the {} data has {units} units, found unit {unit}: plan and lease come from different data", source_name(.data))]
    NoSuchUnit {
        /// The source.
        data: Source,
        /// The requested unit.
        unit: u64,
        /// Number of units.
        units: u64,
    },
    /// A lease on batches or passes that the plan does not have.
    #[error(
        "no such batches in the plan: {lease}; the unit has {batches} batches and the source {passes} passes"
    )]
    NoSuchBatches {
        /// The requested lease.
        lease: Lease,
        /// Number of batches of its unit.
        batches: u32,
        /// Number of passes over its source.
        passes: u32,
    },
    /// A position of another plan: other data, seed, batch settings or schedule.
    #[error(
        "the position belongs to plan {found:016x}, expected {expected:016x}: data, seed, [batch] or [schedule] have \
         changed; restore them, or start a new run"
    )]
    OtherPlan {
        /// Fingerprint of the current plan.
        expected: u64,
        /// Fingerprint in the position.
        found: u64,
    },
    /// A position of a plan with the same data and settings, made by a version that cuts utterances into other
    /// batches.
    #[error(
        "the run was begun by an earlier version, which cut utterances at the same places in every pass; expected one \
         whose cuts move: finish it with the version that began it, or start a new run"
    )]
    EarlierVersion,
    /// A position that contradicts itself: some batch would be lost or counted twice.
    #[error("the position's ledger of {} data is inconsistent: {what}", source_name(.data))]
    Inconsistent {
        /// The source.
        data: Source,
        /// What was expected and what was found.
        what: String,
    },
    /// A round that was not assigned at this position.
    #[error(
        "the round's leases were not assigned from this position: it was committed already, or belongs to another position"
    )]
    StaleRound,
    /// A contribution from a slot that is not a member of the round.
    #[error("slot {slot} contributed to a round of which it is not a member")]
    UnknownSlot {
        /// The slot.
        slot: u32,
    },
}

fn source_name(source: &Source) -> &'static str {
    source.name()
}
