//! What is read equals what was written.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use stentor_inventory::{Inventory, SenoneId};
use stentor_shards::{
    Error, FeatureLayout, FeatureRow, FeatureSet, FeatureWriter, LabelLayout, LabelRow, LabelSet, RowError,
    decode_feature_shard, decode_label_shard, encode_feature_shard, encode_label_shard, examine_shard, f16,
};
use stentor_store::Store;

fn finite_half() -> impl Strategy<Value = f16> {
    any::<u16>().prop_map(f16::from_bits).prop_map(|half| if half.is_finite() { half } else { f16::ZERO })
}

fn any_feature_row(dimension: usize, senones: u16) -> impl Strategy<Value = FeatureRow> {
    (1usize..9).prop_flat_map(move |frames| {
        (
            (".{0,12}", ".{0,4}", ".{0,4}"),
            prop::collection::vec(finite_half(), frames * dimension),
            prop::option::of(prop::collection::vec(0..senones, frames).prop_map(SenoneId::list)),
            prop::option::of(".{0,20}"),
        )
            .prop_map(|((utterance, speaker, group), features, alignment, text)| FeatureRow {
                utterance,
                speaker,
                group,
                features,
                alignment,
                text,
            })
    })
}

fn any_label_row(top_k: usize, senones: u16) -> impl Strategy<Value = LabelRow> {
    let frame = (
        prop::sample::subsequence((0..senones).collect::<Vec<_>>(), top_k).prop_shuffle(),
        prop::collection::vec(i16::MIN..=0, top_k),
        any::<u16>(),
    );
    (".{0,12}", prop::collection::vec(frame, 1..9)).prop_map(|(utterance, frames)| {
        let mut row = LabelRow { utterance, ids: Vec::new(), log_probs: Vec::new(), residual: Vec::new() };
        for (ids, mut log_probs, residual) in frames {
            log_probs.sort_unstable_by(|a, b| b.cmp(a));
            row.ids.extend(SenoneId::list(ids));
            row.log_probs.extend(log_probs);
            row.residual.push(residual);
        }
        row
    })
}

