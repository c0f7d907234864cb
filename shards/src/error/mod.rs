mod program;
mod row;

pub use row::RowError;

use crate::manifest::{Kind, SCHEMA_VERSION};
use std::fmt;
use thiserror::Error;

/// Errors of shards and manifests: one variant for each way in which a file can be malformed.
#[derive(Debug, Error)]
pub enum Error {
    /// The store failed; its error says whether to try again.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),

    // The manifest.
    /// No set is published here, or not yet.
    #[error(
        "{location} contains no published feature or label set: there is no manifest.json (a location in an \
         experiment file is relative to the file)"
    )]
    NoManifest {
        /// Location of the folder.
        location: String,
    },
    /// The manifest is not JSON, or does not have the expected structure.
    #[error("{location}/manifest.json cannot be parsed: {reason}")]
    ManifestSyntax {
        /// Location of the folder.
        location: String,
        /// The parser's message.
        reason: String,
    },
    /// A label set or a checkpoint was found where features were expected, or vice versa.
    #[error("{location} contains {found}, expected {expected}")]
    WrongKind {
        /// Location of the folder.
        location: String,
        /// The kind that the caller expects.
        expected: Kind,
        /// The kind that the manifest declares.
        found: String,
    },
    /// The set was written by a program with a different schema version.
    #[error(
        "{location} is written in schema version {found}, this program reads version {SCHEMA_VERSION}: prepare the data again or use the matching program"
    )]
    WrongSchemaVersion {
        /// Location of the folder.
        location: String,
        /// `schema_version` in the manifest.
        found: u64,
    },
    /// The manifest contradicts itself.
    #[error("the manifest of {location} contradicts itself: {reason}")]
    ManifestContent {
        /// Location of the folder.
        location: String,
        /// The contradiction.
        reason: String,
    },
    /// The manifest was changed after it was published.
    #[error(
        "the fingerprint in the manifest of {location} is {found}, its content gives {expected}: it was changed after it was published"
    )]
    Fingerprint {
        /// Location of the folder.
        location: String,
        /// Computed from the contents.
        expected: String,
        /// As stored.
        found: String,
    },
    /// The frames' width differs from the width given by the feature settings.
    #[error("frames have {found} values, but `features` (mel_bins × stack) gives {expected}")]
    Dimension {
        /// `mel_bins × stack`.
        expected: usize,
        /// The width in the manifest or options.
        found: usize,
    },
    /// A different set is already published here.
    #[error(
        "{location} already contains a published set with different contents: choose another folder, or delete it"
    )]
    AlreadyPublished {
        /// Location of the folder.
        location: String,
    },
    /// Phones of utterances that cannot be parsed or stored.
    #[error("{file}: expected the phones of utterances: {reason}; prepare the set again")]
    PhoneStrings {
        /// Full location.
        file: String,
        /// The reason.
        reason: String,
    },
    /// Labels and features that do not belong together.
    #[error(
        "these labels do not belong to these features: {reason}; label these features again, or name those that were labeled"
    )]
    NotAPair {
        /// The first difference.
        reason: String,
    },

    /// The set has no such column.
    #[error(
        "{location} has no column `{column}`, only ({found}): name a set that has it, or prepare or label again"
    )]
    NoColumn {
        /// Location of the folder.
        location: String,
        /// The requested column.
        column: String,
        /// Names of the set's columns.
        found: String,
    },
    /// The column has a version that this program does not know.
    #[error(
        "column `{column}` of {location} has version {found}, this program reads up to version {expected}: use the program that \
         wrote the set, or a newer one"
    )]
    NewerColumn {
        /// Location of the folder.
        location: String,
        /// The requested column.
        column: String,
        /// The newest version that this program can read.
        expected: u32,
        /// The declared version.
        found: u64,
    },

    // A shard file.
    /// A shard file whose size differs from the manifest: truncated or replaced.
    #[error("{file} has {found} bytes, the manifest says {expected}: it was truncated or replaced")]
    ShardSize {
        /// Full location.
        file: String,
        /// Bytes in the manifest.
        expected: u64,
        /// Bytes in the store.
        found: u64,
    },
    /// Bytes of a shard changed since it was written.
    #[error(
        "{file}: the checksum of the {part} is {found}, the manifest says {expected}: its bytes have changed"
    )]
    Checksum {
        /// Full location.
        file: String,
        /// Which part of the file.
        part: Part,
        /// blake3 in the manifest, hexadecimal.
        expected: String,
        /// blake3 of the bytes, hexadecimal.
        found: String,
    },
    /// The file is not Parquet, or cannot be decoded.
    #[error("{file}: {reason}")]
    Parquet {
        /// Full location.
        file: String,
        /// The decoder's message.
        reason: String,
    },
    /// A Parquet file with unexpected columns.
    #[error("{file}: expected the columns ({expected}), found ({found})")]
    Columns {
        /// Full location.
        file: String,
        /// Names and types of this schema version.
        expected: String,
        /// Names and types in the file.
        found: String,
    },
    /// The file's counts differ from the manifest's.
    #[error("{file}: {what} is {found}, expected {expected}")]
    Count {
        /// Full location.
        file: String,
        /// What is counted.
        what: &'static str,
        /// The count in the manifest, or in other columns of the file.
        expected: u64,
        /// The count in the file.
        found: u64,
    },
    /// The set has no such shard or row group.
    #[error("there is no shard {shard}, row group {row_group} in {location}")]
    NoSuchRowGroup {
        /// Location of the folder.
        location: String,
        /// The requested shard.
        shard: usize,
        /// The requested row group.
        row_group: usize,
    },
    /// A row that violates a rule, and its location.
    #[error("{file}, row group {row_group}: {problem}")]
    Row {
        /// Full location.
        file: String,
        /// Counted from 0.
        row_group: usize,
        /// What is wrong with the row.
        problem: Box<RowError>,
    },
    /// A row that violates a rule and is not part of a file.
    #[error(transparent)]
    NewRow(#[from] RowError),
}

