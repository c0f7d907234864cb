use super::sparse::SparseFile;
use super::{ShardRow, halves, pages};
use crate::Error;
use crate::manifest::{RowGroupInfo, ShardInfo, checksum};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use bytes::Bytes;
use half::f16;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
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
    let column = |field: &Arc<arrow::datatypes::Field>| {
        let optional = if field.is_nullable() { "?" } else { "" };
        format!("{}: {}{optional}", field.name(), field.data_type())
    };
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

/// The bytes of one row group, and how to read them.
pub(crate) struct RowGroupBytes<'a> {
    pub(super) footer: &'a ArrowReaderMetadata,
    pub(super) index: usize,
    pub(super) bytes: SparseFile,
}

impl RowGroupBytes<'_> {
    /// Rows by the footer.
    pub(super) fn rows(&self) -> u64 {
        self.footer.metadata().row_group(self.index).num_rows().max(0) as u64
    }

    /// The columns of these places in the schema.
    pub(super) fn batches(&self, columns: &[usize]) -> Result<Vec<RecordBatch>, ParquetError> {
        columns.iter().try_for_each(|column| self.check_pages(*column))?;
        // Bounds what is allocated ahead of the data: a row takes some bits of the file at the least.
        let batch_size = self.rows().min(self.bytes.bytes.len() as u64 * 8).max(1) as usize;
        let mask = ProjectionMask::roots(self.footer.parquet_schema(), columns.iter().copied());
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.footer.clone())
                .with_row_groups(vec![self.index])
                .with_projection(mask)
                .with_batch_size(batch_size)
                .build()?;
        reader.map(|batch| batch.map_err(Into::into)).collect()
    }

    /// The values of the list of half floats at this place in the schema.
    pub(super) fn halves(&self, column: usize) -> Result<Vec<f16>, ParquetError> {
        self.check_pages(column)?;
        halves::read(&self.bytes, self.footer.metadata().row_group(self.index).column(column))
    }

    /// No column has more than one leaf, so places in the schema are places in the file.
    fn check_pages(&self, column: usize) -> Result<(), ParquetError> {
        pages::check_column(&self.bytes, self.footer.metadata().row_group(self.index), column)
    }
}

/// Decodes the rows of one row group and checks them.
pub(super) fn row_group<R: ShardRow>(
    file: &str,
    group: &RowGroupBytes<'_>,
    layout: R::Layout,
) -> Result<Vec<R>, Error> {
    let decoded = guarded(file, || R::decode(group, layout))?;
    let (expected, found) = (group.rows(), decoded.len() as u64);
    if expected != found {
        return Err(count(file, "the number of rows in a row group", expected, found));
    }
    let checked = |(frames, row): (u32, R)| {
        row.check(layout)?;
        let expected = row.frames(layout) as u64;
        if expected == u64::from(frames) {
            Ok(row)
        } else {
            Err(count(file, "a row's number of frames in column `frames`", expected, frames.into()))
        }
    };
    let rows = decoded.into_iter().map(checked).collect::<Result<_, _>>();
    rows.map_err(|problem: Error| problem.in_row_group(file, group.index))
}

fn count(file: &str, what: &'static str, expected: u64, found: u64) -> Error {
    Error::Count { file: file.to_owned(), what, expected, found }
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
        let group = RowGroupBytes { footer: &footer, index, bytes: whole.clone() };
        let rows = row_group::<R>(file, &group, layout)?;
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

/// Runs the Parquet decoder on bytes from outside. It answers most malformed input with an error, but promises it for
/// none; a panic in it must not take the program down, so it becomes an error as well.
pub(super) fn guarded<T>(file: &str, decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(problem)) => Err(Error::parquet(file, problem)),
        Err(_) => Err(Error::parquet(file, "the decoder gave up on malformed data")),
    }
}
