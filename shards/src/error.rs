use crate::column::{Element, Extent};
use crate::manifest::{Kind, SCHEMA_VERSION};
use std::fmt;
use stentor_exit::{ExitStatus, ProgramError};
use stentor_inventory::SenoneId;
use thiserror::Error;

/// What can be wrong with shards and manifests: a variant for each way a file can be malformed.
#[derive(Debug, Error)]
pub enum Error {
    /// The store failed; see there whether trying again helps.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),

    // The manifest.
    /// Nothing was published here, or not yet.
    #[error(
        "{location} holds no published feature or label set: there is no manifest.json (a location in an experiment file is relative to the file)"
    )]
    NoManifest {
        /// Of the folder.
        location: String,
    },
    /// The manifest is not JSON, or not of this shape.
    #[error("{location}/manifest.json cannot be understood: {reason}")]
    ManifestSyntax {
        /// Of the folder.
        location: String,
        /// The parser's own words.
        reason: String,
    },
    /// A label set or a checkpoint where features were expected, or the other way round.
    #[error("{location} holds {found}, expected {expected}")]
    WrongKind {
        /// Of the folder.
        location: String,
        /// What the caller asked for.
        expected: Kind,
        /// What the manifest is of.
        found: String,
    },
    /// Written by a program of another age.
    #[error(
        "{location} is written in schema version {found}, this program reads version {SCHEMA_VERSION}: prepare the data again or use the matching program"
    )]
    WrongSchemaVersion {
        /// Of the folder.
        location: String,
        /// `schema_version` in the manifest.
        found: u64,
    },
    /// The manifest contradicts itself.
    #[error("the manifest of {location} contradicts itself: {reason}")]
    ManifestContent {
        /// Of the folder.
        location: String,
        /// What disagrees with what.
        reason: String,
    },
    /// The manifest was changed after it was published.
    #[error(
        "the fingerprint in the manifest of {location} is {found}, its content gives {expected}: it was changed after it was published"
    )]
    Fingerprint {
        /// Of the folder.
        location: String,
        /// Computed from the content.
        expected: String,
        /// As written.
        found: String,
    },
    /// Frames of another width than the feature settings give.
    #[error("frames have {found} values, but `features` (mel_bins × stack) gives {expected}")]
    Dimension {
        /// `mel_bins × stack`.
        expected: usize,
        /// In manifest or options.
        found: usize,
    },
    /// Another set is published here already.
    #[error(
        "{location} already holds a published set with other content: choose another folder, or delete it"
    )]
    AlreadyPublished {
        /// Of the folder.
        location: String,
    },
    /// Phones of utterances that cannot be understood, or kept.
    #[error("{file}: expected the phones of utterances: {reason}; prepare the set again")]
    PhoneStrings {
        /// Full location.
        file: String,
        /// What is wrong with it.
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

    /// A column that the set does not have.
    #[error(
        "{location} has no column `{column}`, only ({found}): name a set that has it, or prepare or label again"
    )]
    NoColumn {
        /// Of the folder.
        location: String,
        /// Asked for.
        column: String,
        /// Names of the set's columns.
        found: String,
    },
    /// A column of a version that this program does not know.
    #[error(
        "column `{column}` of {location} is of version {found}, this program reads version {expected}: use the program that \
         wrote the set, or a newer one"
    )]
    NewerColumn {
        /// Of the folder.
        location: String,
        /// Asked for.
        column: String,
        /// The newest version that this program reads.
        expected: u32,
        /// As declared.
        found: u64,
    },

    // A shard file.
    /// A shard file of another size than in the manifest: truncated, or replaced.
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
    /// Not a Parquet file, or one that cannot be decoded.
    #[error("{file}: {reason}")]
    Parquet {
        /// Full location.
        file: String,
        /// The decoder's own words.
        reason: String,
    },
    /// A Parquet file with other columns.
    #[error("{file}: expected the columns ({expected}), found ({found})")]
    Columns {
        /// Full location.
        file: String,
        /// Names and types of this schema version.
        expected: String,
        /// Names and types in the file.
        found: String,
    },
    /// The file's own counts differ from the manifest's.
    #[error("{file}: {what} is {found}, expected {expected}")]
    Count {
        /// Full location.
        file: String,
        /// What is counted.
        what: &'static str,
        /// By the manifest, or by other columns of the file.
        expected: u64,
        /// In the file.
        found: u64,
    },
    /// A shard or row group that the set does not have.
    #[error("there is no shard {shard}, row group {row_group} in {location}")]
    NoSuchRowGroup {
        /// Of the folder.
        location: String,
        /// Asked for.
        shard: usize,
        /// Asked for.
        row_group: usize,
    },
    /// A row that breaks a rule, and where it was read.
    #[error("{file}, row group {row_group}: {problem}")]
    Row {
        /// Full location.
        file: String,
        /// Counted from 0.
        row_group: usize,
        /// What is wrong with the row.
        problem: Box<Error>,
    },

    // A row.
    /// An utterance without frames: nothing can be learnt from it, leave it out.
    #[error("utterance `{utterance}` has no frames: leave it out")]
    EmptyUtterance {
        /// Its name.
        utterance: String,
    },
    /// Feature values that do not make whole frames.
    #[error("utterance `{utterance}`: {values} feature values are not whole frames of {dimension}")]
    FeatureLength {
        /// Its name.
        utterance: String,
        /// Number of feature values.
        values: usize,
        /// Values in a frame.
        dimension: usize,
    },
    /// A value that is not a finite number.
    #[error("utterance `{utterance}`: `{column}` at frame {frame}, value {index} is not finite")]
    NotFinite {
        /// Its name.
        utterance: String,
        /// Name of the column.
        column: String,
        /// Counted from 0.
        frame: usize,
        /// Within the frame, from 0.
        index: usize,
    },
    /// A column with more or fewer values than the utterance's frames and the declaration give.
    #[error(
        "utterance `{utterance}`: `{column}` has {found} values, expected {expected} ({extent}, {frames} frames)"
    )]
    ColumnLength {
        /// Its name.
        utterance: String,
        /// Name of the column.
        column: String,
        /// As declared.
        extent: Extent,
        /// Frames of the utterance.
        frames: u32,
        /// By extent and frames.
        expected: u64,
        /// In the row.
        found: u64,
    },
    /// More than a row of any set may have.
    #[error("utterance `{utterance}`: `{column}` has {found} {what}, expected {most} at most")]
    ColumnBound {
        /// Its name.
        utterance: String,
        /// Name of the column.
        column: String,
        /// What is counted.
        what: &'static str,
        /// The bound.
        most: u64,
        /// In the row.
        found: u64,
    },
    /// A row without a column, or with values of another type in it.
    #[error("utterance `{utterance}`: expected column `{column}` of {expected}, found ({found})")]
    RowColumn {
        /// Its name.
        utterance: String,
        /// Name of the column.
        column: String,
        /// Type of its values.
        expected: Element,
        /// Names and types of the row's columns.
        found: String,
    },
    /// A row with a column that its set does not declare.
    #[error("utterance `{utterance}`: column `{column}` is not declared: add it to the set's columns")]
    UndeclaredColumn {
        /// Its name.
        utterance: String,
        /// Name of the column.
        column: String,
    },
    /// Texts that do not follow each other in time, or end past any clock.
    #[error(
        "utterance `{utterance}`: `{column}` at place {at} starts before the one in front of it, or never ends"
    )]
    SpanOrder {
        /// Its name.
        utterance: String,
        /// Name of the column.
        column: String,
        /// Counted from 0.
        at: usize,
    },
    /// A senone that is not in the inventory.
    #[error(
        "utterance `{utterance}`, frame {frame}: senone {id} is not among the {senones} of the inventory"
    )]
    SenoneOutOfRange {
        /// Its name.
        utterance: String,
        /// Counted from 0.
        frame: usize,
        /// As found.
        id: SenoneId,
        /// Size of the inventory.
        senones: usize,
    },
    /// A logarithm of a probability above 1, or probabilities that do not fall within a frame.
    #[error(
        "utterance `{utterance}`, frame {frame}: log-probabilities must be at most 0 and must not rise from one label to the next"
    )]
    LogProbability {
        /// Its name.
        utterance: String,
        /// Counted from 0.
        frame: usize,
    },
    /// The same senone twice in a frame.
    #[error("utterance `{utterance}`, frame {frame}: senone {id} appears twice")]
    DuplicateSenone {
        /// Its name.
        utterance: String,
        /// Counted from 0.
        frame: usize,
        /// As found.
        id: SenoneId,
    },
    /// More data than one row group can hold, or no row at all.
    #[error(
        "a row group of {rows} utterances with {values} values cannot be written: expected 1 row at least and 2^31 values at most"
    )]
    RowGroupSize {
        /// Utterances.
        rows: usize,
        /// Values of the largest column.
        values: usize,
    },
}

