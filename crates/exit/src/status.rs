use std::process::{ExitCode, Termination};

/// The exit code of a Stentor program. The codes are an interface: supervisors (compose, Kubernetes'
/// `podFailurePolicy`, `stentor train` for its children) use them to decide whether starting again can help.
///
/// | code | meaning | start again? |
/// |---|---|---|
/// | 0 | the work is done | no |
/// | 1 | an unexpected failure: a defect or the machine | yes, a few times |
/// | 2 | command line or experiment file is wrong, or names a place that cannot hold anything | no, correct it |
/// | 3 | data are missing, malformed or do not belong together | no, correct them |
/// | 4 | refused: not authenticated or not allowed | no, correct the credentials |
/// | 5 | too few members, for longer than the deadline | yes, with `--resume` |
/// | 6 | loss or update is not finite: training has diverged | no, change the experiment |
/// | 7 | replicas have different parameters | yes, from the last checkpoint |
/// | 8 | orderly stop after SIGTERM or SIGINT, before the work was done | yes, with `--resume` |
/// | 75 | a temporary failure (network, store), after retries | yes |
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
    /// A temporary failure, after retries. `EX_TEMPFAIL` of sysexits.
    Retryable = 75,
}

impl ExitStatus {
    /// All codes, ascending.
    pub const ALL: [ExitStatus; 10] = [
        ExitStatus::Ok,
        ExitStatus::Failure,
        ExitStatus::Config,
        ExitStatus::Data,
        ExitStatus::Auth,
        ExitStatus::LostQuorum,
        ExitStatus::NonFinite,
        ExitStatus::Disagreement,
        ExitStatus::Stopped,
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

    /// Whether the same command may succeed if it is started again without a change.
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
            | ExitStatus::NonFinite => false,
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
        assert_eq!(ExitStatus::ALL.map(ExitStatus::code), [0, 1, 2, 3, 4, 5, 6, 7, 8, 75]);
    }
}
