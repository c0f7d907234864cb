//! Untrusted bytes of any content give an error, never a panic and never wrong rows.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::*;
use proptest::prelude::*;
use stentor_shards::{
    Error, FeatureSet, LabelSet, Part, decode_feature_shard, decode_label_shard, encode_feature_shard,
    encode_label_shard, examine_shard,
};
use stentor_store::Store;

fn shards() -> [Bytes; 2] {
    let (features, _) = encode_feature_shard(
        "x",
        &[vec![feature_row(0, 5), feature_row(1, 3)], vec![feature_row(2, 7)]],
        FEATURES,
    )
    .unwrap();
    let (labels, _) = encode_label_shard("x", &[vec![label_row(0, 5), label_row(1, 3)]], LABELS).unwrap();
    [features, labels]
}

/// A change of some bytes: flipped, removed, or duplicated.
fn damaged() -> impl Strategy<Value = (prop::sample::Index, Vec<(prop::sample::Index, u8)>, u8)> {
    (any::<prop::sample::Index>(), prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6), 0u8..4)
}

fn apply(
    bytes: &[u8],
    (place, flips, kind): &(prop::sample::Index, Vec<(prop::sample::Index, u8)>, u8),
) -> Bytes {
    let mut bytes = bytes.to_vec();
    let at = place.index(bytes.len());
    match kind {
        0 => bytes.truncate(at),
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, 0),
        _ => {
            for (place, flip) in flips {
                let at = place.index(bytes.len());
                bytes[at] ^= flip;
            }
        }
    }
    Bytes::from(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Without a manifest there is no checksum, so damage may go unnoticed, but it must not cause a panic.
    #[test]
    fn a_damaged_file_without_manifest_never_panics(damage in damaged()) {
        for shard in shards() {
            let bytes = apply(&shard, &damage);
            let _ = examine_shard("x", &bytes);
            if let Ok((groups, _)) = decode_feature_shard("x", &bytes, FEATURES) {
                prop_assert!(groups.iter().flatten().all(|row| row.check(FEATURES).is_ok()));
            }
            if let Ok((groups, _)) = decode_label_shard("x", &bytes, LABELS) {
                prop_assert!(groups.iter().flatten().all(|row| row.check(LABELS).is_ok()));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..600), length in 0u32..600) {
        let _ = examine_shard("x", &Bytes::from(bytes.clone()));
        bytes.extend(length.to_le_bytes());
        bytes.extend(b"PAR1");
        let bytes = Bytes::from(bytes);
        for error in [
            decode_feature_shard("x", &bytes, FEATURES).unwrap_err(),
            decode_label_shard("x", &bytes, LABELS).unwrap_err(),
        ] {
            prop_assert!(matches!(error, Error::Parquet { .. }), "{}", error);
        }
    }

    #[test]
    fn a_damaged_manifest_gives_an_error_or_the_same_set(damage in damaged()) {
        block_on(async {
            let store = Store::in_memory();
            let manifest = write_features(&store).await;
            let bytes = store.get("manifest.json").await.unwrap();
            store.put("manifest.json", apply(&bytes, &damage)).await.unwrap();
            // Program names and notes are free text; everything that affects what is read is covered by the
            // fingerprint.
            if let Ok(set) = FeatureSet::open(&store).await {
                prop_assert_eq!(&set.manifest().shards, &manifest.shards);
                prop_assert_eq!(&set.manifest().settings, &manifest.settings);
                prop_assert_eq!(&set.manifest().senones, &manifest.senones);
                prop_assert_eq!(&set.manifest().normalisation, &manifest.normalisation);
            }
            Ok(())
        })?;
    }
}

/// Changes every single byte of a shard, one after another.
#[tokio::test]
async fn every_changed_byte_that_is_read_is_found_where_it_is() {
    let (features, labels) = (Store::in_memory(), Store::in_memory());
    let manifest = write_features(&features).await;
    let of_labels = write_labels(&labels, &manifest).await;
    for (store, info) in [(&features, &manifest.shards[0]), (&labels, &of_labels.shards[0])] {
        let good = store.get(&info.file).await.unwrap();
        for at in 0..good.len() {
            let mut bad = good.to_vec();
            bad[at] ^= 1 << (at % 8);
            store.put(&info.file, Bytes::from(bad)).await.unwrap();
            for row_group in 0..info.row_groups.len() {
                let group = &info.row_groups[row_group];
                let inside = (group.offset..group.offset + group.bytes).contains(&(at as u64));
                let result = match std::ptr::eq(store, &features) {
                    true => FeatureSet::open(store).await.unwrap().read(0, row_group).await.map(drop),
                    false => LabelSet::open(store).await.unwrap().read(0, row_group).await.map(drop),
                };
                match result {
                    Err(Error::Checksum { part: Part::RowGroup(named), .. }) => {
                        assert!(inside && named == row_group)
                    }
                    Err(Error::Checksum { part: Part::Footer, .. }) => {
                        assert!(at as u64 >= info.footer_offset())
                    }
                    // The magic number before the row groups has no checksum, and another row group's damage does not
                    // matter.
                    Ok(()) => assert!(!inside && (at as u64) < info.footer_offset()),
                    Err(other) => panic!("byte {at}, row group {row_group}: {other:?}"),
                }
            }
        }
        store.put(&info.file, good).await.unwrap();
    }
}
