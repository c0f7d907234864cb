use super::{Kind, Manifest, Normalisation, ShardInfo, canonical, fingerprint, load, publish};
use crate::{Declared, Error, FeatureLayout, FeatureRow, ObjectInfo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_experiment::Features;
use stentor_inventory::Inventory;
use stentor_store::Store;

/// The manifest of a feature set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureManifest {
    /// [`Kind::Features`].
    pub kind: Kind,
    /// [`super::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Program and version that wrote the set.
    pub created_by: String,
    /// blake3 over feature settings, senones, normalisation and the lists of objects with their checksums, hexadecimal.
    pub fingerprint: String,
    /// The settings with which the frames were computed.
    pub settings: Features,
    /// Values in a frame.
    pub dimension: usize,
    /// Computed over the training set prepared together with this set; a model trained on this set adopts it. `None` if
    /// it was not computed because this is not a training set.
    pub normalisation: Option<Normalisation>,
    /// The inventory; a senone id is an index into it.
    pub senones: Inventory,
    /// Nyquist frequency of the original recordings, Hz.
    pub corpus_nyquist_hz: f32,
    /// Shard files, in order.
    pub shards: Vec<ShardInfo>,
    /// Declared columns of its files in addition to those of every feature set, in the files' order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Declared>,
    /// Phones of the utterances ([`PhoneStrings`](crate::PhoneStrings)) in sets of earlier versions; now a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_strings: Option<ObjectInfo>,
    /// The tying tree that the senones are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<ObjectInfo>,
    /// Other information for readers of a report; not part of the fingerprint.
    pub notes: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Fingerprinted<'a> {
    settings: &'a Features,
    dimension: usize,
    corpus_nyquist_hz: f32,
    senones: &'a Inventory,
    normalisation: &'a Option<Normalisation>,
    shards: &'a [ShardInfo],
    /// This field and the next ones are omitted if empty, as in the fingerprints of earlier versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_strings: &'a Option<ObjectInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: &'a Option<ObjectInfo>,
}

#[derive(Serialize)]
struct Inputs<'a> {
    settings: Features,
    senones: &'a Inventory,
}

impl FeatureManifest {
    /// Reads and checks the manifest in a folder.
    ///
    /// # Errors
    /// [`Error::NoManifest`], [`Error::ManifestSyntax`], [`Error::WrongKind`], [`Error::WrongSchemaVersion`],
    /// [`Error::Dimension`], [`Error::ManifestContent`], [`Error::Fingerprint`], [`Error::Store`].
    pub async fn load(store: &Store) -> Result<Self, Error> {
        load(store).await
    }

    /// Publishes the manifest, and thereby the set. Safe to repeat.
    pub(crate) async fn publish(&self, store: &Store) -> Result<(), Error> {
        publish(store, self).await
    }

    /// Returns the layout of every row.
    #[must_use]
    pub fn layout(&self) -> FeatureLayout {
        FeatureLayout { dimension: self.dimension, senones: self.senones.len() }
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

    /// Returns the fingerprint of a model's input, in hexadecimal: equal for sets whose frames and senones have the
    /// same meaning, whatever their utterances. A model trained on one of them can be used on all of them. The
    /// normalisation is not included, because it belongs to the model.
    #[must_use]
    pub fn inputs_fingerprint(&self) -> String {
        self.inputs_fingerprint_with(&self.senones)
    }

    /// Returns the value that [`FeatureManifest::inputs_fingerprint`] would have with different senones. It shows
    /// whether the frames of two sets were computed alike, regardless of their senones.
    #[must_use]
    pub fn inputs_fingerprint_with(&self, senones: &Inventory) -> String {
        fingerprint(&Inputs { settings: self.resolved_settings(), senones })
    }

    /// The settings with the upper edge of the filter bank in Hz. In [`FeatureManifest::settings`], 0 means the Nyquist frequency
    /// of the corpus, so the mel bins of other corpora may differ.
    #[must_use]
    pub fn resolved_settings(&self) -> Features {
        let mut settings = self.settings.clone();
        if settings.high_hz == 0.0 {
            settings.high_hz = self.corpus_nyquist_hz.min(settings.sample_rate_hz as f32 / 2.0);
        }
        settings
    }
}

impl Manifest for FeatureManifest {
    type Row = FeatureRow;

    const KIND: Kind = Kind::Features;

    fn layout(&self) -> FeatureLayout {
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
            settings: &self.settings,
            dimension: self.dimension,
            corpus_nyquist_hz: self.corpus_nyquist_hz,
            senones: &self.senones,
            normalisation: &self.normalisation,
            shards: &self.shards,
            columns: canonical(&self.columns),
            phone_strings: &self.phone_strings,
            tree: &self.tree,
        })
    }

    fn check(&self, location: &str) -> Result<(), Error> {
        let expected = self.settings.dimension();
        if self.dimension != expected || self.dimension == 0 {
            return Err(Error::Dimension { expected, found: self.dimension });
        }
        let bad_normalisation = self.normalisation.as_ref().and_then(|n| n.flaw(self.dimension));
        let objects = || self.phone_strings.iter().chain(&self.tree);
        let bad_object = || objects().find_map(ObjectInfo::contradiction);
        let bad_tree = || match (self.senones.tree(), &self.tree) {
            (Some(tree), None) => Some(format!("the senones are of tree {tree}, but the set has no tree")),
            (None, Some(info)) => {
                Some(format!("there is a tree, {}, but the senones are of none", info.file))
            }
            _ => None,
        };
        match bad_normalisation.or_else(bad_object).or_else(bad_tree) {
            Some(reason) => Err(Error::ManifestContent { location: location.to_owned(), reason }),
            None => Ok(()),
        }
    }
}
