use stentor_runtime::{ExitStatus, ProgramError};
use stentor_store::Fault;
use thiserror::Error;

/// Why a labeling job cannot start or continue.
#[derive(Debug, Error)]
pub enum Error {
    /// Options that contradict each other.
    #[error("expected {expected}, found {found}")]
    Options {
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A public key cannot be read.
    #[error(transparent)]
    Keys(stentor_signature::Error),
    /// The model cannot be read.
    #[error("{model}: {source}")]
    Model {
        /// As given.
        model: String,
        /// What went wrong.
        source: Box<stentor_checkpoint::Error>,
    },
    /// The model's description cannot be understood.
    #[error(
        "{model}: expected a description of a known model, found {reason}; use the program that wrote it"
    )]
    Description {
        /// As given.
        model: String,
        /// The parser's error message.
        reason: String,
    },
    /// The model was trained on other features.
    #[error(
        "{features}: expected features and senones like those that {model} was trained on ({expected}), found {found}; prepare \
         with the same settings, and apply the same tying tree if any"
    )]
    OtherFeatures {
        /// The feature set.
        features: String,
        /// The model.
        model: String,
        /// What the model was trained on, where it differs.
        expected: String,
        /// What the set has.
        found: String,
    },
    /// The checkpoint has no means and deviations for the model's frames. A set's own means cannot replace them,
    /// because they belong to another model.
    #[error(
        "{model}: expected means and deviations of the model's training features in its checkpoint, found {found}; train \
         it again on features that `stentor prepare` has written"
    )]
    NotNormalised {
        /// The model.
        model: String,
        /// What was found instead.
        found: String,
    },
    /// The output contains another job's labels.
    #[error(
        "{out}: expected an empty folder or this job's own output, found labels of {found}; name another folder"
    )]
    OtherJob {
        /// The output.
        out: String,
        /// What was found there.
        found: String,
    },
    /// Features whose bytes have changed. No row group can be left out, because labels correspond to their features
    /// row by row; and labels of unreadable frames would be invented.
    #[error(
        "row groups that cannot be labeled: {}; everything else is. Restore these files or prepare the features again, then \
         start again for the rest:\n  {}", .row_groups.len(), .row_groups.join("\n  ")
    )]
    BadFeatures {
        /// What is wrong with each row group.
        row_groups: Vec<String>,
    },
    /// Shards cannot be read or written.
    #[error(transparent)]
    Shards(#[from] stentor_shards::Error),
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
    /// The model cannot be built or run.
    #[error(transparent)]
    Acoustic(#[from] stentor_acoustic::Error),
    /// The figures cannot be written.
    #[error("{path}: {source}")]
    Figures {
        /// As given.
        path: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A signal stopped the program.
    #[error("stopped by a signal after a whole shard; start again to continue")]
    Stopped,
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Options { .. } => "E0701",
            Error::Keys(error) => error.id(),
            Error::Model { source, .. } => source.id(),
            Error::Description { .. } => "E0702",
            Error::OtherFeatures { .. } => "E0703",
            Error::OtherJob { .. } => "E0704",
            Error::BadFeatures { .. } => "E0705",
            // What a store says has the same id, whoever asked it.
            Error::Shards(stentor_shards::Error::Store(error)) => error.id(),
            Error::Shards(_) => "E0706",
            Error::Store(error) => error.id(),
            Error::Acoustic(_) => "E0707",
            Error::Figures { .. } => "E0708",
            Error::Stopped => "E0709",
            Error::NotNormalised { .. } => "E0710",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Options { .. } | Error::OtherJob { .. } => ExitStatus::Config,
            Error::Acoustic(error) => error.exit_status(),
            Error::Keys(error) => error.exit_status(),
            Error::Model { source, .. } => source.exit_status(),
            Error::Description { .. }
            | Error::OtherFeatures { .. }
            | Error::NotNormalised { .. }
            | Error::BadFeatures { .. } => ExitStatus::Data,
            Error::Shards(error) => error.exit_status(),
            Error::Store(error) => error.exit_status(),
            Error::Figures { source, .. } => Fault::of_io("write", source).into(),
            Error::Stopped => ExitStatus::Stopped,
        }
    }
}
