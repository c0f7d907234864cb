use super::{
    FeatureManifest, Kind, Manifest, SCHEMA_VERSION, ShardInfo, canonical, check, fingerprint, load, publish,
};
use crate::column::Column;
use crate::{Declared, Error, LabelLayout, LabelRow};
use serde::{Deserialize, Serialize};
use stentor_inventory::Inventory;
use stentor_store::Store;

/// The manifest of a label set. Shard i, row group j contains the labels of shard i, row group j of the features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelManifest {
    /// [`Kind::Labels`].
    pub kind: Kind,
    /// [`super::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Program and version that wrote the set.
    pub created_by: String,
    /// blake3 over all fields below, hexadecimal.
    pub fingerprint: String,
    /// Identifies the teacher.
    pub teacher_fingerprint: String,
    /// [`FeatureManifest::fingerprint`] of the labeled features.
    pub features_fingerprint: String,
    /// Number of labels kept for each frame.
    pub top_k: usize,
    /// The teacher's inventory; a senone id is an index into it.
    pub senones: Inventory,
    /// Shard files, in the order of the features' shards.
    pub shards: Vec<ShardInfo>,
    /// Declared columns of its files in addition to those of every label set, in the files' order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Declared>,
}

#[derive(Serialize)]
struct Fingerprinted<'a> {
    teacher_fingerprint: &'a str,
    features_fingerprint: &'a str,
    top_k: usize,
    senones: &'a Inventory,
    shards: &'a [ShardInfo],
    /// Omitted if empty, as in the fingerprints of earlier versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<serde_json::Value>,
}

impl LabelManifest {
    /// Creates the manifest for `shards`, the labels of all of `features` in their order.
    ///
    /// # Errors
    /// [`Error::NotAPair`] if the shards do not match the features', [`Error::ManifestContent`].
    pub fn new(
        teacher_fingerprint: String,
        features: &FeatureManifest,
        top_k: usize,
        senones: Inventory,
        shards: Vec<ShardInfo>,
    ) -> Result<Self, Error> {
        let mut manifest = LabelManifest {
            kind: Kind::Labels,
            schema_version: SCHEMA_VERSION,
            created_by: crate::CREATED_BY.to_owned(),
            fingerprint: String::new(),
            teacher_fingerprint,
            features_fingerprint: features.fingerprint.clone(),
            top_k,
            senones,
            shards,
            columns: Vec::new(),
        };
        check(&manifest, "the new label set")?;
        manifest.check_pairs(features)?;
        manifest.fingerprint = manifest.compute_fingerprint();
        Ok(manifest)
    }

    /// Adds declared columns, which the shards have in addition to those of every label set.
    ///
    /// # Errors
    /// [`Error::ManifestContent`] for a declaration that contradicts itself or another one.
    pub fn with_columns(mut self, columns: Vec<Column>) -> Result<Self, Error> {
        self.columns = columns.into_iter().map(Declared::Known).collect();
        check(&self, "the new label set")?;
        self.fingerprint = self.compute_fingerprint();
        Ok(self)
    }

    /// Reads and checks the manifest in a folder.
    ///
    /// # Errors
    /// [`Error::NoManifest`], [`Error::ManifestSyntax`], [`Error::WrongKind`], [`Error::WrongSchemaVersion`],
    /// [`Error::ManifestContent`], [`Error::Fingerprint`], [`Error::Store`].
    pub async fn load(store: &Store) -> Result<Self, Error> {
        load(store).await
    }

    /// Publishes the manifest, and thereby the set; its shards must already be stored. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::AlreadyPublished`], [`Error::Store`].
    pub async fn publish(&self, store: &Store) -> Result<(), Error> {
        publish(store, self).await
    }

    /// Returns the layout of every row.
    #[must_use]
    pub fn layout(&self) -> LabelLayout {
        LabelLayout { top_k: self.top_k, senones: self.senones.len() }
    }

    /// Number of frames in all shards.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.shards.iter().map(ShardInfo::frames).sum()
    }

    /// Number of utterances in all shards.
    #[must_use]
    pub fn utterances(&self) -> u64 {
        self.shards.iter().map(ShardInfo::utterances).sum()
    }

    /// Checks that these labels belong to `features`, row group by row group, with the same senones.
    ///
    /// # Errors
    /// [`Error::NotAPair`] with the first difference.
    pub fn check_pairs(&self, features: &FeatureManifest) -> Result<(), Error> {
        match self.difference(features) {
            Some(reason) => Err(Error::NotAPair { reason }),
            None => Ok(()),
        }
    }

    fn difference(&self, features: &FeatureManifest) -> Option<String> {
        if self.features_fingerprint != features.fingerprint {
            let (of, found) = (&self.features_fingerprint, &features.fingerprint);
            return Some(format!("they were made from features {of}, found features {found}"));
        }
        if self.senones != features.senones {
            return Some("the teacher's senones differ from the features'".to_owned());
        }
        if self.shards.len() != features.shards.len() {
            return Some(format!(
                "{} label shards, {} feature shards",
                self.shards.len(),
                features.shards.len()
            ));
        }
        for (shard, (labels, frames)) in self.shards.iter().zip(&features.shards).enumerate() {
            if labels.row_groups.len() != frames.row_groups.len() {
                let (l, f) = (labels.row_groups.len(), frames.row_groups.len());
                return Some(format!("shard {shard} has {l} row groups of labels, {f} of features"));
            }
            for (row_group, (l, f)) in labels.row_groups.iter().zip(&frames.row_groups).enumerate() {
                if (l.rows, l.frames) != (f.rows, f.frames) {
                    return Some(format!(
                        "shard {shard}, row group {row_group} has {} utterances and {} frames of labels, {} and {} of features",
                        l.rows, l.frames, f.rows, f.frames
                    ));
                }
            }
        }
        None
    }
}

impl Manifest for LabelManifest {
    type Row = LabelRow;

    const KIND: Kind = Kind::Labels;

    fn layout(&self) -> LabelLayout {
        self.layout()
    }

    fn shards(&self) -> &[ShardInfo] {
        &self.shards
    }

    fn declared(&self) -> &[Declared] {
        &self.columns
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn compute_fingerprint(&self) -> String {
        fingerprint(&Fingerprinted {
            teacher_fingerprint: &self.teacher_fingerprint,
            features_fingerprint: &self.features_fingerprint,
            top_k: self.top_k,
            senones: &self.senones,
            shards: &self.shards,
            columns: canonical(&self.columns),
        })
    }

    fn check(&self, location: &str) -> Result<(), Error> {
        let (k, senones) = (self.top_k, self.senones.len());
        if (1..=senones).contains(&k) {
            return Ok(());
        }
        let reason = format!("top_k is {k}, expected 1 to the number of senones, {senones}");
        Err(Error::ManifestContent { location: location.to_owned(), reason })
    }
}
