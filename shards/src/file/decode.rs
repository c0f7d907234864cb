use super::ShardRow;
use super::sparse::SparseFile;
use crate::Error;
use crate::manifest::{RowGroupInfo, ShardInfo, checksum};
use arrow_schema::Schema;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
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
        let metadata = ParquetMetaDataReader::decode_metadata(metadata)?;
        ArrowReaderMetadata::try_new(
            Arc::new(metadata),
            ArrowReaderOptions::new().with_skip_arrow_metadata(true),
        )
    })
}

/// Checks names and types of the columns.
pub(super) fn check_columns<R: ShardRow>(file: &str, footer: &ArrowReaderMetadata) -> Result<(), Error> {
    let expected = R::schema();
    let found = footer.schema();
    if found.fields() == expected.fields() {
        return Ok(());
    }
    Err(Error::Columns { file: file.to_owned(), expected: describe(&expected), found: describe(found) })
}

pub(super) fn describe(schema: &Schema) -> String {
    let column = |field: &Arc<arrow_schema::Field>| {
        let optional = if field.is_nullable() { "?" } else { "" };
        format!("{}: {}{optional}", field.name(), field.data_type())
    };
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

/// Decodes the rows of one row group and checks them; `bytes` begin at `offset` of the file.
pub(super) fn row_group<R: ShardRow>(
    file: &str,
    footer: &ArrowReaderMetadata,
    index: usize,
    bytes: SparseFile,
    layout: R::Layout,
) -> Result<Vec<R>, Error> {
    let expected = footer.metadata().row_group(index).num_rows().max(0) as u64;
    // The batch size bounds what is allocated ahead of the data: a row takes some bits of the file at the least.
    let batch_size = expected.min(bytes.bytes.len() as u64 * 8).max(1) as usize;
    let batches = guarded(file, || {
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, footer.clone())
            .with_row_groups(vec![index])
            .with_batch_size(batch_size)
            .build()?;
        reader.map(|batch| batch.map_err(Into::into)).collect::<Result<Vec<_>, _>>()
    })?;
    let mut rows = Vec::with_capacity(batches.iter().map(arrow_array::RecordBatch::num_rows).sum());
    for batch in &batches {
        let decoded =
            R::from_batch(batch).ok_or_else(|| Error::parquet(file, "a column has another type"))?;
        for (frames, row) in decoded {
            row.check(layout).map_err(|problem| problem.in_row_group(file, index))?;
            let counted = row.frames(layout) as u64;
            if counted != u64::from(frames) {
                let (what, expected) = ("the number of frames by column `frames`", counted);
                let count = Error::Count { file: file.to_owned(), what, expected, found: frames.into() };
                return Err(count.in_row_group(file, index));
            }
            rows.push(row);
        }
    }
    if rows.len() as u64 != expected {
        let (what, found) = ("the number of rows in a row group", rows.len() as u64);
        return Err(Error::Count { file: file.to_owned(), what, expected, found });
    }
    Ok(rows)
}

/// Decodes a whole file of which nothing is known, and describes it.
pub(super) fn decode_shard<R: ShardRow>(
    file: &str,
    bytes: &Bytes,
    layout: R::Layout,
) -> Result<(Vec<Vec<R>>, ShardInfo), Error> {
    let footer = footer(file, bytes)?;
    check_columns::<R>(file, &footer)?;
    let whole = SparseFile { size: bytes.len() as u64, offset: 0, bytes: bytes.clone() };
    let mut groups = Vec::with_capacity(footer.metadata().num_row_groups());
    let mut row_groups = Vec::with_capacity(footer.metadata().num_row_groups());
    let mut end = 0;
    for index in 0..footer.metadata().num_row_groups() {
        let rows = row_group::<R>(file, &footer, index, whole.clone(), layout)?;
        let range = byte_range(file, &footer, index, bytes.len() as u64)?;
        let group = &bytes[range.clone()];
        row_groups.push(RowGroupInfo {
            rows: u32::try_from(rows.len())
                .map_err(|_| Error::parquet(file, "a row group has over 2^32 rows"))?,
            frames: rows.iter().map(|row| row.frames(layout) as u64).sum(),
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

/// The bytes of a row group by the footer, within a file of `size` bytes.
pub(super) fn byte_range(
    file: &str,
    footer: &ArrowReaderMetadata,
    index: usize,
    size: u64,
) -> Result<std::ops::Range<usize>, Error> {
    guarded(file, || {
        let mut range = u64::MAX..0u64;
        for column in footer.metadata().row_group(index).columns() {
            let (first, length) = column.byte_range();
            range.start = range.start.min(first);
            range.end = range.end.max(first.saturating_add(length));
        }
        if range.start > range.end || range.end > size {
            return Err(parquet::errors::ParquetError::EOF(format!(
                "row group {index} lies outside of the file"
            )));
        }
        Ok(range.start as usize..range.end as usize)
    })
}

/// Runs the Parquet decoder on bytes from outside. It answers most malformed input with an error, but promises it for
/// none; a panic in it must not take the program down, so it becomes an error as well.
pub(super) fn guarded<T>(
    file: &str,
    decode: impl FnOnce() -> Result<T, parquet::errors::ParquetError>,
) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(problem)) => Err(Error::parquet(file, problem)),
        Err(_) => Err(Error::parquet(file, "the decoder gave up on malformed data")),
    }
}
