use std::error::Error;
use std::fmt;
use stentor_exit::{ExitStatus, ProgramError};
use tonic::Code;

/// A running coordinator refused what was asked of it: it does not fit the run as it is now, or no version of the protocol is common to
/// both.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The coordinator's URL.
    url: String,
    /// The coordinator's words.
    reason: String,
}

impl Refused {
    /// The refusal in an answer with this code; `None` if the code says that something failed.
    pub(super) fn of(code: Code, url: &str, reason: &str) -> Option<Self> {
        let is_refusal = matches!(code, Code::FailedPrecondition | Code::InvalidArgument | Code::Aborted);
        is_refusal.then(|| Self { url: url.to_owned(), reason: reason.to_owned() })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, reason } = self;
        write!(f, "the coordinator at {url} refused: {reason}")
    }
}

impl Error for Refused {}

impl ProgramError for Refused {
    fn id(&self) -> &'static str {
        "E1108"
    }

    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Config
    }
}
