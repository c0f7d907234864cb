//! One test suite for every kind of store: each guarantee of `Store` holds on local folders, in memory, and on a real
//! S3 server.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod s3;

use bytes::Bytes;
use s3::{BUCKET, SECRET, settings};
use stentor_store::{Error, Put, Store};

/// Every kind of store, empty; the folder exists as long as the returned guard.
fn stores() -> (tempfile::TempDir, Vec<Store>) {
    let (folder, mut stores) = stores_of_this_machine();
    let address = s3::start(&folder.path().join("s3"));
    let location = format!("s3://{BUCKET}/deep/inside");
    stores.push(Store::open_with(&location, settings(address, SECRET), None).unwrap());
    (folder, stores)
}

fn stores_of_this_machine() -> (tempfile::TempDir, Vec<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let stores = vec![
        Store::open(&format!("{path}/plain/not/yet/there")).unwrap(),
        Store::open(&format!("file://{path}/by%20url")).unwrap(),
        Store::in_memory(),
        Store::in_memory().child("deep/inside"),
    ];
    (folder, stores)
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn objects_are_read_back_whole_and_in_ranges() {
    let (_folder, stores) = stores();
    for store in stores {
        store.put("a/b.bin", bytes("0123456789")).await.unwrap();
        assert_eq!(store.get("a/b.bin").await.unwrap(), "0123456789");
        assert_eq!(store.get_range("a/b.bin", 3..7).await.unwrap(), "3456");
        assert_eq!(store.get_range("a/b.bin", 0..10).await.unwrap(), "0123456789");
        assert_eq!(store.get_range("a/b.bin", 10..10).await.unwrap(), "");
        assert_eq!(store.size("a/b.bin").await.unwrap(), 10);
        assert!(store.exists("a/b.bin").await.unwrap());
        assert_eq!(store.child("a").get("b.bin").await.unwrap(), "0123456789");
    }
}

/// S3 itself behaves like this. s3s-fs does not: for folders it only reports an internal error.
#[tokio::test]
async fn a_folder_is_no_object() {
    let (_folder, stores) = stores_of_this_machine();
    for store in stores {
        store.put("a/b.bin", bytes("0123")).await.unwrap();
        assert!(!store.exists("a").await.unwrap());
        assert!(store.get("a").await.unwrap_err().is_not_found());
    }
}

#[tokio::test]
async fn nothing_is_below_an_object() {
    let (_folder, stores) = stores();
    for store in stores {
        store.put("a/b.bin", bytes("0123")).await.unwrap();
        let below = store.child("a/b.bin");
        assert!(!below.exists("c.json").await.unwrap());
        assert!(below.get("c.json").await.unwrap_err().is_not_found());
        assert_eq!(below.list("").await.unwrap(), [""; 0]);
        assert_eq!(below.list("c/d").await.unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn a_range_past_the_end_is_an_error_and_never_a_short_answer() {
    let (_folder, stores) = stores();
    for store in stores {
        store.put("short", bytes("0123")).await.unwrap();
        for range in [2..9, 4..5, 9..12, 9..9] {
            let error = store.get_range("short", range.clone()).await.unwrap_err();
            assert!(matches!(error, Error::Range { size: 4, .. }), "{range:?}: {error:?}");
        }
        let backwards = std::ops::Range { start: 3, end: 1 };
        assert!(matches!(store.get_range("short", backwards).await, Err(Error::Range { .. })));
    }
}

#[tokio::test]
async fn a_missing_object_is_named_with_its_full_location() {
    let (_folder, stores) = stores();
    for store in stores {
        let child = store.child("x");
        for error in [
            child.get("gone.json").await.unwrap_err(),
            child.get_range("gone.json", 0..4).await.unwrap_err(),
            child.size("gone.json").await.unwrap_err(),
        ] {
            assert!(error.is_not_found() && !error.is_retryable(), "{error:?}");
            assert_eq!(error.to_string(), format!("{}/x/gone.json does not exist", store.location()));
        }
        assert!(!child.exists("gone.json").await.unwrap());
        child.delete("gone.json").await.unwrap();
    }
}

#[tokio::test]
async fn put_once_keeps_the_first_bytes_and_put_replaces_them() {
    let (_folder, stores) = stores();
    for store in stores {
        assert_eq!(store.put_once("m.json", bytes("first")).await.unwrap(), Put::Created);
        assert_eq!(store.put_once("m.json", bytes("second")).await.unwrap(), Put::AlreadyThere);
        assert_eq!(store.get("m.json").await.unwrap(), "first");
        store.put("m.json", bytes("third")).await.unwrap();
        assert_eq!(store.get("m.json").await.unwrap(), "third");
        store.delete("m.json").await.unwrap();
        assert_eq!(store.put_once("m.json", bytes("fourth")).await.unwrap(), Put::Created);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_concurrent_calls_exactly_one_creates() {
    let (_folder, stores) = stores();
    for store in stores {
        let racers: Vec<_> = (0..16u8)
            .map(|i| {
                let store = store.clone();
                tokio::spawn(
                    async move { store.put_once("epoch", Bytes::from(vec![i; 1000])).await.unwrap() },
                )
            })
            .collect();
        let mut created = 0;
        for racer in racers {
            created += usize::from(racer.await.unwrap() == Put::Created);
        }
        assert_eq!(created, 1);
        let winner = store.get("epoch").await.unwrap();
        assert!(winner.len() == 1000 && winner.iter().all(|b| *b == winner[0]), "one writer's bytes, whole");
    }
}

#[tokio::test]
async fn a_listing_is_sorted_relative_and_filtered_by_the_start_of_names() {
    let (_folder, stores) = stores();
    for store in stores {
        assert!(store.list("").await.unwrap().is_empty(), "nothing there yet");
        for name in ["runs/b/part-00001", "runs/b/part-00000", "runs/b/other", "runs/bc/x", "top"] {
            store.put(name, bytes("x")).await.unwrap();
        }
        let all = ["runs/b/other", "runs/b/part-00000", "runs/b/part-00001", "runs/bc/x", "top"];
        assert_eq!(store.list("").await.unwrap(), all);
        assert_eq!(store.list("runs/b/").await.unwrap(), all[..3]);
        assert_eq!(store.list("runs/b").await.unwrap(), all[..4]);
        assert_eq!(store.list("runs/b/part-").await.unwrap(), all[1..3]);
        assert_eq!(store.list("none/").await.unwrap(), [""; 0]);
        assert_eq!(store.child("runs/b").list("").await.unwrap(), ["other", "part-00000", "part-00001"]);
    }
}

#[tokio::test]
async fn a_name_cannot_leave_its_store() {
    let (_folder, stores) = stores();
    for store in stores {
        for name in ["", "/etc/passwd", "../up", "a/../../up", "a//b", "folder/", "."] {
            assert!(matches!(store.put(name, bytes("x")).await, Err(Error::Name { .. })), "{name}");
            assert!(matches!(store.get(name).await, Err(Error::Name { .. })), "{name}");
        }
        assert!(matches!(store.child("..").get("x").await, Err(Error::Name { .. })));
    }
}
