use stentor_runtime::ExitStatus;
use stentor_store::Fault;
use thiserror::Error;

/// Why a labeling job cannot start or go on.
#[derive(Debug, Error)]
pub enum Error {
    /// Options that contradict each other.
    #[error("expected {expected}, found {found}")]
    Options {
        /// In words.
        expected: &'static str,
        /// In words.
        found: String,
    },
    /// The model cannot be read.
    #[error("{model}: {source}")]
    Model {
        /// As given.
        model: String,
        /// What happened.
        source: Box<stentor_checkpoint::Error>,
    },
    /// The model's description is not one of a model that this program knows.
    #[error(
        "{model}: expected a description of a known model, found {reason}; use the program that wrote it"
    )]
    Description {
        /// As given.
        model: String,
        /// The parser's words.
        reason: String,
    },
    /// The model was trained on other features.
    #[error(
        "{features}: expected features like those that {model} was trained on ({expected}), found {found}; prepare \
         with the same settings"
    )]
    OtherFeatures {
        /// The feature set.
        features: String,
        /// The model.
        model: String,
        /// The model's.
        expected: String,
        /// The set's.
        found: String,
    },
    /// The checkpoint does not say how the model's frames are normalised; a set's own means would be another model's.
    #[error(
        "{model}: expected means and deviations of the model's training features in its checkpoint, found {found}; train \
         it again on features that `stentor prepare` has written"
    )]
    NotNormalised {
        /// The model.
        model: String,
        /// In words.
        found: String,
    },
    /// The output holds another job's labels.
    #[error(
        "{out}: expected an empty folder or this job's own output, found labels of {found}; name another folder"
    )]
    OtherJob {
        /// The output.
        out: String,
        /// What is there.
        found: String,
    },
    /// Features whose bytes have changed. Labels stand row by row beside their features, so that none can be left out; and
    /// labels of frames that nobody can read would be invented.
    #[error(
        "row groups that cannot be labeled: {}; everything else is. Restore these files or prepare the features again, then \
         start again for the rest:\n  {}", .row_groups.len(), .row_groups.join("\n  ")
    )]
    BadFeatures {
        /// What is wrong with each.
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
        /// What happened.
        source: std::io::Error,
    },
    /// A signal asked for the end.
    #[error("stopped by a signal after a whole shard; start again to go on")]
    Stopped,
}

impl Error {
    /// Tells this error from all others, whatever its words; docs/errors.md has a line for it.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Error::Options { .. } => "E0701",
            Error::Model { source, .. } => source.id(),
            Error::Description { .. } => "E0702",
            Error::OtherFeatures { .. } => "E0703",
            Error::OtherJob { .. } => "E0704",
            Error::BadFeatures { .. } => "E0705",
            Error::Shards(_) => "E0706",
            Error::Store(error) => error.id(),
            Error::Acoustic(_) => "E0707",
            Error::Figures { .. } => "E0708",
            Error::Stopped => "E0709",
            Error::NotNormalised { .. } => "E0710",
        }
    }

    /// The exit code that tells a supervisor what to do.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Options { .. } | Error::OtherJob { .. } | Error::Acoustic(_) => ExitStatus::Config,
            Error::Model { source, .. } => source.store().map_or(ExitStatus::Data, Into::into),
            Error::Description { .. }
            | Error::OtherFeatures { .. }
            | Error::NotNormalised { .. }
            | Error::BadFeatures { .. } => ExitStatus::Data,
            Error::Shards(error) => error.store().map_or(ExitStatus::Data, Into::into),
            Error::Store(error) => error.into(),
            Error::Figures { source, .. } => Fault::of_io("write", source).into(),
            Error::Stopped => ExitStatus::Stopped,
        }
    }
}
