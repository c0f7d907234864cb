//! Tests with a connection to an object store that breaks: what is tried again, how often, and what is never half
//! written.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod s3;

use bytes::Bytes;
use s3::line::{Fault, Line};
use s3::{BUCKET, SECRET, settings};
use std::time::Duration;
use stentor_store::{Error, Put, Store};
use tempfile::TempDir;

/// The folder of a server's buckets, a connection to the server with faults, and a store that uses it.
fn disturbed() -> (TempDir, Line, Store) {
    let folder = tempfile::tempdir().unwrap();
    let line = Line::to(s3::start(folder.path()));
    let store = Store::open_with(&format!("s3://{BUCKET}/runs"), settings(line.address, SECRET), None);
    (folder, line, store.unwrap())
}

fn bytes(length: usize) -> Bytes {
    (0..length).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>().into()
}

#[tokio::test]
async fn transient_faults_are_retried_and_nothing_is_lost_or_changed() {
    let (_folder, line, store) = disturbed();
    let whole = bytes(100_000);
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
        Fault::CutRequest,
        Fault::LoseAnswer,
        Fault::CutAnswer,
        Fault::Slow(Duration::from_millis(50)),
    ] {
        let twice = || line.fail(move |number| (number <= 2).then_some(fault));
        twice();
        sound(fault, store.put("model", whole.clone()).await);
        twice();
        assert!(sound(fault, store.get("model").await) == whole, "{fault:?}");
        twice();
        let range = sound(fault, store.get_range("model", 70_000..90_000).await);
        assert!(range == whole[70_000..90_000], "{fault:?}");
        twice();
        assert_eq!(sound(fault, store.size("model").await), 100_000, "{fault:?}");
        twice();
        assert_eq!(sound(fault, store.list("").await), ["model"], "{fault:?}");
        twice();
        sound(fault, store.delete("model").await);
        assert!(!sound(fault, store.exists("model").await), "{fault:?}");
    }
    assert!(line.faults() > 70, "{} faults", line.faults());
}

fn sound<T>(fault: Fault, answer: Result<T, Error>) -> T {
    answer.unwrap_or_else(|error| panic!("{fault:?}: {error}"))
}

#[tokio::test]
async fn publication_happens_once_even_if_the_answer_is_lost() {
    let (_folder, line, store) = disturbed();
    for (name, fault, expected) in [
        ("busy", Fault::Status(503), Put::Created),
        ("cut", Fault::CutRequest, Put::Created),
        // Who wrote it is unknown; the one safe answer is that it exists.
        ("silent", Fault::LoseAnswer, Put::AlreadyThere),
        ("mumbled", Fault::CutAnswer, Put::AlreadyThere),
    ] {
        line.fail(move |number| (number == 1).then_some(fault));
        let first = store.put_once(name, Bytes::from_static(b"first")).await.unwrap();
        assert_eq!(first, expected, "{fault:?}");
        let second = store.put_once(name, Bytes::from_static(b"second")).await.unwrap();
        assert_eq!(second, Put::AlreadyThere, "{fault:?}");
        assert_eq!(store.get(name).await.unwrap(), "first", "{fault:?}");
    }
}

#[tokio::test]
async fn a_write_that_is_cut_in_the_middle_leaves_the_old_object_or_none() {
    let (_folder, line, store) = disturbed();
    let old = bytes(50_000);
    store.put("state", old.clone()).await.unwrap();
    for name in ["state", "new"] {
        line.fail(|_| Some(Fault::CutRequest));
        let error = store.put(name, bytes(80_000)).await.unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains(&format!("runs/{name}")), "{error}");
    }
    line.fail(|_| None);
    assert!(store.get("state").await.unwrap() == old);
    assert_eq!(store.list("").await.unwrap(), ["state"]);
}

#[tokio::test]
async fn a_store_that_always_fails_is_given_up_after_eleven_tries() {
    let (_folder, line, store) = disturbed();
    line.fail(|_| Some(Fault::Status(503)));
    let error = store.put_once("model", bytes(10)).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { operation: "write", .. }), "{error:?}");
    assert_eq!(line.seen().len(), 11, "the first, and ten more");
}

#[tokio::test]
async fn wrong_credentials_are_reported_without_a_retry() {
    let (_folder, line, _) = disturbed();
    let settings = settings(line.address, "a guess");
    let store = Store::open_with(&format!("s3://{BUCKET}/runs"), settings, None).unwrap();
    let error = store.put("model", bytes(10)).await.unwrap_err();
    assert!(matches!(error, Error::Denied { operation: "write", .. }), "{error:?}");
    assert_eq!(line.seen().len(), 1);
}
