use crate::column::{Element, Extent};
use stentor_inventory::SenoneId;
use thiserror::Error;

/// A row, or the rows of a row group, that violate a rule: one variant for each rule.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RowError {
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

impl RowError {
    pub(crate) fn in_row_group(self, file: &str, row_group: usize) -> super::Error {
        super::Error::Row { file: file.to_owned(), row_group, problem: Box::new(self) }
    }
}
