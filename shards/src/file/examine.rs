use super::decode::{self, footer};
use super::row_group::RowGroupBytes;
use super::{columns, sparse::SparseFile};
use crate::column::Column;
use crate::manifest::Kind;
use crate::{Error, registry};
use bytes::Bytes;
use serde::Serialize;

/// Facts about a single shard file that are known without its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardSummary {
    /// According to its first columns; a manifest declares any others.
    pub kind: Kind,
    /// Size of the file.
    pub bytes: u64,
    /// Row groups.
    pub row_groups: usize,
    /// Rows.
    pub utterances: u64,
    /// Sum of the column `frames`.
    pub frames: u64,
    /// Values per frame for features, or labels kept per frame for labels.
    pub values_per_frame: u64,
    /// In file order.
    pub columns: Vec<ColumnSummary>,
}

/// How one column is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Number of values, missing ones included.
    pub values: u64,
    /// Bytes in the file.
    pub stored_bytes: u64,
    /// Bytes after decompression.
    pub plain_bytes: u64,
    /// Compression.
    pub compression: String,
}

/// Describes a shard file of which nothing is known; only names and numbers of frames are decoded.
///
/// # Errors
/// [`Error::Parquet`]; [`Error::Columns`] if it is neither features nor labels.
pub fn examine_shard(file: &str, bytes: &Bytes) -> Result<ShardSummary, Error> {
    let footer = footer(file, bytes)?;
    let (features, labels) = (registry::of_features(1), registry::of_labels(1));
    let begins_with = |own: &[Column]| {
        let (found, own) = (footer.schema().fields(), columns::schema(own));
        found.len() >= own.fields().len() && found.iter().zip(own.fields()).all(|(found, own)| found == own)
    };
    let (kind, wide) = match (begins_with(&features), begins_with(&labels)) {
        (true, _) => (Kind::Features, "features"),
        (_, true) => (Kind::Labels, "ids"),
        _ => {
            let describe = |own: &[Column]| decode::describe(&columns::schema(own));
            let expected = format!("{}) or ({}", describe(&features), describe(&labels));
            let found = decode::describe(footer.schema());
            return Err(Error::Columns { file: file.to_owned(), expected, found });
        }
    };
    let whole = SparseFile { size: bytes.len() as u64, offset: 0, bytes: bytes.clone() };
    let mut frames = 0u64;
    for index in 0..footer.metadata().num_row_groups() {
        let group = RowGroupBytes { footer: &footer, index, bytes: whole.clone() };
        let keys = decode::guarded(file, || columns::keys(&group))?;
        frames += keys.iter().map(|(_, frames)| u64::from(*frames)).sum::<u64>();
    }
    let columns = summaries(&footer);
    let values = columns.iter().find(|column| column.name == wide).map_or(0, |column| column.values);
    Ok(ShardSummary {
        kind,
        bytes: bytes.len() as u64,
        row_groups: footer.metadata().num_row_groups(),
        utterances: footer.metadata().row_groups().iter().map(|group| group.num_rows().max(0) as u64).sum(),
        frames,
        values_per_frame: values.checked_div(frames).unwrap_or(0),
        columns,
    })
}

fn summaries(footer: &parquet::arrow::arrow_reader::ArrowReaderMetadata) -> Vec<ColumnSummary> {
    let mut columns: Vec<ColumnSummary> = Vec::new();
    for group in footer.metadata().row_groups() {
        for (index, chunk) in group.columns().iter().enumerate() {
            if columns.len() <= index {
                let name = chunk.column_path().parts().first().cloned().unwrap_or_default();
                // Parquet also prints a compression level, but files do not record it.
                let compression = chunk.compression().to_string().to_lowercase();
                let compression = compression.split('(').next().unwrap_or_default().to_owned();
                columns.push(ColumnSummary { name, values: 0, stored_bytes: 0, plain_bytes: 0, compression });
            }
            let column = &mut columns[index];
            column.values = column.values.saturating_add(chunk.num_values().max(0) as u64);
            column.stored_bytes = column.stored_bytes.saturating_add(chunk.compressed_size().max(0) as u64);
            column.plain_bytes = column.plain_bytes.saturating_add(chunk.uncompressed_size().max(0) as u64);
        }
    }
    columns
}
