use stentor_exit::{ExitStatus, ProgramError};
use thiserror::Error;

/// Errors in the records of a run.
#[derive(Debug, Error)]
pub enum Error {
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
    /// A line of an event log is not an event.
    #[error(
        "{segment}, line {line}: expected an event, found {reason}; restore the file from the run's store, or read it with the release \
         that wrote it if that is a newer one"
    )]
    EventLog {
        /// Name of the segment's object.
        segment: String,
        /// Line, from 1.
        line: usize,
        /// The parser's message.
        reason: String,
    },
    /// This build cannot sign or verify.
    #[error(transparent)]
    Signature(#[from] stentor_signature::Error),
    /// The coordinator's state in a checkpoint cannot be parsed or resumed from.
    #[error("{run}: the coordinator's state in checkpoint `{checkpoint}` cannot be used: {reason}")]
    State {
        /// `run.output`, or the run's id.
        run: String,
        /// Name of the checkpoint.
        checkpoint: String,
        /// What is wrong.
        reason: String,
    },
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Store(error) => error.id(),
            Error::Signature(error) => error.id(),
            Error::State { .. } => "E0504",
            Error::EventLog { .. } => "E0505",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Store(error) => error.exit_status(),
            Error::Signature(error) => error.exit_status(),
            Error::State { .. } | Error::EventLog { .. } => ExitStatus::Data,
        }
    }
}

impl Error {
    /// Returns the store's error if the store failed; `None` if its content is invalid.
    #[must_use]
    pub fn store(&self) -> Option<&stentor_store::Error> {
        match self {
            Error::Store(error) => Some(error),
            Error::EventLog { .. } | Error::State { .. } | Error::Signature(_) => None,
        }
    }
}
