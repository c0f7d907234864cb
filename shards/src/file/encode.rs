use super::columns;
use crate::column::Column;
use crate::manifest::{RowGroupInfo, SCHEMA_VERSION, ShardInfo, checksum};
use crate::row::Row;
use crate::{Error, RowError};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use std::sync::Arc;

/// Lists count their values in signed 32-bit numbers.
const MAX_VALUES: usize = i32::MAX as usize;

/// Writes one shard to memory, one row group after another.
pub(crate) struct ShardEncoder {
    file: String,
    columns: Vec<Column>,
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    groups: Vec<Group>,
}

struct Group {
    rows: u32,
    frames: u64,
    end: usize,
}

impl ShardEncoder {
    pub(crate) fn new(file: &str, columns: &[Column]) -> Result<Self, Error> {
        let schema = Arc::new(columns::schema(columns));
        // The file must not depend on the time or on a library's version. The Arrow schema adds nothing to Parquet's
        // own for these types; statistics and indexes serve queries that Stentor does not make. Encodings without a
        // count of their own let a reader compute the memory that decoding takes (`pages`).
        let builder = WriterProperties::builder()
            .set_created_by(format!("stentor-shards version {SCHEMA_VERSION}"))
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_max_row_group_row_count(None)
            .set_max_row_group_bytes(None)
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::PLAIN)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true);
        let options = ArrowWriterOptions::new()
            .with_properties(columns::properties(builder, columns).build())
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)
            .map_err(|e| Error::parquet(file, e))?;
        Ok(ShardEncoder {
            file: file.to_owned(),
            columns: columns.to_vec(),
            schema,
            writer,
            groups: Vec::new(),
        })
    }

    /// Appends a row group.
    pub(crate) fn push(&mut self, rows: &[Row]) -> Result<(), Error> {
        let index = self.groups.len();
        self.check(rows).map_err(|problem| problem.in_row_group(&self.file, index))?;
        let frames = rows.iter().map(|row| u64::from(row.frames)).sum();
        let failed = |e| Error::parquet(&self.file, e);
        let arrays = self.columns.iter().flat_map(|column| columns::arrays(column, rows)).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(|e| failed(e.into()))?;
        self.writer.write(&batch).map_err(failed)?;
        self.writer.flush().map_err(failed)?;
        // Cannot overflow: every row has at least one value, and there are at most 2^31 values.
        self.groups.push(Group { rows: rows.len() as u32, frames, end: self.writer.bytes_written() });
        Ok(())
    }

    fn check(&self, rows: &[Row]) -> Result<(), RowError> {
        let values = rows.iter().map(Row::size).fold(0, usize::saturating_add);
        if rows.is_empty() || values > MAX_VALUES {
            return Err(RowError::RowGroupSize { rows: rows.len(), values });
        }
        rows.iter().try_for_each(|row| row.check(&self.columns))
    }

    /// Number of frames so far.
    pub(crate) fn frames(&self) -> u64 {
        self.groups.iter().map(|group| group.frames).sum()
    }

    /// Returns the file's bytes and their description.
    pub(crate) fn finish(self) -> Result<(Bytes, ShardInfo), Error> {
        if self.groups.is_empty() {
            return Err(RowError::RowGroupSize { rows: 0, values: 0 }.in_row_group(&self.file, 0));
        }
        let start = self.writer.flushed_row_groups().first().and_then(|group| first_byte(group.columns()));
        let bytes = Bytes::from(self.writer.into_inner().map_err(|e| Error::parquet(&self.file, e))?);
        let mut offset = start.unwrap_or(0);
        let mut row_groups = Vec::with_capacity(self.groups.len());
        for Group { rows, frames, end } in self.groups {
            let group = &bytes[offset..end];
            let (first, length) = (offset as u64, group.len() as u64);
            row_groups.push(RowGroupInfo {
                rows,
                frames,
                offset: first,
                bytes: length,
                checksum: checksum(group),
            });
            offset = end;
        }
        let info = ShardInfo {
            file: self.file,
            bytes: bytes.len() as u64,
            checksum: checksum(&bytes),
            footer_checksum: checksum(&bytes[offset..]),
            row_groups,
        };
        Ok((bytes, info))
    }
}

fn first_byte(columns: &[parquet::file::metadata::ColumnChunkMetaData]) -> Option<usize> {
    columns.iter().map(|column| column.byte_range().0).min().map(|first| first as usize)
}
