use super::row_group::RowGroupBytes;
use super::sparse::SparseFile;
use super::{decode, views};
use crate::column::Column;
use crate::manifest::{RowGroupInfo, ShardInfo, checksum};
use crate::row::Row;
use crate::rows::View;
use crate::schema::Schema;
use crate::{Error, Part};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use std::ops::Range;
use stentor_store::Store;
use tokio::sync::OnceCell;

/// Reads row groups of one shard: one range request each, after the footer has been fetched once.
#[derive(Debug)]
pub(crate) struct ShardReader {
    /// Full location, for messages.
    file: String,
    info: ShardInfo,
    footer: OnceCell<ArrowReaderMetadata>,
}

impl ShardReader {
    pub(crate) fn new(store: &Store, info: ShardInfo) -> Self {
        ShardReader { file: format!("{}/{}", store.location(), info.file), info, footer: OnceCell::new() }
    }

    /// Returns the number of row groups.
    pub(crate) fn row_groups(&self) -> usize {
        self.info.row_groups.len()
    }

    /// Reads and checks the rows of a row group in the manifest, in these columns of the schema.
    pub(crate) async fn rows(
        &self,
        store: &Store,
        index: usize,
        schema: &Schema,
        columns: &[Column],
    ) -> Result<Vec<Row>, Error> {
        let rows = self.decoded(store, index, schema, columns).await?;
        let checked = rows.iter().try_for_each(|row| row.check(columns));
        checked.map_err(|problem| problem.in_row_group(&self.file, index))?;
        Ok(rows)
    }

    /// Reads and checks the rows of a row group in the manifest, in the columns of a view.
    pub(crate) async fn read<V: View>(
        &self,
        store: &Store,
        index: usize,
        schema: &Schema,
        layout: V::Layout,
    ) -> Result<Vec<V>, Error> {
        views(&self.file, index, self.decoded(store, index, schema, &V::columns(layout)).await?, layout)
    }

    /// Like [`ShardReader::read`], with the values of each row in `further` columns.
    pub(crate) async fn read_with<V: View>(
        &self,
        store: &Store,
        index: usize,
        schema: &Schema,
        layout: V::Layout,
        further: &[Column],
    ) -> Result<Vec<(V, Row)>, Error> {
        let mut columns = V::columns(layout);
        columns.extend_from_slice(further);
        let mut rows = self.decoded(store, index, schema, &columns).await?;
        let others: Vec<Row> = rows.iter_mut().map(|row| row.split(further)).collect();
        let checked = others.iter().try_for_each(|row| row.check(further));
        checked.map_err(|problem| problem.in_row_group(&self.file, index))?;
        Ok(views(&self.file, index, rows, layout)?.into_iter().zip(others).collect())
    }

    /// Whether any row of a row group has values in an optional column of one value for each frame, `[row groups]`. `None`
    /// where the number of values does not tell, because every utterance has one frame.
    pub(crate) async fn has_values(
        &self,
        store: &Store,
        schema: &Schema,
        column: &str,
    ) -> Result<Vec<Option<bool>>, Error> {
        let footer = self.footer.get_or_try_init(|| self.fetch_footer(store, schema)).await?;
        let groups = footer.metadata().row_groups().iter().zip(&self.info.row_groups);
        let has_values = |(stored, info): (&RowGroupMetaData, &RowGroupInfo)| {
            let is_it = |chunk: &&ColumnChunkMetaData| {
                chunk.column_path().parts().first().is_some_and(|name| name == column)
            };
            let values = stored.columns().iter().find(is_it)?.num_values();
            // A missing list counts as one value.
            (info.frames != u64::from(info.rows)).then_some(values != i64::from(info.rows))
        };
        Ok(groups.map(has_values).collect())
    }

    async fn decoded(
        &self,
        store: &Store,
        index: usize,
        schema: &Schema,
        columns: &[Column],
    ) -> Result<Vec<Row>, Error> {
        let footer = self.footer.get_or_try_init(|| self.fetch_footer(store, schema)).await?;
        let group = &self.info.row_groups[index];
        let range = group.offset..group.offset + group.bytes;
        let bytes = self.fetch(store, range, Part::RowGroup(index), &group.checksum).await?;
        self.decode(footer, index, bytes, columns)
    }

