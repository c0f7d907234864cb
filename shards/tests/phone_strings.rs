//! What utterances say in phones, kept beside their frames.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stentor_shards::{Error, FeatureSet, FeatureWriter, PHONE_STRINGS, PhoneStrings};
use stentor_store::Store;

/// A set of two utterances whose phones are known.
async fn told() -> Store {
    let store = Store::in_memory();
    let mut writer = FeatureWriter::new(store.clone(), options()).unwrap();
    for number in 0..2 {
        writer.push(feature_row(number, 3)).await.unwrap();
    }
    writer.say("first", ["P1", "P0", "P1"]).unwrap();
    writer.say("silent", []).unwrap();
    writer.finish(None, BTreeMap::new()).await.unwrap();
    store
}

async fn read(store: &Store) -> Result<Option<PhoneStrings>, Error> {
    FeatureSet::open(store).await?.phone_strings().await
}

#[tokio::test]
async fn phones_come_back_by_utterance_and_are_part_of_what_the_fingerprint_stands_for() {
    let store = told().await;
    let strings = read(&store).await.unwrap().unwrap();
    assert_eq!(strings.of("first"), Some(vec!["P1", "P0", "P1"]));
    assert_eq!((strings.of("silent"), strings.of("another")), (Some(vec![]), None));

    let mut manifest: Value = serde_json::from_slice(&store.get("manifest.json").await.unwrap()).unwrap();
    manifest["phone_strings"]["checksum"] = json!("00");
    store.put("manifest.json", Bytes::from(manifest.to_string())).await.unwrap();
    assert_error!(read(&store).await.unwrap_err(), Error::Fingerprint { .. }, ["changed after"]);
}

#[tokio::test]
async fn a_set_without_them_is_written_as_sets_of_earlier_versions_were_and_has_none() {
    let store = Store::in_memory();
    let manifest = write_features(&store).await;
    let text = String::from_utf8(store.get("manifest.json").await.unwrap().to_vec()).unwrap();
    assert!(!text.contains("phone_strings"), "{text}");
    assert_eq!(FeatureSet::open(&store).await.unwrap().manifest().fingerprint, manifest.fingerprint);
    assert_eq!(read(&store).await.unwrap(), None);
}

#[tokio::test]
async fn phones_that_are_cut_off_changed_or_gone_are_told_by_name() {
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
