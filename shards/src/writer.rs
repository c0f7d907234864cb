use crate::column::Column;
use crate::file::ShardEncoder;
use crate::manifest::{
    FeatureManifest, Kind, Manifest as _, Normalisation, SCHEMA_VERSION, ShardInfo, check, publish_shard,
    schema, shard_file,
};
use crate::row::{Row, Values};
use crate::rows::View as _;
use crate::{CREATED_BY, Declared, Error, FeatureLayout, FeatureRow, ObjectInfo, TREE};
use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_experiment::Features;
use stentor_inventory::Inventory;
use stentor_store::Store;

/// Properties of a feature set.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSetOptions {
    /// The settings with which the frames were computed.
    pub settings: Features,
    /// Values in a frame; must be `settings.dimension()`.
    pub dimension: usize,
    /// The inventory; empty if nothing is annotated.
    pub senones: Inventory,
    /// Nyquist frequency of the original recordings, Hz.
    pub corpus_nyquist_hz: f32,
    /// Columns in addition to those of every feature set; none by default.
    pub columns: Vec<Column>,
    /// The file of the tying tree that the senones are of; none by default.
    pub tree: Option<Bytes>,
    /// A row group ends with the utterance that fills it to this many frames.
    pub row_group_frames: u64,
    /// A shard ends with the row group that fills it to this many frames.
    pub shard_frames: u64,
}

impl FeatureSetOptions {
    /// Default number of frames in a row group: two minutes of audio, 1.5 MB at 192 values per frame.
    pub const ROW_GROUP_FRAMES: u64 = 4096;
    /// Default number of frames in a shard: two hours of audio, 100 MB at 192 values per frame, which the writer keeps
    /// in memory.
    pub const SHARD_FRAMES: u64 = 1 << 18;

    /// Creates options with the default sizes.
    #[must_use]
    pub fn new(settings: Features, senones: Inventory, corpus_nyquist_hz: f32) -> Self {
        FeatureSetOptions {
            dimension: settings.dimension(),
            settings,
            senones,
            corpus_nyquist_hz,
            columns: Vec::new(),
            tree: None,
            row_group_frames: Self::ROW_GROUP_FRAMES,
            shard_frames: Self::SHARD_FRAMES,
        }
    }
}

/// Writes a feature set, utterance by utterance. Keeps at most one shard and one row group in memory.
///
/// Nothing is published before [`FeatureWriter::finish`]; a writer that is dropped leaves shards without a manifest,
/// which the next writer replaces.
pub struct FeatureWriter {
    store: Store,
    options: FeatureSetOptions,
    layout: FeatureLayout,
    /// Columns of the files.
    columns: Vec<Column>,
    group: Vec<Row>,
    group_frames: u64,
    shard: Option<ShardEncoder>,
    shards: Vec<ShardInfo>,
}

impl FeatureWriter {
    /// Creates a writer of a set into the folder `store`.
    ///
    /// # Errors
    /// [`Error::Dimension`] and [`Error::ManifestContent`] for options that contradict themselves.
    pub fn new(store: Store, options: FeatureSetOptions) -> Result<Self, Error> {
        let layout = FeatureLayout { dimension: options.dimension, senones: options.senones.len() };
        let mut writer = FeatureWriter {
            store,
            options,
            layout,
            columns: Vec::new(),
            group: Vec::new(),
            group_frames: 0,
            shard: None,
            shards: Vec::new(),
        };
        // Fail now, not after hours of work.
        let manifest = writer.manifest(Vec::new(), None, BTreeMap::new());
        check(&manifest, writer.store.location())?;
        writer.columns = schema(&manifest).columns;
        Ok(writer)
    }

    /// Appends an utterance of a set without declared columns.
    ///
    /// # Errors
    /// See [`FeatureWriter::push_with`].
    pub async fn push(&mut self, row: FeatureRow) -> Result<(), Error> {
        self.push_with(row, []).await
    }

    /// Appends an utterance with its values in the columns that the options declare.
    ///
    /// # Errors
    /// Any error of [`FeatureRow::check`] and [`Row::check`]: the row is rejected, and the writer remains usable.
    /// [`Error::AlreadyPublished`], [`Error::Store`].
    pub async fn push_with<'a>(
        &mut self,
        row: FeatureRow,
        further: impl IntoIterator<Item = (&'a str, Values)>,
    ) -> Result<(), Error> {
        row.check(self.layout)?;
        let row = further
            .into_iter()
            .fold(row.into_row(self.layout), |row, (column, values)| row.with(column, values));
        row.check(&self.columns)?;
        self.group_frames += u64::from(row.frames);
        self.group.push(row);
        if self.group_frames >= self.options.row_group_frames {
            self.close_row_group().await?;
        }
        Ok(())
    }

    /// Ends the row group even if it is not full. Without rows since the last one, this changes nothing.
    ///
    /// # Errors
    /// [`Error::AlreadyPublished`], [`Error::Store`].
    pub async fn end_row_group(&mut self) -> Result<(), Error> {
        if self.group.is_empty() { Ok(()) } else { self.close_row_group().await }
    }

    /// Ends the shard even if it is not full. Without rows since the last one, this changes nothing.
    ///
    /// # Errors
    /// As [`FeatureWriter::end_row_group`].
    pub async fn end_shard(&mut self) -> Result<(), Error> {
        self.end_row_group().await?;
        self.close_shard().await
    }

    /// Writes the remaining rows and publishes the manifest.
    ///
    /// # Errors
    /// [`Error::ManifestContent`] for a normalisation of another width, [`Error::AlreadyPublished`], [`Error::Store`].
    pub async fn finish(
        mut self,
        normalisation: Option<Normalisation>,
        notes: BTreeMap<String, String>,
    ) -> Result<FeatureManifest, Error> {
        self.end_shard().await?;
        if let Some(tree) = &self.options.tree {
            publish_shard(&self.store, TREE, tree.clone()).await?;
        }
        let shards = std::mem::take(&mut self.shards);
        let mut manifest = self.manifest(shards, normalisation, notes);
        check(&manifest, self.store.location())?;
        manifest.fingerprint = manifest.compute_fingerprint();
        manifest.publish(&self.store).await?;
        Ok(manifest)
    }

    async fn close_row_group(&mut self) -> Result<(), Error> {
        let mut shard = match self.shard.take() {
            Some(shard) => shard,
            None => ShardEncoder::new(&shard_file(self.shards.len()), &self.columns)?,
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
            columns: self.options.columns.iter().cloned().map(Declared::Known).collect(),
            phone_strings: None,
            tree: self.options.tree.as_ref().map(|tree| ObjectInfo::new(TREE, tree)),
            notes,
        }
    }
}
