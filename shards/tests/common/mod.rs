//! Small sets for the tests.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, reason = "helpers of tests")]

use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_shards::{
    FeatureLayout, FeatureManifest, FeatureRow, FeatureSetOptions, FeatureWriter, LabelLayout, LabelManifest,
    LabelRow, Normalisation, ShardInfo, encode_label_shard, f16, publish_shard, shard_file,
};
use stentor_store::Store;

pub const DIMENSION: usize = 16;
pub const SENONES: usize = 6;
pub const TOP_K: usize = 3;
pub const FEATURES: FeatureLayout = FeatureLayout { dimension: DIMENSION, senones: SENONES };
pub const LABELS: LabelLayout = LabelLayout { top_k: TOP_K, senones: SENONES };

pub fn settings() -> Features {
    Features { mel_bins: 8, stack: 2, ..Features::default() }
}

pub fn senones() -> Inventory {
    let senone = |i: usize| Senone {
        name: format!("P{}_{}", i / 3, i % 3),
        phone: format!("P{}", i / 3),
        silence: i < 3,
        state: (i % 3) as u8,
    };
    Inventory::new((0..SENONES).map(senone).collect()).unwrap()
}

/// Row groups of 5 frames and shards of 9.
pub fn options() -> FeatureSetOptions {
    FeatureSetOptions {
        row_group_frames: 5,
        shard_frames: 9,
        ..FeatureSetOptions::new(settings(), senones(), 5512.5)
    }
}

pub fn feature_row(index: usize, frames: usize) -> FeatureRow {
    let value = |i: usize| f16::from_f32((index * 100 + i) as f32 / 8.0 - 9.0);
    let annotated = index.is_multiple_of(2);
    FeatureRow {
        utterance: format!("utterance-{index}"),
        speaker: format!("speaker-{}", index % 2),
        group: "dialogue".to_owned(),
        features: (0..frames * DIMENSION).map(value).collect(),
        alignment: annotated.then(|| SenoneId::list((0..frames).map(|t| (t % SENONES) as u16))),
        text: annotated.then(|| format!("words of {index}")),
    }
}

pub fn label_row(index: usize, frames: usize) -> LabelRow {
    let first = |t: usize| (index + t) % SENONES;
    LabelRow {
        utterance: format!("utterance-{index}"),
        ids: SenoneId::list(
            (0..frames).flat_map(|t| (0..TOP_K).map(move |j| ((first(t) + j) % SENONES) as u16)),
        ),
        log_probs: (0..frames).flat_map(|t| [-(t as i16), -500, -1500 - index as i16]).collect(),
        residual: (0..frames).map(|t| (t * 7) as u16).collect(),
    }
}

/// Frames of each utterance: row groups (2, 4), (6), (1, 2, 3) and (2); shards of 12 and 8 frames.
pub const LENGTHS: [usize; 7] = [2, 4, 6, 1, 2, 3, 2];

pub fn normalisation() -> Normalisation {
    Normalisation { mean: vec![0.1; DIMENSION], std: vec![1.5; DIMENSION] }
}

pub async fn write_features(store: &Store) -> FeatureManifest {
    let mut writer = FeatureWriter::new(store.clone(), options()).unwrap();
    for (index, frames) in LENGTHS.into_iter().enumerate() {
        writer.push(feature_row(index, frames)).await.unwrap();
    }
    let notes = BTreeMap::from([("corpus".to_owned(), "synthetic".to_owned())]);
    writer.finish(Some(normalisation()), notes).await.unwrap()
}

/// The labels of [`write_features`], row group by row group.
pub fn label_shards(features: &FeatureManifest) -> Vec<(Bytes, ShardInfo)> {
    let mut utterances = LENGTHS.into_iter().enumerate();
    let shards = features.shards.iter().enumerate();
    let encode = |(index, shard): (usize, &ShardInfo)| {
        let rows = shard.row_groups.iter().map(|group| group.rows as usize);
        let groups: Vec<Vec<LabelRow>> = rows
            .map(|rows| utterances.by_ref().take(rows).map(|(i, frames)| label_row(i, frames)).collect())
            .collect();
        encode_label_shard(&shard_file(index), &groups, LABELS).unwrap()
    };
    shards.map(encode).collect()
}

pub async fn write_labels(store: &Store, features: &FeatureManifest) -> LabelManifest {
    let mut infos = Vec::new();
    for (bytes, info) in label_shards(features) {
        publish_shard(store, &info.file, bytes).await.unwrap();
        infos.push(info);
    }
    let manifest = LabelManifest::new("teacher-1".to_owned(), features, TOP_K, senones(), infos).unwrap();
    manifest.publish(store).await.unwrap();
    manifest
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Checks the variant, and that the message contains these texts.
#[allow(unused_macros, reason = "helpers of tests")]
macro_rules! assert_error {
    ($error:expr, $pattern:pat, [$($says:expr),* $(,)?]) => {{
        let error = $error;
        assert!(matches!(error, $pattern), "{error:?}");
        let message = error.to_string();
        let says: &[&str] = &[$($says),*];
        for words in says {
            assert!(message.contains(words), "`{words}` is not in `{message}`");
        }
    }};
}
#[allow(unused_imports, reason = "helpers of tests")]
pub(crate) use assert_error;
