use stentor_exit::{ExitStatus, ProgramError};
use thiserror::Error;

/// Why an experiment's data cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// A set named by the experiment cannot be opened.
    #[error("`{key}`: {}", once(location, source))]
    Set {
        /// Section and key in the experiment file, for example `data.annotated`.
        key: &'static str,
        /// The location as written in the experiment file.
        location: String,
        /// The underlying error.
        source: Box<stentor_shards::Error>,
    },
    /// A shard set cannot be read.
    #[error("{}", once(location, source))]
    Shards {
        /// As named in the experiment.
        location: String,
        /// The underlying error.
        source: Box<stentor_shards::Error>,
    },
    /// Two values that must be equal differ.
    #[error(
        "{what} of {location} differ from {other}: expected {expected}, found {found}; prepare or label again"
    )]
    Mismatch {
        /// The property that differs, as a plural noun.
        what: &'static str,
        /// Where the value was found.
        location: String,
        /// What it was compared with.
        other: String,
        /// The value at `location`.
        found: String,
        /// The value in `other`.
        expected: String,
    },
    /// A set that must be annotated has no alignments, or no utterances.
    #[error(
        "`{key}`: {location}: expected utterances with alignments, found {found}; name a set that `stentor prepare` made of \
         utterances with texts: `annotated` or `dev`"
    )]
    Unannotated {
        /// Section and key in the experiment file: `data.annotated` or `data.dev`.
        key: &'static str,
        /// What it has instead.
        found: &'static str,
        /// The location as written in the experiment file.
        location: String,
    },
    /// The annotated set's manifest lacks the means and deviations for normalising frames.
    #[error(
        "{location}: expected means and deviations in the manifest, found none; prepare the set again: frames that are \
         not normalised cannot train a model"
    )]
    NotNormalised {
        /// The location as written in the experiment file.
        location: String,
    },
    /// No plan can be made from the data.
    #[error(transparent)]
    Plan(#[from] stentor_plan::Error),
    /// The labels of a row group belong to different utterances from its features.
    #[error(
        "{location}, row group {row_group}: expected labels of `{features}`, found `{labels}`; label again"
    )]
    Misplaced {
        /// The feature set.
        location: String,
        /// Row group, numbered across all shards.
        row_group: usize,
        /// Utterance of the feature row.
        features: String,
        /// Utterance of the label row.
        labels: String,
    },
}

/// Returns the location and the error in one message, without repeating the location.
fn once(location: &str, source: &stentor_shards::Error) -> String {
    let words = source.to_string();
    if words.contains(location) { words } else { format!("{location}: {words}") }
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Set { .. } | Error::Shards { .. } => "E0301",
            Error::Mismatch { .. } => "E0302",
            Error::Unannotated { .. } => "E0303",
            Error::Plan(_) => "E0304",
            Error::Misplaced { .. } => "E0305",
            Error::NotNormalised { .. } => "E0306",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.store().map_or(ExitStatus::Data, ProgramError::exit_status)
    }
}

impl Error {
    /// Whether the same read may succeed shortly; see [`stentor_shards::Error::may_pass`].
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.shards().is_some_and(stentor_shards::Error::may_pass)
    }

    /// The store's error, if the store failed and not the data in it.
    #[must_use]
    pub fn store(&self) -> Option<&stentor_store::Error> {
        self.shards()?.store()
    }

    /// Whether the set has not been made yet, or is in a different place.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        let is_missing = |error: &stentor_shards::Error| {
            matches!(error, stentor_shards::Error::NoManifest { .. }) || error.is_missing()
        };
        self.shards().is_some_and(is_missing)
    }

    fn shards(&self) -> Option<&stentor_shards::Error> {
        match self {
            Error::Set { source, .. } | Error::Shards { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether the store could not be reached, which says nothing about the data themselves.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.store().is_some_and(stentor_store::Error::is_retryable)
    }
}
