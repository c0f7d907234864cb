use super::sparse::SparseFile;
use half::f16;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// All values of a list column of half floats, without their list boundaries.
///
/// Arrow's reader decodes two levels per value to find list boundaries, which are also known from the column `frames`;
/// that takes six times as long. A page without missing values and empty lists contains only levels, which are skipped
/// here, and values: the low bytes of all values before the high bytes of all values (BYTE_STREAM_SPLIT).
pub(super) fn read(file: &SparseFile, column: &ColumnChunkMetaData) -> Result<Vec<f16>> {
    let mut pages = SerializedPageReader::new(Arc::new(file.clone()), column, 0, None)?;
    let mut halves = Vec::new();
    while let Some(page) = pages.get_next_page()? {
        let Page::DataPageV2 {
            buf,
            num_values,
            encoding: Encoding::BYTE_STREAM_SPLIT,
            num_nulls: 0,
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } = page
        else {
            return Err(unexpected(column, "a page is not encoded as this program encodes halves"));
        };
        let levels = def_levels_byte_len as usize + rep_levels_byte_len as usize;
        let count = num_values as usize;
        let values = buf.get(levels..).filter(|values| values.len() == 2 * count);
        let (low, high) = values
            .ok_or_else(|| unexpected(column, "a page's length differs from its header"))?
            .split_at(count);
        halves.extend(low.iter().zip(high).map(|(low, high)| f16::from_le_bytes([*low, *high])));
    }
    Ok(halves)
}

fn unexpected(column: &ColumnChunkMetaData, what: &str) -> ParquetError {
    let name = column.column_path().parts().first().map_or("", String::as_str);
    ParquetError::General(format!("column `{name}`: {what}"))
}
