use crate::Reaction;
use std::process::{ExitCode, Termination};

/// The exit code of a Stentor program. The codes are an interface: supervisors (Kubernetes' `podFailurePolicy`, Slurm's job
/// files, `stentor train` for its children) use them to decide whether starting again can help, and whether a program ends for
/// a reason of its own or for one that all others share. docs/guides/on-call.md has [`meaning`](ExitStatus::meaning) and
/// [`reaction`](ExitStatus::reaction) of each as a table.
///
/// 130 and 143 come from a second SIGINT or SIGTERM, or from the first one to a command that only looks and has nothing to tidy
/// up; 137 comes from SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitStatus {
    /// The work is done.
    Ok = 0,
    /// A defect, or a fault of the machine.
    Failure = 1,
    /// Command line or experiment file is wrong, or names a place that cannot hold anything. Also clap's exit code.
    Config = 2,
    /// Data are missing, malformed or do not belong together.
    Data = 3,
    /// Not authenticated or not allowed.
    Auth = 4,
    /// Too few members, for longer than the deadline.
    LostQuorum = 5,
    /// Loss or update is not finite.
    NonFinite = 6,
    /// Replicas have different parameters.
    Disagreement = 7,
    /// Orderly stop after a signal, before the work was done.
    Stopped = 8,
    /// This program cannot take part, and others can: its identity is refused, its machine lacks a device, or another process has
    /// taken its place.
    Excluded = 9,
    /// A temporary failure, after retries. `EX_TEMPFAIL` of sysexits.
    Retryable = 75,
}

impl ExitStatus {
    /// All codes, ascending.
    pub const ALL: [ExitStatus; 11] = [
        ExitStatus::Ok,
        ExitStatus::Failure,
        ExitStatus::Config,
        ExitStatus::Data,
        ExitStatus::Auth,
        ExitStatus::LostQuorum,
        ExitStatus::NonFinite,
        ExitStatus::Disagreement,
        ExitStatus::Stopped,
        ExitStatus::Excluded,
        ExitStatus::Retryable,
    ];

    /// The number of the exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The status with this number, for a parent that reads it from a child. `None` for a number that is not one of
    /// ours.
    #[must_use]
    pub fn from_code(code: i32) -> Option<ExitStatus> {
        ExitStatus::ALL.into_iter().find(|status| i32::from(status.code()) == code)
    }

    /// What has happened, for people.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            ExitStatus::Ok => "the work is done, or the run needs this worker no more",
            ExitStatus::Failure => "a defect, or the machine",
            ExitStatus::Config => {
                "command line or experiment file is wrong, or names a place that cannot hold anything"
            }
            ExitStatus::Data => "data are missing or damaged, or do not belong together",
            ExitStatus::Auth => "not authenticated, or not allowed",
            ExitStatus::LostQuorum => "too few members for too long",
            ExitStatus::NonFinite => "loss or update is not finite",
            ExitStatus::Disagreement => "replicas differ",
            ExitStatus::Stopped => "stopped in good order by a signal, before the work was done",
            ExitStatus::Excluded => {
                "this program cannot take part: a worker's identity was lost too often, was dropped by an operator, is not one of a \
                 fixed run, or is used by another process; or it has no version of the protocol in common with the coordinator; or its \
                 machine lacks the device that was asked for; or another coordinator has taken over this one's run"
            }
            ExitStatus::Retryable => "network or store failed for too long",
        }
    }

    /// What a person has to do, or what a supervisor does.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            ExitStatus::Ok => "no",
            ExitStatus::Failure => "yes, a few times",
            ExitStatus::Config => "no, correct it",
            ExitStatus::Data => "no, restore them; or another machine can read them",
            ExitStatus::Auth => {
                "no, correct the certificates, or the permissions of folder or bucket; or another machine has them"
            }
            ExitStatus::LostQuorum => "yes, with `--resume`",
            ExitStatus::NonFinite => "no, change the experiment",
            ExitStatus::Disagreement => "yes, from the last checkpoint",
            ExitStatus::Stopped => "yes, with `--resume`",
            ExitStatus::Excluded => "no, see its message; the others go on",
            ExitStatus::Retryable => "yes",
        }
    }

    /// What a supervisor of several programs does after this end of one of them.
    #[must_use]
    pub fn reaction(self) -> Reaction {
        match self {
            ExitStatus::Ok => Reaction::Complete,
            ExitStatus::LostQuorum
            | ExitStatus::Disagreement
            | ExitStatus::Stopped
            | ExitStatus::Retryable => Reaction::StartAgain,
            ExitStatus::Failure | ExitStatus::Data | ExitStatus::Auth => Reaction::TryElsewhere,
            ExitStatus::Excluded => Reaction::LeaveOut,
            ExitStatus::Config | ExitStatus::NonFinite => Reaction::EndAll,
        }
    }

    /// Whether the same command may succeed on the same machine if it is started again without a change.
    #[must_use]
    pub fn may_succeed_again(self) -> bool {
        match self {
            ExitStatus::Failure
            | ExitStatus::LostQuorum
            | ExitStatus::Disagreement
            | ExitStatus::Stopped
            | ExitStatus::Retryable => true,
            ExitStatus::Ok
            | ExitStatus::Config
            | ExitStatus::Data
            | ExitStatus::Auth
            | ExitStatus::NonFinite
            | ExitStatus::Excluded => false,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> ExitCode {
        ExitCode::from(status.code())
    }
}

impl Termination for ExitStatus {
    fn report(self) -> ExitCode {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_status_has_its_own_number_and_is_found_by_it() {
        let codes: BTreeSet<u8> = ExitStatus::ALL.iter().map(|status| status.code()).collect();
        assert_eq!(codes.len(), ExitStatus::ALL.len());
        for status in ExitStatus::ALL {
            assert_eq!(ExitStatus::from_code(i32::from(status.code())), Some(status));
        }
        assert_eq!(ExitStatus::from_code(137), None);
        assert_eq!(ExitStatus::from_code(-1), None);
    }

    #[test]
    fn numbers_that_supervisors_rely_on_do_not_move() {
        assert_eq!(ExitStatus::ALL.map(ExitStatus::code), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 75]);
    }

    #[test]
    fn whatever_is_started_again_without_a_limit_may_succeed_and_what_ends_others_never_does() {
        for status in ExitStatus::ALL {
            match status.reaction() {
                Reaction::StartAgain => assert!(status.may_succeed_again(), "{status:?}"),
                Reaction::Complete | Reaction::LeaveOut | Reaction::EndAll => {
                    assert!(!status.may_succeed_again(), "{status:?}");
                }
                Reaction::TryElsewhere => {}
            }
        }
    }
}