/// A part of a shard file that has its own checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A row group, counted from 0.
    RowGroup(usize),
    /// Everything after the last row group.
    Footer,
    /// The whole file, if no single part differs: the bytes before the first row group do.
    File,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::RowGroup(index) => write!(f, "row group {index}"),
            Part::Footer => f.write_str("footer"),
            Part::File => f.write_str("file"),
        }
    }
}

impl Error {
    /// Whether the stored bytes are bad, so that reading them again from anywhere gives the same result and the row
    /// group has to be quarantined. A missing file or a store that does not respond is not such an error.
    #[must_use]
    pub fn is_bad_data(&self) -> bool {
        match self {
            Error::ShardSize { .. }
            | Error::Checksum { .. }
            | Error::Parquet { .. }
            | Error::Columns { .. }
            | Error::Count { .. }
            | Error::PhoneStrings { .. }
            | Error::Row { .. } => true,
            // The file became shorter after its footer was read.
            Error::Store(error) => matches!(error, stentor_store::Error::Range { .. }),
            _ => false,
        }
    }

    /// Returns the store's error if the store failed, rather than the data in it.
    #[must_use]
    pub fn store(&self) -> Option<&stentor_store::Error> {
        match self {
            Error::Store(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a file does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.store().is_some_and(stentor_store::Error::is_not_found)
    }

    /// Whether the same read may succeed shortly: the store did not respond, or a recent write is not visible yet.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.store().is_some_and(|error| error.is_retryable() || error.is_not_found())
    }

    pub(crate) fn parquet(file: &str, reason: impl fmt::Display) -> Self {
        Error::Parquet { file: file.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn count(file: &str, what: &'static str, expected: u64, found: u64) -> Self {
        Error::Count { file: file.to_owned(), what, expected, found }
    }
}
