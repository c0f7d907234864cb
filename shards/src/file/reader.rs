use super::sparse::SparseFile;
use super::{ShardRow, decode, decode::RowGroupBytes};
use crate::manifest::{ShardInfo, checksum};
use crate::{Error, Part};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use stentor_store::Store;
use tokio::sync::OnceCell;

/// Reads row groups of one shard: each takes one range request, after the footer was fetched once.
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

    /// The checked rows of a row group that the manifest has.
    pub(crate) async fn read<R: ShardRow>(
        &self,
        store: &Store,
        index: usize,
        layout: R::Layout,
    ) -> Result<Vec<R>, Error> {
        let footer = self.footer.get_or_try_init(|| self.fetch_footer::<R>(store)).await?;
        let group = &self.info.row_groups[index];
        let bytes = store.get_range(&self.info.file, group.offset..group.offset + group.bytes).await?;
        self.verify(&bytes, Part::RowGroup(index), &group.checksum)?;
        let bytes = SparseFile { size: self.info.bytes, offset: group.offset, bytes };
        let rows = decode::row_group::<R>(&self.file, &RowGroupBytes { footer, index, bytes }, layout)?;
        let frames = rows.iter().map(|row| row.frames(layout) as u64).sum();
        self.count("the number of rows in a row group", group.rows.into(), rows.len() as u64)?;
        self.count("the number of frames in a row group", group.frames, frames)?;
        Ok(rows)
    }

    async fn fetch_footer<R: ShardRow>(&self, store: &Store) -> Result<ArrowReaderMetadata, Error> {
        let found = store.size(&self.info.file).await?;
        if found != self.info.bytes {
            return Err(Error::ShardSize { file: self.file.clone(), expected: self.info.bytes, found });
        }
        let bytes = store.get_range(&self.info.file, self.info.footer_offset()..self.info.bytes).await?;
        self.verify(&bytes, Part::Footer, &self.info.footer_checksum)?;
        let footer = decode::footer(&self.file, &bytes)?;
        decode::check_columns::<R>(&self.file, &footer)?;
        let groups = footer.metadata().num_row_groups() as u64;
        self.count("the number of row groups", self.info.row_groups.len() as u64, groups)?;
        Ok(footer)
    }

    fn verify(&self, bytes: &[u8], part: Part, expected: &str) -> Result<(), Error> {
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
        Err(Error::Count { file: self.file.clone(), what, expected, found })
    }
}