fn groups<R: std::fmt::Debug>(row: impl Strategy<Value = R>) -> impl Strategy<Value = Vec<Vec<R>>> {
    prop::collection::vec(prop::collection::vec(row, 1..5), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_feature_rows_survive((dimension, groups) in (1usize..20).prop_flat_map(|d| (Just(d), groups(any_feature_row(d, 500))))) {
        let layout = FeatureLayout { dimension, senones: 500 };
        let (bytes, info) = encode_feature_shard("a.parquet", &groups, layout).unwrap();
        let (read, described) = decode_feature_shard("a.parquet", &bytes, layout).unwrap();
        // Halves are compared by their bits, because −0 equals 0.
        let bits = |groups: &[Vec<FeatureRow>]| -> Vec<u16> {
            groups.iter().flatten().flat_map(|row| &row.features).map(|half| half.to_bits()).collect()
        };
        prop_assert_eq!(bits(&read), bits(&groups));
        prop_assert_eq!(&read, &groups);
        prop_assert_eq!(described, info);
    }

    #[test]
    fn any_label_rows_survive((top_k, groups) in (1usize..8).prop_flat_map(|k| (Just(k), groups(any_label_row(k, 40))))) {
        let layout = LabelLayout { top_k, senones: 40 };
        let (bytes, info) = encode_label_shard("a.parquet", &groups, layout).unwrap();
        let (read, described) = decode_label_shard("a.parquet", &bytes, layout).unwrap();
        prop_assert_eq!(&read, &groups);
        prop_assert_eq!(&described, &info);
        prop_assert_eq!(encode_label_shard("a.parquet", &groups, layout).unwrap(), (bytes, info));
    }
}

#[test]
fn a_row_group_of_many_pages_survives() {
    // 40,000 frames of 192 values are 15 MB, and a page has 1 MB.
    let layout = FeatureLayout { dimension: 192, senones: 0 };
    let row = |utterance: String| FeatureRow {
        features: (0..4000 * 192).map(|i| f16::from_bits((i % 31_000) as u16)).collect(),
        alignment: None,
        utterance,
        ..feature_row(1, 1)
    };
    let groups = vec![(0..10).map(|i| row(i.to_string())).collect::<Vec<_>>()];
    let (bytes, _) = encode_feature_shard("a.parquet", &groups, layout).unwrap();
    assert!(decode_feature_shard("a.parquet", &bytes, layout).unwrap().0 == groups);
}

#[tokio::test]
async fn a_set_is_cut_into_row_groups_and_shards_and_read_back_in_order() {
    let store = Store::in_memory();
    let manifest = write_features(&store).await;
    let shape: Vec<Vec<(u32, u64)>> =
        manifest.shards.iter().map(|s| s.row_groups.iter().map(|g| (g.rows, g.frames)).collect()).collect();
    assert_eq!(shape, [vec![(2, 6), (1, 6)], vec![(3, 6), (1, 2)]]);
    assert_eq!((manifest.frames(), manifest.utterances()), (20, 7));
    assert_eq!(store.list("").await.unwrap(), ["manifest.json", "part-00000.parquet", "part-00001.parquet"]);

    let set = FeatureSet::open(&store).await.unwrap();
    assert_eq!(set.manifest(), &manifest);
    let mut read = Vec::new();
    for (shard, info) in manifest.shards.iter().enumerate() {
        for row_group in 0..info.row_groups.len() {
            read.extend(set.read(shard, row_group).await.unwrap());
        }
    }
    let written: Vec<_> = LENGTHS.into_iter().enumerate().map(|(i, frames)| feature_row(i, frames)).collect();
    assert_eq!(read, written);
}

#[tokio::test]
async fn labels_are_read_back_beside_their_features() {
    let (features, labels) = (Store::in_memory(), Store::in_memory());
    let manifest = write_features(&features).await;
    let written = write_labels(&labels, &manifest).await;
    let (features, labels) =
        (FeatureSet::open(&features).await.unwrap(), LabelSet::open(&labels).await.unwrap());
    assert_eq!(labels.manifest(), &written);
    labels.check_pairs(features.manifest()).unwrap();
    for (shard, row_group) in [(1, 1), (0, 0), (1, 0), (0, 1)] {
        let (frames, soft) =
            (features.read(shard, row_group).await.unwrap(), labels.read(shard, row_group).await.unwrap());
        for (feature, label) in frames.iter().zip(&soft) {
            assert_eq!((&feature.utterance, feature.frames(DIMENSION)), (&label.utterance, label.frames()));
        }
        assert_eq!(frames.len(), soft.len());
    }
    assert_eq!(labels.read(0, 1).await.unwrap(), [label_row(2, 6)]);
}

#[tokio::test]
async fn the_same_rows_give_the_same_files() {
    let (one, two) = (Store::in_memory(), Store::in_memory());
    write_features(&one).await;
    write_features(&two).await;
    for name in one.list("").await.unwrap() {
        assert_eq!(one.get(&name).await.unwrap(), two.get(&name).await.unwrap(), "{name}");
    }
    // Expected bytes: a new library version that writes different bytes would separate existing labels from new ones.
    let manifest = FeatureSet::open(&one).await.unwrap().manifest().clone();
    let features = manifest.shards.iter().map(|shard| shard.checksum.clone());
    let labels = label_shards(&manifest).into_iter().map(|(_, shard)| shard.checksum);
    let known: Vec<String> = features.chain(labels).map(|checksum| checksum[..16].to_owned()).collect();
    assert_eq!(known, ["d9a71e78f400f757", "f8566a6af654b66f", "b9d0d189e24a99c7", "6516ebd22802b4fd"]);
}

#[tokio::test]
async fn a_writer_may_be_repeated_and_replaces_what_an_interrupted_one_left() {
    let store = Store::in_memory();
    let mut interrupted = FeatureWriter::new(store.clone(), options()).unwrap();
    for index in 10..15 {
        interrupted.push(feature_row(index, 6)).await.unwrap();
    }
    drop(interrupted);
    assert_eq!(store.list("").await.unwrap(), ["part-00000.parquet", "part-00001.parquet"]);

    let first = write_features(&store).await;
    assert_eq!(write_features(&store).await, first, "writing the same set again is not a conflict");
    let set = FeatureSet::open(&store).await.unwrap();
    assert_eq!(set.read(0, 1).await.unwrap(), [feature_row(2, 6)]);
}

#[tokio::test]
async fn a_row_that_is_refused_does_not_stop_the_writer() {
    let store = Store::in_memory();
    let mut writer = FeatureWriter::new(store.clone(), options()).unwrap();
    writer.push(feature_row(0, 2)).await.unwrap();
    let refused = writer.push(FeatureRow { features: Vec::new(), ..feature_row(1, 1) }).await;
    assert!(matches!(refused, Err(Error::NewRow(RowError::EmptyUtterance { .. }))), "{refused:?}");
    writer.push(feature_row(2, 2)).await.unwrap();
    let manifest = writer.finish(None, BTreeMap::new()).await.unwrap();
    assert_eq!((manifest.utterances(), manifest.frames()), (2, 4));
}

#[tokio::test]
async fn a_set_without_utterances_is_a_set() {
    let store = Store::in_memory();
    let writer = FeatureWriter::new(store.clone(), options()).unwrap();
    writer.finish(None, BTreeMap::new()).await.unwrap();
    assert_eq!(FeatureSet::open(&store).await.unwrap().manifest().frames(), 0);
}

#[test]
fn a_shard_file_can_be_described_without_its_manifest() {
    let groups = vec![vec![feature_row(0, 3), feature_row(1, 4)], vec![feature_row(2, 5)]];
    let (bytes, _) = encode_feature_shard("a.parquet", &groups, FEATURES).unwrap();
    let summary = examine_shard("a.parquet", &bytes).unwrap();
    assert_eq!((summary.kind.to_string(), summary.row_groups), ("features".into(), 2));
    assert_eq!((summary.utterances, summary.frames, summary.values_per_frame), (3, 12, 16));
    let features = summary.columns.iter().find(|column| column.name == "features").unwrap();
    assert_eq!((features.values, features.compression.as_str()), (12 * 16, "zstd"));

    let (bytes, _) = encode_label_shard("b.parquet", &[vec![label_row(0, 7)]], LABELS).unwrap();
    let summary = examine_shard("b.parquet", &bytes).unwrap();
    assert_eq!((summary.kind.to_string(), summary.frames, summary.values_per_frame), ("labels".into(), 7, 3));
}

#[tokio::test]
async fn sets_with_the_same_inputs_have_the_same_fingerprint() {
    let write = async |options| {
        let writer = FeatureWriter::new(Store::in_memory(), options).unwrap();
        writer.finish(None, BTreeMap::new()).await.unwrap()
    };
    let base = write_features(&Store::in_memory()).await;
    let other_utterances = write(options()).await;
    assert_eq!(base.inputs_fingerprint(), other_utterances.inputs_fingerprint());
    assert_ne!(base.fingerprint, other_utterances.fingerprint);

    let mut changed = options();
    changed.corpus_nyquist_hz = 4000.0;
    assert_ne!(base.inputs_fingerprint(), write(changed).await.inputs_fingerprint(), "other mel bins");
    let mut changed = options();
    changed.settings.low_hz = 50.0;
    assert_ne!(base.inputs_fingerprint(), write(changed).await.inputs_fingerprint());
    let mut changed = options();
    let mut swapped = changed.senones.senones().to_vec();
    swapped.swap(0, 1);
    changed.senones = Inventory::new(swapped).unwrap();
    assert_ne!(base.inputs_fingerprint(), write(changed).await.inputs_fingerprint());
    // Above half the sample rate, corpora do not differ.
    let fingerprint_at = async |nyquist| {
        let mut options = options();
        options.corpus_nyquist_hz = nyquist;
        write(options).await.inputs_fingerprint()
    };
    assert_eq!(fingerprint_at(8000.0).await, fingerprint_at(22_050.0).await);
}
