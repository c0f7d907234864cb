use stentor_runtime::{ExitStatus, ProgramError};
use thiserror::Error;

/// Why a worker cannot start or continue.
#[derive(Debug, Error)]
pub enum Error {
    /// The coordinator cannot be reached.
    #[error(
        "{url}: no coordinator reached for {seconds:.0} s: {reason}; is it running, and is the URL right?"
    )]
    Unreachable {
        /// As given on the command line.
        url: String,
        /// How long it was tried.
        seconds: f64,
        /// Why the last try failed.
        reason: String,
    },
    /// The command line asks for something that does not exist.
    #[error("{0}")]
    Request(String),
    /// The coordinator refused this worker, and takes others.
    #[error("the coordinator refused: {0}")]
    Refused(String),
    /// The run is at its end and does not need this worker. Not a failure: the worker ends with 0.
    #[error("nothing is left to do: {0}")]
    Finished(String),
    /// A signal stopped the worker, which has left the run.
    #[error("stopped by a signal; what was lost of the residual has norm {lost_norm:e}")]
    Stopped {
        /// Norm of the residual that is in no model.
        lost_norm: f64,
    },
    /// Authentication failed, on either side.
    #[error("not admitted: {0}")]
    Unauthorised(String),
    /// This worker's own certificates, or its URLs, cannot be used.
    #[error(transparent)]
    Tls(#[from] stentor_runtime::tls::Error),
    /// The coordinator's messages make no sense.
    #[error("unexpected message from the coordinator: {0}")]
    Protocol(String),
    /// A message of the coordinator lacks a field, or a field is not valid.
    #[error("unexpected message from the coordinator: {0}")]
    Message(#[from] stentor_proto::ConvertError),
    /// The membership ended: the member was dismissed, or the coordinator is gone. The worker joins again.
    #[error("session over: {0}")]
    SessionOver(String),
    /// The experiment that the coordinator sent is not valid for this program.
    #[error("the coordinator's experiment: {0}")]
    Experiment(#[from] stentor_experiment::Error),
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] stentor_dataset::Error),
    /// A label or feature does not fit the model.
    #[error("{lease}: {source}; verify the shards")]
    BadBatch {
        /// The batch.
        lease: String,
        /// What does not fit.
        source: stentor_acoustic::Error,
    },
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] stentor_checkpoint::Error),
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
    /// The model cannot be built or run.
    #[error(transparent)]
    Acoustic(#[from] stentor_acoustic::Error),
    /// A contribution or update cannot be encoded or decoded.
    #[error(transparent)]
    Exchange(stentor_exchange::Error),
}

impl From<stentor_exchange::Error> for Error {
    fn from(error: stentor_exchange::Error) -> Self {
        use stentor_exchange::Error as Exchange;
        match error {
            Exchange::OtherEncoding { .. } | Exchange::NotSaved { .. } => Error::Protocol(error.to_string()),
            error => Error::Exchange(error),
        }
    }
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Unreachable { .. } => "E0601",
            Error::Request(_) => "E0602",
            Error::Refused(_) => "E0603",
            Error::Finished(_) => "E0612",
            Error::Stopped { .. } => "E0613",
            Error::Unauthorised(_) => "E0611",
            Error::Tls(error) => error.id(),
            Error::Protocol(_) => "E0604",
            Error::Message(_) => "E0605",
            Error::SessionOver(_) => "E0606",
            Error::Experiment(error) => error.id(),
            Error::Data(error) => error.id(),
            Error::BadBatch { .. } => "E0607",
            Error::Checkpoint(error) => error.id(),
            Error::Store(error) => error.id(),
            Error::Acoustic(_) => "E0608",
            Error::Exchange(_) => "E0609",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Store(error) => error.exit_status(),
            Error::Data(error) => error.exit_status(),
            Error::Checkpoint(error) => error.exit_status(),
            Error::Experiment(error) => error.exit_status(),
            Error::Acoustic(error) => error.exit_status(),
            Error::Request(_) => ExitStatus::Config,
            Error::Refused(_) => ExitStatus::Excluded,
            Error::Finished(_) => ExitStatus::Ok,
            Error::Stopped { .. } => ExitStatus::Stopped,
            Error::Unauthorised(_) => ExitStatus::Auth,
            Error::Tls(error) => error.exit_status(),
            Error::BadBatch { .. } => ExitStatus::Data,
            Error::Exchange(_) => ExitStatus::NonFinite,
            Error::Unreachable { .. } | Error::SessionOver(_) | Error::Protocol(_) | Error::Message(_) => {
                ExitStatus::Retryable
            }
        }
    }
}

impl Error {
    /// Whether the program ended as it was asked to, without a failure.
    #[must_use]
    pub fn is_by_request(&self) -> bool {
        matches!(self, Error::Stopped { .. })
    }
}