/// Part of a shard file with a checksum of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A row group, counted from 0.
    RowGroup(usize),
    /// Everything after the last row group.
    Footer,
    /// All of it, where no part of it differs: the bytes in front of the first row group do.
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

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Store(error) => error.id(),
            Error::Row { problem, .. } => problem.id(),
            Error::NoManifest { .. } => "E0901",
            Error::ManifestSyntax { .. } => "E0902",
            Error::WrongKind { .. } => "E0903",
            Error::WrongSchemaVersion { .. } => "E0904",
            Error::ManifestContent { .. } => "E0905",
            Error::Fingerprint { .. } => "E0906",
            Error::Dimension { .. } => "E0907",
            Error::AlreadyPublished { .. } => "E0908",
            Error::PhoneStrings { .. } => "E0909",
            Error::NotAPair { .. } => "E0910",
            Error::NoColumn { .. } => "E0911",
            Error::NewerColumn { .. } => "E0912",
            Error::ShardSize { .. } => "E0913",
            Error::Checksum { .. } => "E0914",
            Error::Parquet { .. } => "E0915",
            Error::Columns { .. } => "E0916",
            Error::Count { .. } => "E0917",
            Error::NoSuchRowGroup { .. } => "E0918",
            Error::EmptyUtterance { .. } => "E0919",
            Error::FeatureLength { .. } => "E0920",
            Error::NotFinite { .. } => "E0921",
            Error::ColumnLength { .. } => "E0922",
            Error::ColumnBound { .. } => "E0923",
            Error::RowColumn { .. } => "E0924",
            Error::UndeclaredColumn { .. } => "E0925",
            Error::SpanOrder { .. } => "E0926",
            Error::SenoneOutOfRange { .. } => "E0927",
            Error::LogProbability { .. } => "E0928",
            Error::DuplicateSenone { .. } => "E0929",
            Error::RowGroupSize { .. } => "E0930",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.store().map_or(ExitStatus::Data, ProgramError::exit_status)
    }
}

impl Error {
    /// Whether the bytes at rest are at fault, so that reading them anywhere else or later gives the same verdict: a row
    /// group that is to be set aside. A file that is not there, or a store that does not answer, is none.
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
            // The file has become shorter since its footer was read.
            Error::Store(error) => matches!(error, stentor_store::Error::Range { .. }),
            _ => false,
        }
    }

    /// The store's own error, where the store is at fault rather than what is in it.
    #[must_use]
    pub fn store(&self) -> Option<&stentor_store::Error> {
        match self {
            Error::Store(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a file simply is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.store().is_some_and(stentor_store::Error::is_not_found)
    }

    /// Whether the same read may succeed in a moment: the store did not answer, or has not yet what it was given.
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

    pub(crate) fn in_row_group(self, file: &str, row_group: usize) -> Self {
        Error::Row { file: file.to_owned(), row_group, problem: Box::new(self) }
    }
}
