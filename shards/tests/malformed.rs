//! Each way in which a set can be malformed has its own error.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stentor_inventory::Inventory;
use stentor_shards::{
    Error, FeatureLayout, FeatureManifest, FeatureSet, FeatureWriter, LabelManifest, LabelSet, Part,
    decode_feature_shard, decode_label_shard, encode_feature_shard, encode_label_shard, examine_shard,
    publish_shard,
};
use stentor_store::Store;

async fn features() -> (Store, FeatureManifest) {
    let store = Store::in_memory();
    let manifest = write_features(&store).await;
    (store, manifest)
}

/// The features' manifest, changed by hand.
async fn opened_after(change: impl FnOnce(&mut Value)) -> Result<FeatureSet, Error> {
    let (store, _) = features().await;
    let mut manifest: Value = serde_json::from_slice(&store.get("manifest.json").await.unwrap()).unwrap();
    change(&mut manifest);
    store.put("manifest.json", Bytes::from(manifest.to_string())).await.unwrap();
    FeatureSet::open(&store).await
}

async fn change_file(store: &Store, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = store.get(file).await.unwrap().to_vec();
    change(&mut bytes);
    store.put(file, Bytes::from(bytes)).await.unwrap();
}

#[tokio::test]
async fn no_manifest() {
    let store = Store::in_memory();
    let (bytes, info) =
        encode_feature_shard("part-00000.parquet", &[vec![feature_row(0, 1)]], FEATURES).unwrap();
    publish_shard(&store, &info.file, bytes).await.unwrap();
    assert_error!(
        FeatureSet::open(&store).await.unwrap_err(),
        Error::NoManifest { .. },
        ["memory", "manifest.json"]
    );
}

#[tokio::test]
async fn a_manifest_that_is_no_json_or_of_another_shape() {
    let (store, _) = features().await;
    store.put("manifest.json", Bytes::from_static(b"{\"kind\": \"feat")).await.unwrap();
    assert_error!(FeatureSet::open(&store).await.unwrap_err(), Error::ManifestSyntax { .. }, ["memory"]);
    let without_kind = opened_after(|m| m["kind"] = Value::Null).await;
    assert_error!(without_kind.unwrap_err(), Error::ManifestSyntax { .. }, ["kind"]);
    let without_version = opened_after(|m| m["schema_version"] = json!("one")).await;
    assert_error!(without_version.unwrap_err(), Error::ManifestSyntax { .. }, ["schema_version"]);
    let unknown = opened_after(|m| m["colour"] = json!("red")).await;
    assert_error!(unknown.unwrap_err(), Error::ManifestSyntax { .. }, ["colour"]);
    let negative = opened_after(|m| m["shards"][0]["bytes"] = json!(-1)).await;
    assert_error!(negative.unwrap_err(), Error::ManifestSyntax { .. }, ["-1"]);
}

#[tokio::test]
async fn the_wrong_kind_of_set() {
    let (store, manifest) = features().await;
    assert_error!(
        LabelSet::open(&store).await.unwrap_err(),
        Error::WrongKind { .. },
        ["memory", "features", "labels"]
    );
    let labels = Store::in_memory();
    write_labels(&labels, &manifest).await;
    assert_error!(
        FeatureSet::open(&labels).await.unwrap_err(),
        Error::WrongKind { .. },
        ["memory", "features", "labels"]
    );
    let checkpoint = Store::in_memory();
    checkpoint.put("manifest.json", r#"{"xxh3": "00", "manifest": {}}"#.into()).await.unwrap();
    assert_error!(
        FeatureSet::open(&checkpoint).await.unwrap_err(),
        Error::WrongKind { .. },
        ["memory", "features", "a checkpoint"]
    );
}

#[tokio::test]
async fn another_schema_version() {
    let newer = opened_after(|m| m["schema_version"] = json!(99)).await;
    assert_error!(newer.unwrap_err(), Error::WrongSchemaVersion { found: 99, .. }, ["99", "version 2"]);
}

#[tokio::test]
async fn a_dimension_that_the_settings_do_not_give() {
    let other = opened_after(|m| m["dimension"] = json!(17)).await;
    assert_error!(other.unwrap_err(), Error::Dimension { expected: 16, found: 17 }, ["mel_bins"]);
    let options = stentor_shards::FeatureSetOptions { dimension: 15, ..options() };
    let refused = FeatureWriter::new(Store::in_memory(), options).err().unwrap();
    assert_error!(refused, Error::Dimension { expected: 16, found: 15 }, []);
}

#[tokio::test]
async fn a_manifest_that_contradicts_itself() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 8] = [
        ("file name", |m| m["shards"][0]["file"] = json!("../part")),
        ("row groups", |m| m["shards"][0]["row_groups"] = json!([])),
        ("starts at", |m| m["shards"][0]["row_groups"][1]["offset"] = json!(5)),
        ("ends past", |m| m["shards"][0]["row_groups"][1]["bytes"] = json!(u64::MAX)),
        ("0 rows", |m| m["shards"][0]["row_groups"][0]["rows"] = json!(0)),
        ("1 frames", |m| m["shards"][0]["row_groups"][0]["frames"] = json!(1)),
        ("15 means", |m| m["normalisation"]["mean"] = json!(vec![0.0; 15])),
        ("above 0", |m| m["normalisation"]["std"][3] = json!(0.0)),
    ];
    for (reason, change) in changes {
        assert_error!(opened_after(change).await.unwrap_err(), Error::ManifestContent { .. }, [reason]);
    }
}

