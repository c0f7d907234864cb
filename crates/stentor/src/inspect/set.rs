use super::tree;
use crate::text::{Text, counted, per_frame};
use anyhow::Result;
use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;
use std::collections::BTreeMap;
use stentor_experiment::Features as Settings;
use stentor_inventory::Inventory;
use stentor_shards::{Declared, FeatureManifest, LabelManifest, ShardInfo};
use stentor_store::Store;

/// What both kinds of set have in common.
#[derive(Debug, Serialize)]
pub(super) struct Common {
    location: String,
    created_by: String,
    fingerprint: String,
    utterances: u64,
    frames: u64,
    shards: usize,
    row_groups: usize,
    bytes: u64,
    bytes_per_frame: f64,
    senones: usize,
    silence_senones: usize,
    phones: usize,
    /// Columns in addition to those of every set of the kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<Declared>,
}

#[derive(Debug, Serialize)]
pub(super) struct Features {
    #[serde(flatten)]
    common: Common,
    hours: f64,
    inputs_fingerprint: String,
    dimension: usize,
    normalised: bool,
    corpus_nyquist_hz: f32,
    settings: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<tree::Summary>,
    notes: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Labels {
    #[serde(flatten)]
    common: Common,
    top_k: usize,
    teacher_fingerprint: String,
    features_fingerprint: String,
}

pub(super) async fn features(store: &Store) -> Result<Features> {
    let manifest = FeatureManifest::load(store).await?;
    let mut common =
        Common::of(store, &manifest.created_by, &manifest.fingerprint, &manifest.senones, &manifest.shards);
    common.columns.clone_from(&manifest.columns);
    Ok(Features {
        hours: common.frames as f64 * f64::from(manifest.settings.frame_ms()) / 3.6e6,
        inputs_fingerprint: manifest.inputs_fingerprint(),
        dimension: manifest.dimension,
        normalised: manifest.normalisation.is_some(),
        corpus_nyquist_hz: manifest.corpus_nyquist_hz,
        settings: manifest.settings,
        tree: tree::of_set(store).await?,
        notes: manifest.notes,
        common,
    })
}

pub(super) async fn labels(store: &Store) -> Result<Labels> {
    let manifest = LabelManifest::load(store).await?;
    let mut common =
        Common::of(store, &manifest.created_by, &manifest.fingerprint, &manifest.senones, &manifest.shards);
    common.columns.clone_from(&manifest.columns);
    Ok(Labels {
        top_k: manifest.top_k,
        teacher_fingerprint: manifest.teacher_fingerprint,
        features_fingerprint: manifest.features_fingerprint,
        common,
    })
}

impl Features {
    pub(super) fn render(&self, text: &mut Text) {
        text.heading(format_args!("feature set {}", self.common.location));
        self.common.render_head(text);
        let Settings { mel_bins, stack, window_ms, hop_ms, sample_rate_hz, low_hz, .. } = self.settings;
        let frame_ms = self.settings.frame_ms();
        let frames = HumanCount(self.common.frames);
        text.item("frames", format_args!("{frames} of {frame_ms} ms, {:.2} hours", self.hours));
        text.item(
            "features",
            format_args!("{mel_bins} log-mel bins × {stack} = {} values, not normalised", self.dimension),
        );
        text.item("windows", format_args!("{window_ms} ms every {hop_ms} ms at {sample_rate_hz} Hz"));
        let (high_hz, nyquist) = (self.settings.high_hz, self.corpus_nyquist_hz);
        let high = if high_hz == 0.0 { nyquist.min(sample_rate_hz as f32 / 2.0) } else { high_hz };
        text.item("mel range", format_args!("{low_hz} to {high} Hz; the corpus reaches {nyquist} Hz"));
        text.item("mean, deviation", if self.normalised { "in the manifest" } else { "not computed" });
        self.common.render_tail(text);
        text.item("inputs", &self.inputs_fingerprint);
        self.tree.iter().for_each(|tree| tree.render(text));
        if !self.notes.is_empty() {
            text.heading("notes");
        }
        for (name, note) in &self.notes {
            text.item(name, note);
        }
    }
}

impl Labels {
    pub(super) fn render(&self, text: &mut Text) {
        text.heading(format_args!("label set {}", self.common.location));
        self.common.render_head(text);
        text.item("frames", HumanCount(self.common.frames));
        text.item("labels", format_args!("the {} most probable senones of each frame", self.top_k));
        self.common.render_tail(text);
        text.item("teacher", &self.teacher_fingerprint);
        text.item("of features", &self.features_fingerprint);
    }
}

impl Common {
    fn of(
        store: &Store,
        created_by: &str,
        fingerprint: &str,
        senones: &Inventory,
        shards: &[ShardInfo],
    ) -> Self {
        let frames = shards.iter().map(ShardInfo::frames).sum();
        let bytes = shards.iter().map(|shard| shard.bytes).sum();
        Common {
            location: store.location().to_owned(),
            created_by: created_by.to_owned(),
            fingerprint: fingerprint.to_owned(),
            utterances: shards.iter().map(ShardInfo::utterances).sum(),
            frames,
            shards: shards.len(),
            row_groups: shards.iter().map(|shard| shard.row_groups.len()).sum(),
            bytes,
            bytes_per_frame: per_frame(bytes, frames),
            senones: senones.len(),
            silence_senones: senones.senones().iter().filter(|senone| senone.silence).count(),
            phones: senones.phones().len(),
            columns: Vec::new(),
        }
    }

    fn render_head(&self, text: &mut Text) {
        text.item("made by", &self.created_by);
        text.item("utterances", HumanCount(self.utterances));
    }

    fn render_tail(&self, text: &mut Text) {
        let (phones, silence) = (counted(self.phones as u64, "phone"), self.silence_senones);
        text.item(
            "senones",
            format_args!("{} of {phones}, {silence} of silence", HumanCount(self.senones as u64)),
        );
        for column in &self.columns {
            match column {
                Declared::Known(column) => {
                    text.item("column", format_args!("{column}, version {}", column.version));
                }
                Declared::Newer(newer) => text.item(
                    "column",
                    format_args!(
                        "{}: version {}, newer than this program: skipped",
                        newer.name(),
                        newer.version()
                    ),
                ),
            }
        }
        let (shards, groups) =
            (counted(self.shards as u64, "shard"), counted(self.row_groups as u64, "row group"));
        text.item(
            "storage",
            format_args!(
                "{shards}, {groups}, {}, {:.1} bytes per frame",
                DecimalBytes(self.bytes),
                self.bytes_per_frame
            ),
        );
        text.item("fingerprint", &self.fingerprint);
    }
}
