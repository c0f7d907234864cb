//! Manifests of sets written by earlier versions are read unchanged, and written again byte for byte.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use bytes::Bytes;
use serde::Serialize;
use stentor_inventory::Inventory;
use stentor_shards::{FeatureSet, LabelSet, MANIFEST};
use stentor_store::Store;

const FEATURES: &str = include_str!("earlier/features.json");
const LABELS: &str = include_str!("earlier/labels.json");

async fn published(manifest: &'static str) -> Store {
    let store = Store::in_memory();
    store.put(MANIFEST, Bytes::from_static(manifest.as_bytes())).await.unwrap();
    store
}

fn written(manifest: &impl Serialize) -> String {
    serde_json::to_string_pretty(manifest).unwrap() + "\n"
}

fn names(inventory: &Inventory) -> Vec<(&str, bool)> {
    inventory.senones().iter().map(|senone| (senone.name.as_str(), senone.silence)).collect()
}

const NAMES: [(&str, bool); 6] =
    [("AA.0", false), ("AA.1", false), ("AA.2", false), ("SIL.0", true), ("SIL.1", true), ("SIL.2", true)];

#[tokio::test]
async fn earlier_features_are_the_same_set_with_the_same_fingerprints() {
    let set = FeatureSet::open(&published(FEATURES).await).await.unwrap();
    let manifest = set.manifest();
    assert_eq!(names(&manifest.senones), NAMES);
    assert_eq!(written(manifest), FEATURES);
    // As computed by an earlier version, and as stored in the checkpoints of models trained on such frames.
    let inputs = "f2d8c0a7ec4e64dd962801f24f8385e4d4e6bf272d615f0f724fa3e823dfab4c";
    assert_eq!(manifest.inputs_fingerprint(), inputs);
}

#[tokio::test]
async fn earlier_labels_are_the_same_set_and_still_match_their_features() {
    let features = FeatureSet::open(&published(FEATURES).await).await.unwrap();
    let labels = LabelSet::open(&published(LABELS).await).await.unwrap();
    assert_eq!(names(&labels.manifest().senones), NAMES);
    assert_eq!(written(labels.manifest()), LABELS);
    labels.check_pairs(features.manifest()).unwrap();
}