#[tokio::test]
async fn a_manifest_that_was_changed_after_it_was_published() {
    type Change = fn(&mut Value);
    let changes: [Change; 5] = [
        |m| m["settings"]["low_hz"] = json!(21.0),
        |m| m["senones"][0]["phone"] = json!("X"),
        |m| m["normalisation"]["mean"][0] = json!(0.2),
        |m| m["shards"][0]["row_groups"][0]["frames"] = json!(7),
        |m| m["shards"][1]["row_groups"][0]["checksum"] = json!("00"),
    ];
    for change in changes {
        assert_error!(opened_after(change).await.unwrap_err(), Error::Fingerprint { .. }, ["changed"]);
    }
    opened_after(|m| m["notes"]["corpus"] = json!("another name for it")).await.unwrap();
}

#[tokio::test]
async fn a_published_set_is_never_overwritten() {
    let (store, _) = features().await;
    let mut writer = FeatureWriter::new(store.clone(), options()).unwrap();
    let mut result = Ok(());
    for index in 20..23 {
        result = result.and(writer.push(feature_row(index, 6)).await);
    }
    assert_error!(result.unwrap_err(), Error::AlreadyPublished { .. }, ["memory"]);
    let writer = FeatureWriter::new(store.clone(), options()).unwrap();
    let refused = writer.finish(None, BTreeMap::new()).await.unwrap_err();
    assert_error!(refused, Error::AlreadyPublished { .. }, ["another folder"]);
    assert_eq!(FeatureSet::open(&store).await.unwrap().read(0, 1).await.unwrap(), [feature_row(2, 6)]);
}

#[tokio::test]
async fn labels_of_other_features() {
    let (_, manifest) = features().await;
    let shards: Vec<_> = label_shards(&manifest).into_iter().map(|(_, info)| info).collect();
    let new = |shards| LabelManifest::new("t".into(), &manifest, TOP_K, senones(), shards);
    let good = new(shards.clone()).unwrap();

    let other = FeatureManifest { fingerprint: "f00".into(), ..manifest.clone() };
    assert_error!(good.check_pairs(&other).unwrap_err(), Error::NotAPair { .. }, ["f00"]);
    assert_error!(new(shards[..1].to_vec()).unwrap_err(), Error::NotAPair { .. }, ["1 label shards, 2"]);
    let mut fewer = shards.clone();
    fewer[0].row_groups.pop();
    assert_error!(new(fewer).unwrap_err(), Error::NotAPair { .. }, ["1 row groups of labels, 2 of features"]);
    let mut longer = shards.clone();
    longer[1].row_groups[1].frames += 1;
    assert_error!(
        new(longer).unwrap_err(),
        Error::NotAPair { .. },
        ["shard 1, row group 1", "3 frames", "2 of"]
    );
    let mut swapped = senones().senones().to_vec();
    swapped.swap(0, 5);
    let swapped = Inventory::new(swapped).unwrap();
    let swapped = LabelManifest::new("t".into(), &manifest, TOP_K, swapped, shards.clone());
    assert_error!(swapped.unwrap_err(), Error::NotAPair { .. }, ["senones"]);
    for top_k in [0, SENONES + 1] {
        let refused = LabelManifest::new("t".into(), &manifest, top_k, senones(), shards.clone());
        assert_error!(refused.unwrap_err(), Error::ManifestContent { .. }, ["top_k"]);
    }
}

#[tokio::test]
async fn a_missing_shard() {
    let (store, _) = features().await;
    store.delete("part-00001.parquet").await.unwrap();
    let set = FeatureSet::open(&store).await.unwrap();
    assert_error!(set.read(1, 0).await.unwrap_err(), Error::Store(_), ["memory/part-00001.parquet"]);
    set.read(0, 0).await.unwrap();
}

#[tokio::test]
async fn a_truncated_shard() {
    let (store, manifest) = features().await;
    change_file(&store, "part-00000.parquet", |bytes| bytes.truncate(bytes.len() - 1)).await;
    let error = FeatureSet::open(&store).await.unwrap().read(0, 0).await.unwrap_err();
    let expected = manifest.shards[0].bytes;
    assert!(
        matches!(error, Error::ShardSize { expected: e, found, .. } if e == expected && found == expected - 1)
    );
    assert!(error.to_string().contains("part-00000.parquet"));
}

