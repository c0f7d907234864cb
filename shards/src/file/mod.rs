//! Shard files: Parquet, one row per utterance, written whole and read by row group.

mod columns;
mod decode;
mod encode;
mod examine;
mod halves;
mod pages;
mod reader;
mod row_group;
mod sparse;
mod thrift;

pub(crate) use encode::ShardEncoder;
pub(crate) use reader::ShardReader;

pub use examine::{ColumnSummary, ShardSummary, examine_shard};

use crate::column::Column;
use crate::row::Row;
use crate::rows::View;
use crate::{Error, FeatureLayout, FeatureRow, LabelLayout, LabelRow, RowError, ShardInfo};
use bytes::Bytes;

/// Encodes a shard with these columns as one Parquet file with the given row groups. The same rows give the same bytes.
///
/// # Errors
/// Any error of [`Row::check`], with its row group; [`RowError::RowGroupSize`].
pub fn encode_shard(
    file: &str,
    groups: &[Vec<Row>],
    columns: &[Column],
) -> Result<(Bytes, ShardInfo), Error> {
    let mut encoder = ShardEncoder::new(file, columns)?;
    for group in groups {
        encoder.push(group)?;
    }
    encoder.finish()
}

/// Encodes a shard of features as one Parquet file with the given row groups. The same rows give the same bytes.
///
/// # Errors
/// Any error of [`FeatureRow::check`], with its row group; [`RowError::RowGroupSize`].
pub fn encode_feature_shard(
    file: &str,
    groups: &[Vec<FeatureRow>],
    layout: FeatureLayout,
) -> Result<(Bytes, ShardInfo), Error> {
    encode_views(file, groups, layout)
}

/// Encodes a shard of soft labels as one Parquet file with the given row groups. The same rows give the same bytes.
///
/// # Errors
/// Any error of [`LabelRow::check`], with its row group; [`RowError::RowGroupSize`].
pub fn encode_label_shard(
    file: &str,
    groups: &[Vec<LabelRow>],
    layout: LabelLayout,
) -> Result<(Bytes, ShardInfo), Error> {
    encode_views(file, groups, layout)
}

/// Decodes a whole shard of which only the columns are known, checks every row, and describes it for a manifest.
///
/// # Errors
/// [`Error::Parquet`], [`Error::Columns`], [`Error::Row`].
pub fn decode_shard(
    file: &str,
    bytes: &Bytes,
    columns: &[Column],
) -> Result<(Vec<Vec<Row>>, ShardInfo), Error> {
    let (groups, info) = decode::decode_shard(file, bytes, columns)?;
    for (index, rows) in groups.iter().enumerate() {
        let checked = rows.iter().try_for_each(|row| row.check(columns));
        checked.map_err(|problem| problem.in_row_group(file, index))?;
    }
    Ok((groups, info))
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
    decode_views(file, bytes, layout)
}

/// Decodes a whole label shard of which nothing is known, checks every row, and describes it for a manifest. A
/// restarted labeler thus reuses the shards that it has already published.
///
/// # Errors
/// [`Error::Parquet`], [`Error::Columns`], [`Error::Row`].
pub fn decode_label_shard(
    file: &str,
    bytes: &Bytes,
    layout: LabelLayout,
) -> Result<(Vec<Vec<LabelRow>>, ShardInfo), Error> {
    decode_views(file, bytes, layout)
}

fn encode_views<V: View + Clone>(
    file: &str,
    groups: &[Vec<V>],
    layout: V::Layout,
) -> Result<(Bytes, ShardInfo), Error> {
    let mut encoder = ShardEncoder::new(file, &V::columns(layout))?;
    for (index, group) in groups.iter().enumerate() {
        let row = |view: &V| view.check(layout).map(|()| view.clone().into_row(layout));
        let rows: Result<Vec<Row>, RowError> = group.iter().map(row).collect();
        encoder.push(&rows.map_err(|problem| problem.in_row_group(file, index))?)?;
    }
    encoder.finish()
}

fn decode_views<V: View>(
    file: &str,
    bytes: &Bytes,
    layout: V::Layout,
) -> Result<(Vec<Vec<V>>, ShardInfo), Error> {
    let (groups, info) = decode::decode_shard(file, bytes, &V::columns(layout))?;
    let groups = groups.into_iter().enumerate().map(|(index, rows)| views(file, index, rows, layout));
    Ok((groups.collect::<Result<_, _>>()?, info))
}

/// Converts the rows of a row group to views and checks each.
fn views<V: View>(file: &str, row_group: usize, rows: Vec<Row>, layout: V::Layout) -> Result<Vec<V>, Error> {
    let view = |row| -> Result<V, RowError> {
        let view = V::from_row(row)?;
        view.check(layout)?;
        Ok(view)
    };
    let views = rows.into_iter().map(view).collect::<Result<_, _>>();
    views.map_err(|problem| problem.in_row_group(file, row_group))
}
