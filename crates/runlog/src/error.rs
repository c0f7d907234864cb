use thiserror::Error;

/// Why what a run has written down cannot be read.
#[derive(Debug, Error)]
pub enum Error {
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
    /// A line of an event log is none.
    #[error(
        "{segment}, line {line}: expected an event, found {reason}; restore the file from the run's store"
    )]
    EventLog {
        /// Its object.
        segment: String,
        /// Counted from 1.
        line: usize,
        /// The parser's own words.
        reason: String,
    },
    /// A checkpoint's record cannot be understood, or gone on from.
    #[error("{run}: the coordinator's state in checkpoint `{checkpoint}` cannot be used: {reason}")]
    State {
        /// `run.output`, or the run's id.
        run: String,
        /// Its name.
        checkpoint: String,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Tells this error from all others, whatever its words; docs/errors.md has a line for it.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Error::Store(error) => error.id(),
            Error::State { .. } => "E0504",
            Error::EventLog { .. } => "E0505",
        }
    }

    /// The store's own error, where the store is at fault and not what was found in it.
    #[must_use]
    pub fn store(&self) -> Option<&stentor_store::Error> {
        match self {
            Error::Store(error) => Some(error),
            Error::EventLog { .. } | Error::State { .. } => None,
        }
    }
}