#[tokio::test]
async fn a_shard_that_is_truncated_after_its_footer_was_read() {
    let (store, _) = features().await;
    let set = FeatureSet::open(&store).await.unwrap();
    set.read(0, 0).await.unwrap();
    change_file(&store, "part-00000.parquet", |bytes| bytes.truncate(200)).await;
    assert_error!(
        set.read(0, 1).await.unwrap_err(),
        Error::Store(stentor_store::Error::Range { .. }),
        ["part-00000.parquet has 200 bytes"]
    );
}

#[tokio::test]
async fn a_changed_byte_is_found_and_named_and_spoils_nothing_else() {
    let (store, manifest) = features().await;
    let group = &manifest.shards[0].row_groups[1];
    let at = (group.offset + group.bytes / 2) as usize;
    change_file(&store, "part-00000.parquet", |bytes| bytes[at] ^= 1).await;
    let set = FeatureSet::open(&store).await.unwrap();
    let error = set.read(0, 1).await.unwrap_err();
    assert_error!(
        error,
        Error::Checksum { part: Part::RowGroup(1), .. },
        ["memory/part-00000.parquet", "row group 1"]
    );
    assert_eq!(set.read(0, 0).await.unwrap(), [feature_row(0, 2), feature_row(1, 4)]);
    set.read(1, 0).await.unwrap();
}

#[tokio::test]
async fn a_changed_footer() {
    let (store, manifest) = features().await;
    let at = manifest.shards[1].footer_offset() as usize + 3;
    change_file(&store, "part-00001.parquet", |bytes| bytes[at] ^= 0x40).await;
    let set = FeatureSet::open(&store).await.unwrap();
    let error = set.read(1, 0).await.unwrap_err();
    assert_error!(error, Error::Checksum { part: Part::Footer, .. }, ["part-00001.parquet", "footer"]);
}

#[tokio::test]
async fn a_row_group_that_is_not_there() {
    let (store, _) = features().await;
    let set = FeatureSet::open(&store).await.unwrap();
    for (shard, row_group) in [(2, 0), (0, 2), (usize::MAX, usize::MAX)] {
        let error = set.read(shard, row_group).await.unwrap_err();
        assert!(
            matches!(error, Error::NoSuchRowGroup { shard: s, row_group: r, .. } if (s, r) == (shard, row_group))
        );
    }
}

#[test]
fn a_file_that_is_no_parquet() {
    for bytes in [
        &b""[..],
        b"PAR1",
        b"PAR1PAR1",
        b"a text that is long enough to have a footer",
        b"PAR1\xff\xff\xff\xffPAR1",
    ] {
        let error = examine_shard("dir/x.parquet", &Bytes::from_static(bytes)).unwrap_err();
        assert_error!(error, Error::Parquet { .. }, ["dir/x.parquet"]);
    }
}

#[test]
fn a_parquet_file_with_other_columns() {
    let (features, _) = encode_feature_shard("f.parquet", &[vec![feature_row(0, 2)]], FEATURES).unwrap();
    let (labels, _) = encode_label_shard("l.parquet", &[vec![label_row(0, 2)]], LABELS).unwrap();
    let error = decode_label_shard("f.parquet", &features, LABELS).unwrap_err();
    assert_error!(error, Error::Columns { .. }, ["f.parquet", "log_probs", "alignment"]);
    let error = decode_feature_shard("l.parquet", &labels, FEATURES).unwrap_err();
    assert_error!(error, Error::Columns { .. }, ["l.parquet", "log_probs", "alignment"]);
}

#[tokio::test]
async fn counts_that_differ_from_the_file() {
    // Both manifests are wrong in the same way, so that they still match each other.
    let (_, mut manifest) = features().await;
    let store = Store::in_memory();
    let mut infos = Vec::new();
    for (bytes, info) in label_shards(&manifest) {
        publish_shard(&store, &info.file, bytes).await.unwrap();
        infos.push(info);
    }
    infos[0].row_groups[0].frames += 1;
    manifest.shards[0].row_groups[0].frames += 1;
    infos[1].row_groups[0].rows -= 1;
    manifest.shards[1].row_groups[0].rows -= 1;
    LabelManifest::new("t".into(), &manifest, TOP_K, senones(), infos)
        .unwrap()
        .publish(&store)
        .await
        .unwrap();
    let set = LabelSet::open(&store).await.unwrap();
    let error = set.read(0, 0).await.unwrap_err();
    assert_error!(error, Error::Count { expected: 7, found: 6, .. }, ["frames", "part-00000.parquet"]);
    let error = set.read(1, 0).await.unwrap_err();
    assert_error!(error, Error::Count { expected: 2, found: 3, .. }, ["rows", "part-00001.parquet"]);
}

#[test]
fn features_of_another_width_than_expected() {
    let (bytes, _) = encode_feature_shard("f.parquet", &[vec![feature_row(0, 2)]], FEATURES).unwrap();
    for dimension in [0, 8, 17, 32, usize::MAX] {
        let error =
            decode_feature_shard("f.parquet", &bytes, FeatureLayout { dimension, ..FEATURES }).unwrap_err();
        assert_error!(error, Error::Parquet { .. }, ["f.parquet", "32 values"]);
    }
}
