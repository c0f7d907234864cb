//! Tests of the cache: what is fetched once, what is fetched again, and what is never served.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod s3;

use bytes::Bytes;
use s3::line::Line;
use s3::{BUCKET, SECRET, settings};
use std::path::Path;
use stentor_store::{Cache, Error, Store};

const SHARD: &str = "GET /speech/data/shard";

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// A store whose ranges go through `cache`, on a server whose buckets are in `root`.
fn store(root: &Path, cache: &Cache) -> (Line, Store) {
    let line = Line::to(s3::start(root));
    let location = format!("s3://{BUCKET}/data");
    let store = Store::open_with(&location, settings(line.address, SECRET), Some(cache)).unwrap();
    (line, store)
}

#[tokio::test]
async fn a_range_is_fetched_once_for_all_programs_that_share_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("cache");
    let (line, mine) = store(folder.path(), &Cache::new(&kept, 1 << 20));
    let whole: Bytes = (0..10_000u32).flat_map(u32::to_le_bytes).collect();
    let part = digest(&whole[100..9000]);
    mine.put("shard", whole.clone()).await.unwrap();
    line.seen();
    for _ in 0..3 {
        assert!(mine.get_known("shard", 100..9000, &part).await.unwrap() == whole[100..9000]);
    }
    assert_eq!(line.seen(), [SHARD]);

    let (other_line, other) = store(folder.path(), &Cache::new(&kept, 1 << 20));
    assert!(other.get_known("shard", 100..9000, &part).await.unwrap() == whole[100..9000]);
    assert_eq!(other_line.seen(), [""; 0]);

    // The entry is damaged on disk: it is dropped, and the range is fetched once more.
    let entry = kept.join(&part);
    std::fs::write(&entry, &whole[..8900]).unwrap();
    for _ in 0..2 {
        assert!(mine.get_known("shard", 100..9000, &part).await.unwrap() == whole[100..9000]);
    }
    assert_eq!(line.seen(), [SHARD]);
}

#[tokio::test]
async fn bytes_with_another_digest_are_returned_to_the_caller_and_never_cached() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("cache");
    let (line, store) = store(folder.path(), &Cache::new(&kept, 1 << 20));
    store.put("shard", Bytes::from_static(b"damaged")).await.unwrap();
    line.seen();
    for asked in [digest(b"whole!!"), "no digest".to_owned()] {
        for _ in 0..2 {
            assert_eq!(store.get_known("shard", 0..7, &asked).await.unwrap(), "damaged");
        }
    }
    assert_eq!(line.seen(), [SHARD; 4]);
    assert!(!kept.exists());

    // Once repaired, it is cached; and a replaced object is not served from the old bytes.
    store.put("shard", Bytes::from_static(b"whole!!")).await.unwrap();
    assert_eq!(store.get_known("shard", 0..7, &digest(b"whole!!")).await.unwrap(), "whole!!");
    store.put("shard", Bytes::from_static(b"another")).await.unwrap();
    assert_eq!(store.get_known("shard", 0..7, &digest(b"another")).await.unwrap(), "another");
    // Bytes that are kept have to have the length that is asked for, too.
    let error = store.get_known("shard", 0..9, &digest(b"another")).await.unwrap_err();
    assert!(matches!(error, Error::Range { size: 7, end: 9, .. }), "{error}");
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 2);
}

#[tokio::test]
async fn an_unwritable_cache_folder_does_not_prevent_reading_and_local_folders_need_no_cache() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, b"x").unwrap();
    let (_line, far) = store(folder.path(), &Cache::new(&blocked.join("cache"), 1 << 20));
    let kept = folder.path().join("cache");
    let near = folder.path().join("near").display().to_string();
    let near = Store::open_with(&near, [], Some(&Cache::new(&kept, 1 << 20))).unwrap();
    for store in [far, near] {
        store.put("shard", Bytes::from_static(b"0123")).await.unwrap();
        for _ in 0..2 {
            assert_eq!(store.get_known("shard", 1..4, &digest(b"123")).await.unwrap(), "123");
        }
    }
    assert!(!kept.exists());
}
