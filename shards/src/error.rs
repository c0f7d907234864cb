use crate::column::{Element, Extent};
use crate::manifest::{Kind, SCHEMA_VERSION};
use std::fmt;
use stentor_exit::{ExitStatus, ProgramError};
use stentor_inventory::SenoneId;
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
        problem: Box<Error>,
    },

    // A row.
    /// An utterance without frames cannot be used for training.
    #[error("utterance `{utterance}` has no frames: leave it out")]
    EmptyUtterance {
        /// Name of the utterance.
        utterance: String,
    },
    /// Feature values that do not make up whole frames.
    #[error("utterance `{utterance}`: {values} feature values are not whole frames of {dimension}")]
    FeatureLength {
        /// Name of the utterance.
        utterance: String,
        /// Number of feature values.
        values: usize,
        /// Values in a frame.
        dimension: usize,
    },
    /// A value that is not a finite number.
    #[error("utterance `{utterance}`: `{column}` at frame {frame}, value {index} is not finite")]
    NotFinite {
        /// Name of the utterance.
        utterance: String,
        /// Name of the column.
        column: String,
        /// Counted from 0.
        frame: usize,
        /// Within the frame, from 0.
        index: usize,
    },
    /// A column with more or fewer values than follow from the utterance's frames and the declaration.
    #[error(
        "utterance `{utterance}`: `{column}` has {found} values, expected {expected} ({extent}, {frames} frames)"
    )]
    ColumnLength {
        /// Name of the utterance.
        utterance: String,
        /// Name of the column.
        column: String,
        /// As declared.
        extent: Extent,
        /// Frames of the utterance.
        frames: u32,
        /// Computed from extent and frames.
        expected: u64,
        /// The number in the row.
        found: u64,
    },
    /// A row with more values than the row of any set may have.
    #[error("utterance `{utterance}`: `{column}` has {found} {what}, expected {most} at most")]
    ColumnBound {
        /// Name of the utterance.
        utterance: String,
        /// Name of the column.
        column: String,
        /// What is counted.
        what: &'static str,
        /// The bound.
        most: u64,
        /// The number in the row.
        found: u64,
    },
    /// A row without a required column, or with values of the wrong type in it.
    #[error("utterance `{utterance}`: expected column `{column}` of {expected}, found ({found})")]
    RowColumn {
        /// Name of the utterance.
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
        /// Name of the utterance.
        utterance: String,
        /// Name of the column.
        column: String,
    },
    /// Spans that are not in order of time, or whose end time overflows.
    #[error(
        "utterance `{utterance}`: `{column}` at index {at} starts before its predecessor, or its end time overflows"
    )]
    SpanOrder {
        /// Name of the utterance.
        utterance: String,
        /// Name of the column.
        column: String,
        /// Counted from 0.
        at: usize,
    },
    /// A senone id that is not in the inventory.
    #[error(
        "utterance `{utterance}`, frame {frame}: senone {id} is not among the {senones} of the inventory"
    )]
    SenoneOutOfRange {
        /// Name of the utterance.
        utterance: String,
        /// Counted from 0.
        frame: usize,
        /// The id found.
        id: SenoneId,
        /// Size of the inventory.
        senones: usize,
    },
    /// A log probability above 0, or log probabilities that are not in descending order within a frame.
    #[error(
        "utterance `{utterance}`, frame {frame}: log-probabilities must be at most 0 and must not rise from one label to the next"
    )]
    LogProbability {
        /// Name of the utterance.
        utterance: String,
        /// Counted from 0.
        frame: usize,
    },
    /// A senone that occurs twice in a frame.
    #[error("utterance `{utterance}`, frame {frame}: senone {id} appears twice")]
    DuplicateSenone {
        /// Name of the utterance.
        utterance: String,
        /// Counted from 0.
        frame: usize,
        /// The id found.
        id: SenoneId,
    },
    /// A row group with more data than it can hold, or without rows.
    #[error(
        "a row group of {rows} utterances with {values} values cannot be written: expected 1 row at least and 2^31 values at most"
    )]
    RowGroupSize {
        /// Number of utterances.
        rows: usize,
        /// Number of values in the largest column.
        values: usize,
    },
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

    pub(crate) fn in_row_group(self, file: &str, row_group: usize) -> Self {
        Error::Row { file: file.to_owned(), row_group, problem: Box::new(self) }
    }
}
