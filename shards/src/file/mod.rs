//! Shard files: Parquet, a row per utterance, written whole and read a row group at a time.

mod decode;
mod encode;
mod examine;
mod features;
mod halves;
mod labels;
mod pages;
mod reader;
mod sparse;
mod thrift;

pub(crate) use encode::ShardEncoder;
pub(crate) use reader::ShardReader;

pub use examine::{ColumnSummary, ShardSummary, examine_shard};

use crate::{Error, FeatureLayout, FeatureRow, LabelLayout, LabelRow, ShardInfo};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use decode::RowGroupBytes;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnPath;
use std::sync::Arc;

/// How rows of one kind are laid out in columns.
pub(crate) trait ShardRow: Sized + Send {
    /// What all rows of a set share.
    type Layout: Copy + Send + Sync;

    /// Names and types of the columns.
    fn columns() -> Vec<Field>;

    /// Encoding and compression of each column.
    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder;

    /// Checks the row's rules.
    fn check(&self, layout: Self::Layout) -> Result<(), Error>;

    /// Frames of a row that was checked.
    fn frames(&self, layout: Self::Layout) -> usize;

    /// Values in the longest column.
    fn values(&self) -> usize;

    /// Rows that were checked → columns.
    fn to_batch(rows: &[Self], layout: Self::Layout, schema: SchemaRef) -> Result<RecordBatch, Error>;

    /// The bytes of a row group → rows, unchecked, each with the frames that column `frames` gives it.
    fn decode(group: &RowGroupBytes<'_>, layout: Self::Layout) -> Result<Vec<(u32, Self)>, ParquetError>;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(Self::columns()))
    }
}

/// A list column; Parquet's own name for the values is `element`.
fn list(name: &str, value: DataType) -> Field {
    Field::new(name, DataType::List(Arc::new(element(value))), false)
}

fn element(value: DataType) -> Field {
    Field::new("element", value, false)
}

/// The values of a list column.
fn values_of(column: &str) -> ColumnPath {
    ColumnPath::new(vec![column.to_owned(), "list".to_owned(), "element".to_owned()])
}

/// Encodes a shard of features: one Parquet file, row groups as given. The same rows give the same bytes.
///
/// # Errors
/// What [`FeatureRow::check`] finds, with its row group; [`Error::RowGroupSize`].
pub fn encode_feature_shard(
    file: &str,
    groups: &[Vec<FeatureRow>],
    layout: FeatureLayout,
) -> Result<(Bytes, ShardInfo), Error> {
    encode_shard(file, groups, layout)
}

/// Encodes a shard of soft labels: one Parquet file, row groups as given. The same rows give the same bytes.
///
/// # Errors
/// What [`LabelRow::check`] finds, with its row group; [`Error::RowGroupSize`].
pub fn encode_label_shard(
    file: &str,
    groups: &[Vec<LabelRow>],
    layout: LabelLayout,
) -> Result<(Bytes, ShardInfo), Error> {
    encode_shard(file, groups, layout)
}

/// Decodes a whole feature shard of which nothing is known, checks every row, and describes it for a manifest.
///
/// # Errors
/// [`Error::Parquet`], [`Error::Columns`], [`Error::Row`].
pub fn decode_feature_shard(
    file: &str,
    bytes: &Bytes,
    layout: FeatureLayout,
) -> Result<(Vec<Vec<FeatureRow>>, ShardInfo), Error> {
    decode::decode_shard(file, bytes, layout)
}

/// Decodes a whole label shard of which nothing is known, checks every row, and describes it for a manifest: how a
/// labeler that was restarted takes up what it had published.
///
/// # Errors
/// [`Error::Parquet`], [`Error::Columns`], [`Error::Row`].
pub fn decode_label_shard(
    file: &str,
    bytes: &Bytes,
    layout: LabelLayout,
) -> Result<(Vec<Vec<LabelRow>>, ShardInfo), Error> {
    decode::decode_shard(file, bytes, layout)
}

fn encode_shard<R: ShardRow>(
    file: &str,
    groups: &[Vec<R>],
    layout: R::Layout,
) -> Result<(Bytes, ShardInfo), Error> {
    let mut encoder = ShardEncoder::<R>::new(file, layout)?;
    for group in groups {
        encoder.push(group)?;
    }
    encoder.finish()
}
