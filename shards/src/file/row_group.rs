use super::sparse::SparseFile;
use super::{halves, pages};
use arrow::array::ArrayRef;
use half::f16;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use std::ops::RangeInclusive;

/// The bytes of one row group, with what is needed to decode them.
pub(crate) struct RowGroupBytes<'a> {
    pub(super) footer: &'a ArrowReaderMetadata,
    pub(super) index: usize,
    pub(super) bytes: SparseFile,
}

impl RowGroupBytes<'_> {
    /// Number of rows according to the footer.
    pub(super) fn rows(&self) -> u64 {
        self.footer.metadata().row_group(self.index).num_rows().max(0) as u64
    }

    /// Returns the arrays of a column whose number of values is within `bound`.
    pub(super) fn arrays(
        &self,
        column: &str,
        bound: &RangeInclusive<u64>,
    ) -> Result<Vec<ArrayRef>, ParquetError> {
        let place = self.check_pages(column, bound)?;
        // Limits what is allocated before the data are decoded: a row takes at least some bits of the file.
        let batch_size = self.rows().min(self.bytes.bytes.len() as u64 * 8).max(1) as usize;
        let mask = ProjectionMask::leaves(self.footer.parquet_schema(), [place]);
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.footer.clone())
                .with_row_groups(vec![self.index])
                .with_projection(mask)
                .with_batch_size(batch_size)
                .build()?;
        reader.map(|batch| Ok(batch?.column(0).clone())).collect()
    }

    /// Returns the values of a list of half floats whose number is within `bound`.
    pub(super) fn halves(&self, column: &str, bound: &RangeInclusive<u64>) -> Result<Vec<f16>, ParquetError> {
        let place = self.check_pages(column, bound)?;
        halves::read(&self.bytes, self.footer.metadata().row_group(self.index).column(place))
    }

    /// Checks the pages of a column, and returns its byte range in the file.
    fn check_pages(&self, column: &str, bound: &RangeInclusive<u64>) -> Result<usize, ParquetError> {
        let mut places = self.footer.parquet_schema().columns().iter();
        let place = places.position(|leaf| leaf.path().parts().first().is_some_and(|name| name == column));
        let place = place.ok_or_else(|| ParquetError::General(format!("column `{column}` is missing")))?;
        pages::check_column(&self.bytes, self.footer.metadata().row_group(self.index), place, bound)?;
        Ok(place)
    }
}
