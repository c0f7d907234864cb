//! Stories of a line to an object store that fails: what is tried again, how often, and what is never half there.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use bytes::Bytes;
use std::time::Duration;
use stentor_store::{Cache, Error, Put, Store};
use support::{BUCKET, Fault, Line, S3, settings};

/// A server, a line to it, and a store at the line's other end.
fn disturbed() -> (S3, Line, Store) {
    let server = S3::start();
    let line = Line::to(server.address);
    let store = Store::open_with(&format!("s3://{BUCKET}/runs"), &settings(line.address)).unwrap();
    (server, line, store)
}

fn bytes(length: usize) -> Bytes {
    (0..length).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>().into()
}

#[tokio::test]
async fn what_passes_is_tried_again_and_nothing_is_lost_or_changed() {
    let (server, line, store) = disturbed();
    let whole = bytes(100_000);
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
        Fault::CutBeforeAnswer,
        Fault::CutRequest,
        Fault::Slow(Duration::from_millis(300)),
    ] {
        line.next(&[fault, fault]);
        store.put("model", whole.clone()).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        line.next(&[fault, fault]);
        assert!(store.get("model").await.unwrap() == whole, "{fault:?}");
        line.next(&[fault]);
        assert!(
            store.get_range("model", 70_000..90_000).await.unwrap() == whole[70_000..90_000],
            "{fault:?}"
        );
        line.next(&[fault]);
        assert_eq!(store.list("").await.unwrap(), ["model"], "{fault:?}");
        line.next(&[fault]);
        store.delete("model").await.unwrap();
        assert!(!server.has("runs/model"), "{fault:?}");
    }
    store.put("model", whole.clone()).await.unwrap();
    line.next(&[Fault::CutAnswer, Fault::CutAnswer]);
    assert!(store.get("model").await.unwrap() == whole, "put together from parts of three answers");
}

#[tokio::test]
async fn publication_happens_once_whatever_becomes_of_the_answer() {
    let (_server, line, store) = disturbed();
    for (number, fault) in
        [Fault::Status(503), Fault::CutRequest, Fault::CutBeforeAnswer, Fault::None].into_iter().enumerate()
    {
        let name = format!("manifest-{number}");
        line.next(&[fault]);
        let put = store.put_once(&name, Bytes::from_static(b"first")).await.unwrap();
        // Nobody can know who wrote it where the answer was lost: the one safe answer is that it is there.
        let expected = if fault == Fault::CutBeforeAnswer { Put::AlreadyThere } else { Put::Created };
        assert_eq!(put, expected, "{fault:?}");
        let again = store.put_once(&name, Bytes::from_static(b"second")).await.unwrap();
        assert_eq!(again, Put::AlreadyThere, "{fault:?}");
        assert_eq!(store.get(&name).await.unwrap(), "first", "{fault:?}");
    }
}

#[tokio::test]
async fn a_write_that_is_cut_in_the_middle_leaves_the_old_object_or_none() {
    let (server, line, store) = disturbed();
    let old = bytes(50_000);
    store.put("state", old.clone()).await.unwrap();
    line.always(Fault::CutRequest);
    for name in ["state", "new"] {
        let error = store.put(name, bytes(80_000)).await.unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains(&format!("runs/{name}")), "{error}");
    }
    let clear = Store::open_with(&format!("s3://{BUCKET}/runs"), &settings(server.address)).unwrap();
    assert!(clear.get("state").await.unwrap() == old);
    assert_eq!(clear.list("").await.unwrap(), ["state"]);
}

#[tokio::test]
async fn a_store_that_never_answers_well_is_given_up_after_a_bounded_number_of_tries() {
    let (_server, line, store) = disturbed();
    line.always(Fault::Status(503));
    let error = store.get("model").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { operation: "read", .. }), "{error:?}");
    let tries = line.seen().len();
    assert!((2..=6).contains(&tries), "{tries} tries");
}

#[tokio::test]
async fn wrong_credentials_are_refused_at_once_and_by_name() {
    let server = S3::start();
    let line = Line::to(server.address);
    let mut wrong = settings(line.address);
    wrong
        .iter_mut()
        .filter(|(name, _)| name == "AWS_SECRET_ACCESS_KEY")
        .for_each(|(_, v)| *v = "other".into());
    let store = Store::open_with(&format!("s3://{BUCKET}/runs"), &wrong).unwrap();
    let error = store.put("model", bytes(10)).await.unwrap_err();
    assert!(matches!(error, Error::Denied { operation: "write", .. }), "{error:?}");
    assert_eq!(line.seen().len(), 1);
}

#[tokio::test]
async fn a_range_comes_over_the_line_once_until_the_object_is_replaced() {
    let (_server, line, store) = disturbed();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path(), 1 << 20);
    let cached = store.clone().through(Some(&cache));
    let (old, new) = (bytes(10_000), Bytes::from(vec![7; 10_000]));
    store.put("shard", old.clone()).await.unwrap();
    for _ in 0..3 {
        assert!(cached.get_range("shard", 100..9000).await.unwrap() == old[100..9000]);
    }
    assert_eq!(cache.hits_and_misses(), (2, 1));
    line.seen();
    // Another program with the same folder asks for the version, and for no byte.
    let other = store.clone().through(Some(&Cache::new(folder.path(), 1 << 20)));
    let other = Store::open_with(other.location(), &settings(line.address)).unwrap().through(Some(&cache));
    assert!(other.get_range("shard", 100..9000).await.unwrap() == old[100..9000]);
    assert_eq!(line.seen(), [format!("HEAD /{BUCKET}/runs/shard")]);

    // Under a store that is open, the object is replaced. What is kept is still the old one, as a whole.
    store.put("shard", new.clone()).await.unwrap();
    assert!(cached.get_range("shard", 100..9000).await.unwrap() == old[100..9000]);
    assert!(
        cached.get_range("shard", 0..50).await.unwrap() == new[..50],
        "never a new range under the old version"
    );
    assert!(cached.get_range("shard", 100..9000).await.unwrap() == new[100..9000]);
}

#[tokio::test]
async fn what_was_damaged_on_the_way_is_fetched_afresh_and_replaces_what_is_kept() {
    let (_server, line, store) = disturbed();
    let folder = tempfile::tempdir().unwrap();
    let cached = store.clone().through(Some(&Cache::new(folder.path(), 1 << 20)));
    let whole = bytes(5000);
    store.put("shard", whole.clone()).await.unwrap();
    assert!(cached.get_range("shard", 0..5000).await.unwrap() == whole);
    line.seen();
    assert!(cached.get_range_afresh("shard", 0..5000).await.unwrap() == whole);
    assert!(line.seen().contains(&format!("GET /{BUCKET}/runs/shard")));
}
