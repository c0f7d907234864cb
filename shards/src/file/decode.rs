use super::row_group::RowGroupBytes;
use super::sparse::SparseFile;
use super::{columns, pages};
use crate::Error;
use crate::column::Column;
use crate::manifest::{RowGroupInfo, ShardInfo, checksum};
use crate::registry::{FRAMES, MAX_FRAMES, UTTERANCE};
use crate::row::Row;
use crate::schema::Schema;
use arrow::datatypes::FieldRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Length of the footer's length and the closing magic number.
const TAIL: usize = 8;
const MAGIC: &[u8; 4] = b"PAR1";

/// Decodes the footer from the last bytes of a file.
pub(super) fn footer(file: &str, bytes: &[u8]) -> Result<ArrowReaderMetadata, Error> {
    let not_parquet = || Error::parquet(file, "it does not end like a Parquet file");
    let (rest, tail) = bytes.split_at_checked(bytes.len().wrapping_sub(TAIL)).ok_or_else(not_parquet)?;
    let (length, magic) = tail.split_at(4);
    let length = length.iter().rev().fold(0usize, |value, byte| (value << 8) | usize::from(*byte));
    if magic != MAGIC || length > rest.len() {
        return Err(not_parquet());
    }
    let metadata = &rest[rest.len() - length..];
    guarded(file, || {
        pages::check_footer(metadata)?;
        let metadata = ParquetMetaDataReader::decode_metadata(metadata)?;
        ArrowReaderMetadata::try_new(
            Arc::new(metadata),
            ArrowReaderOptions::new().with_skip_arrow_metadata(true),
        )
    })
}

/// Checks names and types of the columns. Columns that the schema skips may have any type.
pub(super) fn check_columns(file: &str, footer: &ArrowReaderMetadata, schema: &Schema) -> Result<(), Error> {
    let expected = columns::schema(&schema.columns);
    let found = footer.schema();
    let read: Vec<&FieldRef> = found.fields().iter().filter(|field| !schema.skips(field.name())).collect();
    if read.into_iter().eq(expected.fields()) {
        return Ok(());
    }
    Err(Error::Columns { file: file.to_owned(), expected: describe(&expected), found: describe(found) })
}

pub(super) fn describe(schema: &arrow::datatypes::Schema) -> String {
    let column = |field: &FieldRef| {
        let optional = if field.is_nullable() { "?" } else { "" };
        format!("{}: {}{optional}", field.name(), field.data_type())
    };
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

/// Decodes the rows of one row group in these columns, and checks that each row matches their declarations.
pub(super) fn row_group(
    file: &str,
    group: &RowGroupBytes<'_>,
    columns: &[Column],
) -> Result<Vec<Row>, Error> {
    let keys = guarded(file, || columns::keys(group))?;
    let (expected, found) = (group.rows(), keys.len() as u64);
    if expected != found {
        return Err(Error::count(file, "the number of rows in a row group", expected, found));
    }
    let frames: Vec<u32> = keys.iter().map(|(_, frames)| *frames).collect();
    if let Some(found) = frames.iter().find(|frames| **frames > MAX_FRAMES) {
        let most = MAX_FRAMES;
        return Err(Error::parquet(
            file,
            format!("column `frames` has {found} in a row, expected {most} at most"),
        ));
    }
    let mut rows: Vec<Row> =
        keys.into_iter().map(|(utterance, frames)| Row::new(utterance, frames)).collect();
    for column in columns.iter().filter(|column| column.name != UTTERANCE && column.name != FRAMES) {
        let values = guarded(file, || columns::read(group, column, &frames))?;
        for (row, values) in rows.iter_mut().zip(values) {
            if let Some(values) = values {
                row.set(&column.name, values);
            }
        }
    }
    match rows.iter().try_for_each(|row| row.check_shape(columns)) {
        Ok(()) => Ok(rows),
        Err(problem) => Err(problem.in_row_group(file, group.index)),
    }
}

/// Decodes and describes a whole file of which only the columns are known.
pub(super) fn decode_shard(
    file: &str,
    bytes: &Bytes,
    columns: &[Column],
) -> Result<(Vec<Vec<Row>>, ShardInfo), Error> {
    let footer = footer(file, bytes)?;
    check_columns(file, &footer, &Schema::new(columns.to_vec(), &[]))?;
    let whole = SparseFile { size: bytes.len() as u64, offset: 0, bytes: bytes.clone() };
    let mut groups = Vec::with_capacity(footer.metadata().num_row_groups());
    let mut row_groups = Vec::with_capacity(footer.metadata().num_row_groups());
    let mut end = 0;
    for index in 0..footer.metadata().num_row_groups() {
        let group = RowGroupBytes { footer: &footer, index, bytes: whole.clone() };
        let rows = row_group(file, &group, columns)?;
        let range = byte_range(file, &footer, index, bytes.len() as u64)?;
        let group = &bytes[range.clone()];
        row_groups.push(RowGroupInfo {
            rows: u32::try_from(rows.len())
                .map_err(|_| Error::parquet(file, "a row group has over 2^32 rows"))?,
            frames: rows.iter().map(|row| u64::from(row.frames)).sum(),
            offset: range.start as u64,
            bytes: group.len() as u64,
            checksum: checksum(group),
        });
        end = range.end;
        groups.push(rows);
    }
    let info = ShardInfo {
        file: file.to_owned(),
        bytes: bytes.len() as u64,
        checksum: checksum(bytes),
        footer_checksum: checksum(&bytes[end..]),
        row_groups,
    };
    Ok((groups, info))
}

/// Returns the byte range of a row group according to the footer, checked against the file's `size`.
pub(super) fn byte_range(
    file: &str,
    footer: &ArrowReaderMetadata,
    index: usize,
    size: u64,
) -> Result<std::ops::Range<usize>, Error> {
    guarded(file, || {
        let (mut start, mut end) = (u64::MAX, 0u64);
        for column in footer.metadata().row_group(index).columns() {
            let (first, length) = column.byte_range();
            start = start.min(first);
            end = end.max(first.saturating_add(length));
        }
        if start > end || end > size {
            return Err(ParquetError::EOF(format!("row group {index} lies outside of the file")));
        }
        Ok(start as usize..end as usize)
    })
}

/// Runs the Parquet decoder on untrusted bytes. The decoder returns errors for most malformed input but does not
/// guarantee it; a panic is converted into an error so that it cannot end the program.
pub(super) fn guarded<T>(file: &str, decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(problem)) => Err(Error::parquet(file, problem)),
        Err(_) => Err(Error::parquet(file, "the decoder gave up on malformed data")),
    }
}
