//! The phones of utterances in sets that predate the column `phones`: in an object beside the shards.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::*;
use stentor_shards::{Error, FeatureSet, PHONE_STRINGS, PhoneStrings};
use stentor_store::Store;

const MANIFEST: &str = include_str!("earlier/with_phones.json");
const PHONES: &str = include_str!("earlier/phones.json");

/// A set of an earlier version.
async fn told() -> Store {
    let store = Store::in_memory();
    store.put("manifest.json", Bytes::from_static(MANIFEST.as_bytes())).await.unwrap();
    store.put(PHONE_STRINGS, Bytes::from_static(PHONES.as_bytes())).await.unwrap();
    store
}

async fn read(store: &Store) -> Result<Option<PhoneStrings>, Error> {
    FeatureSet::open(store).await?.phone_strings().await
}

#[tokio::test]
async fn earlier_phones_are_read_by_utterance_and_their_manifest_is_written_again_byte_for_byte() {
    let store = told().await;
    let strings = read(&store).await.unwrap().unwrap();
    assert_eq!(strings.of("first"), Some(vec!["P1", "P0", "P1"]));
    assert_eq!((strings.of("silent"), strings.of("another")), (Some(vec![]), None));
    let set = FeatureSet::open(&store).await.unwrap();
    assert_eq!(serde_json::to_string_pretty(set.manifest()).unwrap() + "\n", MANIFEST);

    let checksum = &set.manifest().phone_strings.as_ref().unwrap().checksum;
    store.put("manifest.json", Bytes::from(MANIFEST.replace(checksum, "00"))).await.unwrap();
    assert_error!(read(&store).await.unwrap_err(), Error::Fingerprint { .. }, ["changed after"]);
}

#[tokio::test]
async fn a_set_without_them_or_other_columns_is_written_as_sets_of_earlier_versions_were() {
    let store = Store::in_memory();
    let manifest = write_features(&store).await;
    let text = String::from_utf8(store.get("manifest.json").await.unwrap().to_vec()).unwrap();
    assert!(!text.contains("phone_strings") && !text.contains("columns"), "{text}");
    assert_eq!(FeatureSet::open(&store).await.unwrap().manifest().fingerprint, manifest.fingerprint);
    assert_eq!(read(&store).await.unwrap(), None);
}

#[tokio::test]
async fn truncated_changed_or_missing_phones_are_reported_by_file_name() {
    let store = told().await;
    let whole = store.get(PHONE_STRINGS).await.unwrap();
    store.put(PHONE_STRINGS, whole.slice(..whole.len() - 1)).await.unwrap();
    assert_error!(read(&store).await.unwrap_err(), Error::ShardSize { .. }, ["phones.json", "truncated"]);
    let mut other = whole.to_vec();
    other[2] ^= 1;
    store.put(PHONE_STRINGS, Bytes::from(other)).await.unwrap();
    assert_error!(read(&store).await.unwrap_err(), Error::Checksum { .. }, ["phones.json", "have changed"]);
    store.delete(PHONE_STRINGS).await.unwrap();
    assert!(read(&store).await.unwrap_err().is_missing());
}
