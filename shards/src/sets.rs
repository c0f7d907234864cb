use crate::file::{ShardReader, ShardRow};
use crate::manifest::ShardInfo;
use crate::{Error, FeatureManifest, FeatureRow, LabelManifest, LabelRow, PhoneStrings};
use std::sync::Arc;
use stentor_store::Store;

/// A published feature set, open for reading. Cheap to clone; clones share the cached footers.
#[derive(Debug, Clone)]
pub struct FeatureSet {
    manifest: Arc<FeatureManifest>,
    shards: Shards,
}

/// A published label set, open for reading. Cheap to clone; clones share the cached footers.
#[derive(Debug, Clone)]
pub struct LabelSet {
    manifest: Arc<LabelManifest>,
    shards: Shards,
}

impl FeatureSet {
    /// Reads and checks the manifest; the shards are read when they are asked for.
    ///
    /// # Errors
    /// See [`FeatureManifest::load`].
    pub async fn open(store: &Store) -> Result<Self, Error> {
        let manifest = FeatureManifest::load(store).await?;
        Ok(FeatureSet { shards: Shards::new(store, &manifest.shards), manifest: Arc::new(manifest) })
    }

    /// The set's manifest.
    #[must_use]
    pub fn manifest(&self) -> &FeatureManifest {
        &self.manifest
    }

    /// Where the set is, for messages.
    #[must_use]
    pub fn location(&self) -> &str {
        self.shards.store.location()
    }

    /// The utterances of a row group, every byte and every row checked.
    ///
    /// # Errors
    /// [`Error::NoSuchRowGroup`], [`Error::ShardSize`], [`Error::Checksum`], [`Error::Columns`], [`Error::Count`],
    /// [`Error::Row`], [`Error::Parquet`], [`Error::Store`].
    pub async fn read(&self, shard: usize, row_group: usize) -> Result<Vec<FeatureRow>, Error> {
        self.shards.read(shard, row_group, self.manifest.layout()).await
    }

    /// What its utterances say in phones, every byte checked; none where the set does not know.
    ///
    /// # Errors
    /// [`Error::ShardSize`], [`Error::Checksum`], [`Error::PhoneStrings`], [`Error::Store`].
    pub async fn phone_strings(&self) -> Result<Option<PhoneStrings>, Error> {
        match &self.manifest.phone_strings {
            Some(info) => PhoneStrings::read(&self.shards.store, info).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads a whole shard: every byte and every row is checked. All that is wrong with it; nothing where it is whole.
    ///
    /// # Errors
    /// [`Error::NoSuchRowGroup`] for a shard that the set does not have, [`Error::Store`] where the store does not answer.
    pub async fn verify(&self, shard: usize) -> Result<Vec<Error>, Error> {
        self.shards.verify::<FeatureRow>(shard, self.manifest.layout()).await
    }
}

impl LabelSet {
    /// Reads and checks the manifest; the shards are read when they are asked for.
    ///
    /// # Errors
    /// See [`LabelManifest::load`].
    pub async fn open(store: &Store) -> Result<Self, Error> {
        let manifest = LabelManifest::load(store).await?;
        Ok(LabelSet { shards: Shards::new(store, &manifest.shards), manifest: Arc::new(manifest) })
    }

    /// The set's manifest.
    #[must_use]
    pub fn manifest(&self) -> &LabelManifest {
        &self.manifest
    }

    /// Where the set is, for messages.
    #[must_use]
    pub fn location(&self) -> &str {
        self.shards.store.location()
    }

    /// Checks that these labels are those of `features`.
    ///
    /// # Errors
    /// [`Error::NotAPair`] with the first difference.
    pub fn check_pairs(&self, features: &FeatureManifest) -> Result<(), Error> {
        self.manifest.check_pairs(features)
    }

    /// The utterances of a row group, every byte and every row checked.
    ///
    /// # Errors
    /// As [`FeatureSet::read`].
    pub async fn read(&self, shard: usize, row_group: usize) -> Result<Vec<LabelRow>, Error> {
        self.shards.read(shard, row_group, self.manifest.layout()).await
    }

    /// As [`FeatureSet::verify`].
    ///
    /// # Errors
    /// As there.
    pub async fn verify(&self, shard: usize) -> Result<Vec<Error>, Error> {
        self.shards.verify::<LabelRow>(shard, self.manifest.layout()).await
    }
}

#[derive(Debug, Clone)]
struct Shards {
    store: Store,
    readers: Arc<[ShardReader]>,
    row_groups: Arc<[usize]>,
}

impl Shards {
    fn new(store: &Store, shards: &[ShardInfo]) -> Self {
        Shards {
            store: store.clone(),
            readers: shards.iter().map(|info| ShardReader::new(store, info.clone())).collect(),
            row_groups: shards.iter().map(|info| info.row_groups.len()).collect(),
        }
    }

    async fn read<R: ShardRow>(
        &self,
        shard: usize,
        row_group: usize,
        layout: R::Layout,
    ) -> Result<Vec<R>, Error> {
        match self.readers.get(shard) {
            Some(reader) if row_group < self.row_groups[shard] => {
                reader.read(&self.store, row_group, layout).await
            }
            _ => Err(Error::NoSuchRowGroup { location: self.store.location().to_owned(), shard, row_group }),
        }
    }

    async fn verify<R: ShardRow>(&self, shard: usize, layout: R::Layout) -> Result<Vec<Error>, Error> {
        let location = || self.store.location().to_owned();
        let reader = self.readers.get(shard);
        let reader =
            reader.ok_or_else(|| Error::NoSuchRowGroup { location: location(), shard, row_group: 0 })?;
        reader.verify::<R>(&self.store, layout).await
    }
}
