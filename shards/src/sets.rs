use crate::column::Column;
use crate::file::ShardReader;
use crate::manifest::{self, Manifest};
use crate::registry::ALIGNMENT;
use crate::row::Row;
use crate::schema::Schema;
use crate::{Error, FeatureManifest, LabelManifest, PhoneStrings};
use bytes::Bytes;
use std::sync::Arc;
use stentor_store::Store;

/// A published set, open for reading. Cheap to clone; clones share the cached footers.
#[derive(Debug)]
pub struct Set<M> {
    manifest: Arc<M>,
    schema: Arc<Schema>,
    store: Store,
    shards: Arc<[ShardReader]>,
}

/// A published feature set.
pub type FeatureSet = Set<FeatureManifest>;

/// A published label set.
pub type LabelSet = Set<LabelManifest>;

impl<M> Clone for Set<M> {
    fn clone(&self) -> Self {
        Set {
            manifest: Arc::clone(&self.manifest),
            schema: Arc::clone(&self.schema),
            store: self.store.clone(),
            shards: Arc::clone(&self.shards),
        }
    }
}

type Layout<M> = <<M as Manifest>::Row as crate::View>::Layout;

impl<M: Manifest> Set<M> {
    /// Reads and checks the manifest; shards are read on request.
    ///
    /// # Errors
    /// See [`FeatureManifest::load`] and [`LabelManifest::load`].
    pub async fn open(store: &Store) -> Result<Self, Error> {
        let manifest: M = manifest::load(store).await?;
        let readers = manifest.shards().iter().map(|info| ShardReader::new(store, info.clone()));
        Ok(Set {
            schema: Arc::new(manifest::schema(&manifest)),
            store: store.clone(),
            shards: readers.collect(),
            manifest: Arc::new(manifest),
        })
    }

    /// The set's manifest.
    #[must_use]
    pub fn manifest(&self) -> &M {
        &self.manifest
    }

    /// The location of the set, for messages.
    #[must_use]
    pub fn location(&self) -> &str {
        self.store.location()
    }

    /// The columns that this program can read, in the order of the files.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.schema.columns
    }

    /// Whether the set has a column of this name that this program can read.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.columns().iter().any(|own| own.name == column)
    }

    /// Reads the utterances of a row group in the columns common to every set of this kind, and checks every byte and
    /// every row.
    ///
    /// # Errors
    /// [`Error::NoSuchRowGroup`], [`Error::ShardSize`], [`Error::Checksum`], [`Error::Columns`], [`Error::Count`],
    /// [`Error::Row`], [`Error::Parquet`], [`Error::Store`].
    pub async fn read(&self, shard: usize, row_group: usize) -> Result<Vec<M::Row>, Error> {
        self.reader(shard, row_group)?.read(&self.store, row_group, &self.schema, self.layout()).await
    }

    /// Like [`Set::read`], and returns with each utterance a row of its values in these declared columns.
    ///
    /// # Errors
    /// [`Error::NoColumn`], [`Error::NewerColumn`] before anything is read; otherwise see [`Set::read`].
    pub async fn read_with(
        &self,
        shard: usize,
        row_group: usize,
        columns: &[&str],
    ) -> Result<Vec<(M::Row, Row)>, Error> {
        let further = self.schema.select(columns, self.location())?;
        let reader = self.reader(shard, row_group)?;
        reader.read_with(&self.store, row_group, &self.schema, self.layout(), &further).await
    }

    /// Reads the utterances of a row group in these columns of any kind, and checks every byte and every row.
    ///
    /// # Errors
    /// [`Error::NoColumn`], [`Error::NewerColumn`] before anything is read; otherwise see [`Set::read`].
    pub async fn rows(&self, shard: usize, row_group: usize, columns: &[&str]) -> Result<Vec<Row>, Error> {
        let columns = self.schema.select(columns, self.location())?;
        self.reader(shard, row_group)?.rows(&self.store, row_group, &self.schema, &columns).await
    }

    /// Reads a whole shard, checks every byte and every row in all columns that this program can read, and returns all
    /// errors; none if the shard is intact.
    ///
    /// # Errors
    /// [`Error::NoSuchRowGroup`] for a shard that the set does not have, [`Error::Store`] if the store does not
    /// respond.
    pub async fn verify(&self, shard: usize) -> Result<Vec<Error>, Error> {
        self.reader(shard, 0)?.verify::<M::Row>(&self.store, &self.schema, self.layout()).await
    }

    fn layout(&self) -> Layout<M> {
        self.manifest.layout()
    }

    fn reader(&self, shard: usize, row_group: usize) -> Result<&ShardReader, Error> {
        let missing = || Error::NoSuchRowGroup { location: self.location().to_owned(), shard, row_group };
        self.shards.get(shard).filter(|reader| row_group < reader.row_groups()).ok_or_else(missing)
    }
}

impl FeatureSet {
    /// Reads the phones of a set of an earlier version and checks every byte; `None` if the set has the column
    /// [`Column::phones`], or no phones.
    ///
    /// # Errors
    /// [`Error::ShardSize`], [`Error::Checksum`], [`Error::PhoneStrings`], [`Error::Store`].
    pub async fn phone_strings(&self) -> Result<Option<PhoneStrings>, Error> {
        match &self.manifest.phone_strings {
            Some(info) => PhoneStrings::read(&self.store, info).await.map(Some),
            None => Ok(None),
        }
    }
}

impl FeatureSet {
    /// Reads the file of the tying tree that the senones are of, and checks every byte; `None` for senones without one.
    ///
    /// # Errors
    /// [`Error::ShardSize`], [`Error::Checksum`], [`Error::Store`].
    pub async fn tree(&self) -> Result<Option<Bytes>, Error> {
        match &self.manifest.tree {
            Some(info) => info.read(&self.store).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether any utterance has an alignment. Reads little more than the end of each shard.
    ///
    /// # Errors
    /// See [`Set::read`].
    pub async fn has_alignments(&self) -> Result<bool, Error> {
        for (shard, reader) in self.shards.iter().enumerate() {
            for (row_group, has_values) in
                reader.has_values(&self.store, &self.schema, ALIGNMENT).await?.into_iter().enumerate()
            {
                let has_alignments = match has_values {
                    Some(has_values) => has_values,
                    None => self.read(shard, row_group).await?.iter().any(|row| row.alignment.is_some()),
                };
                if has_alignments {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

impl LabelSet {
    /// Checks that these labels belong to `features`.
    ///
    /// # Errors
    /// [`Error::NotAPair`] with the first difference.
    pub fn check_pairs(&self, features: &FeatureManifest) -> Result<(), Error> {
        self.manifest.check_pairs(features)
    }
}
