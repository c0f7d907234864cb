use std::fmt;
use stentor_fail_points::{Armed, arm, is_armed};

/// Bugs that can be injected, to show that the simulation finds them. Each is a fail point at the place of the real bug: most of
/// them in the production code, the others in what is simulated around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A contribution to the previous round is counted in the open one.
    LateContributionCounted,
    /// The notice that a payload is staged is accepted for whichever membership it was staged.
    StaleEpochAccepted,
    /// The ledger commits the leases of a dropped member.
    LostLease,
    /// A fall-back restores the round, but not the ledger.
    FallBackKeepsVoid,
    /// A checkpoint is saved with an empty ledger.
    CheckpointForgetsLedger,
    /// A member's second report counts as another member's.
    DuplicateReportCompletes,
    /// The round's deadline is not checked.
    DeadlineIgnored,
    /// The look-ahead point of block momentum becomes the model.
    LookAheadFedBack,
    /// A worker adopts its new residual even if its contribution was not counted.
    ResidualAdoptedUncounted,
    /// A worker reports before its objects are in the store.
    ManifestBeforeData,
    /// A worker accepts an update of a coordinator that was replaced.
    StaleIncarnationAccepted,
    /// A segment of the event log that could not be written is lost.
    FailedSegmentForgotten,
    /// A worker exits with success after its last report, even if the last checkpoint is not published.
    LeavesBeforePublished,
    /// Nothing that members say is held against membership, lease and bounds.
    MessagesUnchecked,
    /// A row group counts as bad because a member says so.
    BadDataBelieved,
    /// The run stops because a member says that nobody could continue.
    FatalBelieved,
    /// One member whose parameters differ from those of all others stops the run.
    MinorityStopsTheRun,
    /// What a member says and cannot be true ends the membership of another one.
    FaultChargedToAnother,
    /// A member is dropped because a reducer has set its payload aside in a round that is over.
    LateSetAsideBelieved,
    /// A reducer takes the payload of an earlier membership for one of the present membership.
    StalePayloadSummed,
    /// A reducer hands out a sum before all payloads are in it.
    SumBeforeComplete,
    /// A run that falls back to before a switch does not ask for it once more.
    SwitchForgotten,
    /// What members had staged with a reducer that was lost counts, although another process has its place.
    LostPayloadsCounted,
}

impl Bug {
    /// All bugs.
    pub const ALL: [Bug; 23] = [
        Bug::LateContributionCounted,
        Bug::StaleEpochAccepted,
        Bug::LostLease,
        Bug::FallBackKeepsVoid,
        Bug::CheckpointForgetsLedger,
        Bug::DuplicateReportCompletes,
        Bug::DeadlineIgnored,
        Bug::LookAheadFedBack,
        Bug::ResidualAdoptedUncounted,
        Bug::ManifestBeforeData,
        Bug::StaleIncarnationAccepted,
        Bug::FailedSegmentForgotten,
        Bug::LeavesBeforePublished,
        Bug::MessagesUnchecked,
        Bug::BadDataBelieved,
        Bug::FatalBelieved,
        Bug::MinorityStopsTheRun,
        Bug::FaultChargedToAnother,
        Bug::LateSetAsideBelieved,
        Bug::StalePayloadSummed,
        Bug::SumBeforeComplete,
        Bug::SwitchForgotten,
        Bug::LostPayloadsCounted,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Bug::LateContributionCounted => "late-contribution-counted",
            Bug::StaleEpochAccepted => "stale-epoch-accepted",
            Bug::LostLease => "lost-lease",
            Bug::FallBackKeepsVoid => "fall-back-keeps-void",
            Bug::CheckpointForgetsLedger => "checkpoint-forgets-ledger",
            Bug::DuplicateReportCompletes => "duplicate-report-completes",
            Bug::DeadlineIgnored => "deadline-ignored",
            Bug::LookAheadFedBack => "look-ahead-fed-back",
            Bug::ResidualAdoptedUncounted => "residual-adopted-uncounted",
            Bug::ManifestBeforeData => "manifest-before-data",
            Bug::StaleIncarnationAccepted => "stale-incarnation-accepted",
            Bug::FailedSegmentForgotten => "failed-segment-forgotten",
            Bug::LeavesBeforePublished => "leaves-before-published",
            Bug::MessagesUnchecked => "messages-unchecked",
            Bug::BadDataBelieved => "bad-data-believed",
            Bug::FatalBelieved => "fatal-believed",
            Bug::MinorityStopsTheRun => "minority-stops-the-run",
            Bug::FaultChargedToAnother => "fault-charged-to-another",
            Bug::LateSetAsideBelieved => "late-set-aside-believed",
            Bug::StalePayloadSummed => "stale-payload-summed",
            Bug::SumBeforeComplete => "sum-before-complete",
            Bug::SwitchForgotten => "switch-forgotten",
            Bug::LostPayloadsCounted => "lost-payloads-counted",
        }
    }

    /// Injects the bug in this thread until the returned value is dropped.
    pub(crate) fn arm(self) -> Armed {
        arm(self.name())
    }

    /// Whether the bug is injected in this thread.
    pub(crate) fn is_armed(self) -> bool {
        is_armed(self.name())
    }

    /// The bug of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| bug.name() == name)
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
