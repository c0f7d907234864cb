use crate::file::ShardEncoder;
use crate::manifest::{
    FeatureManifest, Kind, Normalisation, SCHEMA_VERSION, ShardInfo, publish_shard, shard_file,
};
use crate::{CREATED_BY, Error, FeatureLayout, FeatureRow, ObjectInfo, PhoneStrings};
use std::collections::BTreeMap;
use stentor_experiment::Features;
use stentor_inventory::Inventory;
use stentor_store::Store;

/// What a feature set is like.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSetOptions {
    /// How the frames were made.
    pub settings: Features,
    /// Values in a frame; must be `settings.dimension()`.
    pub dimension: usize,
    /// The inventory; empty where nothing is annotated.
    pub senones: Inventory,
    /// Nyquist frequency of the corpus as it was recorded, Hz.
    pub corpus_nyquist_hz: f32,
    /// A row group is closed by the utterance that brings it to this many frames.
    pub row_group_frames: u64,
    /// A shard is closed by the row group that brings it to this many frames.
    pub shard_frames: u64,
}

impl FeatureSetOptions {
    /// Frames of a row group by default: two minutes of audio, 1.5 MB at 192 values a frame.
    pub const ROW_GROUP_FRAMES: u64 = 4096;
    /// Frames of a shard by default: two hours of audio, 100 MB at 192 values a frame, which the writer holds in
    /// memory.
    pub const SHARD_FRAMES: u64 = 1 << 18;

    /// Options with the default sizes.
    #[must_use]
    pub fn new(settings: Features, senones: Inventory, corpus_nyquist_hz: f32) -> Self {
        FeatureSetOptions {
            dimension: settings.dimension(),
            settings,
            senones,
            corpus_nyquist_hz,
            row_group_frames: Self::ROW_GROUP_FRAMES,
            shard_frames: Self::SHARD_FRAMES,
        }
    }
}

/// Writes a feature set, utterance by utterance. Holds at most one shard and one row group in memory.
///
/// Nothing is published before [`FeatureWriter::finish`]; a writer that is dropped leaves shards without a manifest,
/// which the next writer replaces.
pub struct FeatureWriter {
    store: Store,
    options: FeatureSetOptions,
    layout: FeatureLayout,
    group: Vec<FeatureRow>,
    group_frames: u64,
    shard: Option<ShardEncoder<FeatureRow>>,
    shards: Vec<ShardInfo>,
    strings: PhoneStrings,
}

impl FeatureWriter {
    /// A writer of a set into the folder `store`.
    ///
    /// # Errors
    /// [`Error::Dimension`] and [`Error::ManifestContent`] for options that contradict themselves.
    pub fn new(store: Store, options: FeatureSetOptions) -> Result<Self, Error> {
        let layout = FeatureLayout { dimension: options.dimension, senones: options.senones.len() };
        let writer = FeatureWriter {
            store,
            options,
            layout,
            group: Vec::new(),
            group_frames: 0,
            shard: None,
            shards: Vec::new(),
            strings: PhoneStrings::default(),
        };
        // Now, not after hours of work.
        writer.manifest(Vec::new(), None, None, BTreeMap::new()).check(writer.store.location())?;
        Ok(writer)
    }

    /// Appends an utterance.
    ///
    /// # Errors
    /// What [`FeatureRow::check`] finds: the row is not taken, the writer can go on. [`Error::AlreadyPublished`],
    /// [`Error::Store`].
    pub async fn push(&mut self, row: FeatureRow) -> Result<(), Error> {
        row.check(self.layout)?;
        self.group_frames += row.frames(self.layout.dimension) as u64;
        self.group.push(row);
        if self.group_frames >= self.options.row_group_frames {
            self.close_row_group().await?;
        }
        Ok(())
    }

    /// Says what an utterance of the set says in phones; held in memory, a few bytes a phone.
    ///
    /// # Errors
    /// As [`PhoneStrings::insert`].
    pub fn say<'a>(
        &mut self,
        utterance: &str,
        phones: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Error> {
        self.strings.insert(utterance, phones)
    }

    /// Writes what is left and publishes the manifest.
    ///
    /// # Errors
    /// [`Error::ManifestContent`] for a normalisation of another width, [`Error::AlreadyPublished`], [`Error::Store`].
    pub async fn finish(
        mut self,
        normalisation: Option<Normalisation>,
        notes: BTreeMap<String, String>,
    ) -> Result<FeatureManifest, Error> {
        if !self.group.is_empty() {
            self.close_row_group().await?;
        }
        self.close_shard().await?;
        let shards = std::mem::take(&mut self.shards);
        let strings = match self.strings.is_empty() {
            true => None,
            false => {
                let (bytes, info) = self.strings.encode();
                publish_shard(&self.store, &info.file, bytes.into()).await?;
                Some(info)
            }
        };
        let mut manifest = self.manifest(shards, strings, normalisation, notes);
        manifest.check(self.store.location())?;
        manifest.fingerprint = manifest.compute_fingerprint();
        manifest.publish(&self.store).await?;
        Ok(manifest)
    }

    async fn close_row_group(&mut self) -> Result<(), Error> {
        let mut shard = match self.shard.take() {
            Some(shard) => shard,
            None => ShardEncoder::new(&shard_file(self.shards.len()), self.layout)?,
        };
        shard.push(&self.group)?;
        self.group.clear();
        self.group_frames = 0;
        let full = shard.frames() >= self.options.shard_frames;
        self.shard = Some(shard);
        if full { self.close_shard().await } else { Ok(()) }
    }

    async fn close_shard(&mut self) -> Result<(), Error> {
        let Some(shard) = self.shard.take() else { return Ok(()) };
        let (bytes, info) = shard.finish()?;
        publish_shard(&self.store, &info.file, bytes).await?;
        self.shards.push(info);
        Ok(())
    }

    fn manifest(
        &self,
        shards: Vec<ShardInfo>,
        phone_strings: Option<ObjectInfo>,
        normalisation: Option<Normalisation>,
        notes: BTreeMap<String, String>,
    ) -> FeatureManifest {
        FeatureManifest {
            kind: Kind::Features,
            schema_version: SCHEMA_VERSION,
            created_by: CREATED_BY.to_owned(),
            fingerprint: String::new(),
            settings: self.options.settings.clone(),
            dimension: self.options.dimension,
            normalisation,
            senones: self.options.senones.clone(),
            corpus_nyquist_hz: self.options.corpus_nyquist_hz,
            shards,
            phone_strings,
            notes,
        }
    }
}