    /// Reads every byte of the file once, decodes every row group in all columns that this program knows, and returns
    /// all errors in file order.
    pub(crate) async fn verify<V: View>(
        &self,
        store: &Store,
        schema: &Schema,
        layout: V::Layout,
    ) -> Result<Vec<Error>, Error> {
        let footer = match self.footer.get_or_try_init(|| self.fetch_footer(store, schema)).await {
            Err(error) if error.is_bad_data() || error.is_missing() => return Ok(vec![error]),
            other => other?,
        };
        let mut whole = blake3::Hasher::new();
        let mut faults = Vec::new();
        let first = self.info.row_groups.first().map_or(0, |group| group.offset);
        whole.update(&store.get_range(&self.info.file, 0..first).await?);
        for (index, group) in self.info.row_groups.iter().enumerate() {
            let range = group.offset..group.offset + group.bytes;
            let bytes = store.get_range(&self.info.file, range).await?;
            whole.update(&bytes);
            let sound = self
                .check(&bytes, Part::RowGroup(index), &group.checksum)
                .and_then(|()| self.decode(footer, index, bytes, &schema.columns))
                .and_then(|rows| self.check_rows::<V>(index, rows, schema, layout));
            faults.extend(sound.err());
        }
        let end = self.info.footer_offset()..self.info.bytes;
        whole.update(&store.get_range(&self.info.file, end).await?);
        let found = whole.finalize().to_hex().to_string();
        if faults.is_empty() && found != self.info.checksum {
            let (file, expected) = (self.file.clone(), self.info.checksum.clone());
            faults.push(Error::Checksum { file, part: Part::File, expected, found });
        }
        Ok(faults)
    }

    fn check_rows<V: View>(
        &self,
        index: usize,
        rows: Vec<Row>,
        schema: &Schema,
        layout: V::Layout,
    ) -> Result<(), Error> {
        let checked = rows.iter().try_for_each(|row| row.check(&schema.columns));
        checked.map_err(|problem| problem.in_row_group(&self.file, index))?;
        views::<V>(&self.file, index, rows, layout).map(drop)
    }

    fn decode(
        &self,
        footer: &ArrowReaderMetadata,
        index: usize,
        bytes: Bytes,
        columns: &[Column],
    ) -> Result<Vec<Row>, Error> {
        let group = &self.info.row_groups[index];
        let bytes = SparseFile { size: self.info.bytes, offset: group.offset, bytes };
        let rows = decode::row_group(&self.file, &RowGroupBytes { footer, index, bytes }, columns)?;
        let frames = rows.iter().map(|row| u64::from(row.frames)).sum();
        self.count("the number of rows in a row group", group.rows.into(), rows.len() as u64)?;
        self.count("the number of frames in a row group", group.frames, frames)?;
        Ok(rows)
    }

    async fn fetch_footer(&self, store: &Store, schema: &Schema) -> Result<ArrowReaderMetadata, Error> {
        let found = store.size(&self.info.file).await?;
        if found != self.info.bytes {
            return Err(Error::ShardSize { file: self.file.clone(), expected: self.info.bytes, found });
        }
        let range = self.info.footer_offset()..self.info.bytes;
        let bytes = self.fetch(store, range, Part::Footer, &self.info.footer_checksum).await?;
        let footer = decode::footer(&self.file, &bytes)?;
        decode::check_columns(&self.file, &footer, schema)?;
        let groups = footer.metadata().num_row_groups() as u64;
        self.count("the number of row groups", self.info.row_groups.len() as u64, groups)?;
        Ok(footer)
    }

    /// Reads and checks bytes of the file. If they do not match, they are fetched once more: damage in transit is not
    /// bad data, and other readers would not see it.
    async fn fetch(
        &self,
        store: &Store,
        range: Range<u64>,
        part: Part,
        checksum: &str,
    ) -> Result<Bytes, Error> {
        let first = store.get_known(&self.info.file, range.clone(), checksum).await?;
        if self.check(&first, part, checksum).is_ok() {
            return Ok(first);
        }
        let second = store.get_known(&self.info.file, range, checksum).await?;
        self.check(&second, part, checksum)?;
        Ok(second)
    }

    fn check(&self, bytes: &[u8], part: Part, expected: &str) -> Result<(), Error> {
        let found = checksum(bytes);
        if found == expected {
            return Ok(());
        }
        Err(Error::Checksum { file: self.file.clone(), part, expected: expected.to_owned(), found })
    }

    fn count(&self, what: &'static str, expected: u64, found: u64) -> Result<(), Error> {
        if expected == found {
            return Ok(());
        }
        Err(Error::count(&self.file, what, expected, found))
    }
}
