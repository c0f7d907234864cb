//! Stories of a signed event log, and of those who change it.
#![cfg(feature = "crypto")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use stentor_checkpoint::{LogHead, SignedRun, Signer, Trust};
use stentor_runlog::{EVENTS, Event, EventLog, Fence, check_log, newest_segment, read_events};
use stentor_signature::{KeyPair, SigningKey};
use stentor_store::Store;

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::parse(&KeyPair::generate().unwrap().private, "here").unwrap())
}

fn event(round: u64) -> Event {
    let fence = Fence { lineage: 1, membership_epoch: 1, round };
    Event::Members { fence, members: BTreeMap::new(), reason: "test".into() }
}

/// A run with a signed log: two incarnations, with `segments` segments each.
struct Signed {
    run: Store,
    trust: Trust,
    head: LogHead,
}

impl Signed {
    async fn new(key: &Arc<SigningKey>, segments: u64) -> Self {
        let run = Store::in_memory();
        let signed = SignedRun::new("student", None).unwrap();
        let signer = Signer::new(Arc::clone(key), &signed);
        let trust = Trust::of_run(key.public().into(), &signed);
        let mut head = None;
        for incarnation in [1, 2] {
            let mut log = EventLog::new(&run, incarnation).signed(signer.clone(), head);
            for round in 0..segments {
                log.record(&event(round));
                log.record(&event(round));
                log.flush().await.unwrap();
            }
            head = log.head().cloned();
        }
        Self { run, trust, head: head.unwrap() }
    }

    fn events(&self) -> Store {
        self.run.child(EVENTS)
    }

    /// What is wrong, by segment.
    async fn faults(&self) -> BTreeMap<String, String> {
        let heads = [("checkpoint 7".to_owned(), self.head.clone())];
        let found = check_log(&self.run, Some(&self.trust), &heads).await.unwrap();
        let faulty = found.into_iter().filter(|segment| !segment.faults.is_empty());
        faulty.map(|segment| (segment.name, segment.faults.join("; "))).collect()
    }
}

#[tokio::test]
async fn a_log_that_nobody_changed_is_accepted_and_reads_as_one_without_signatures() {
    let log = Signed::new(&key(), 3).await;
    assert_eq!(log.faults().await, BTreeMap::new());
    let rounds: Vec<Event> = [0, 0, 1, 1, 2, 2].repeat(2).into_iter().map(event).collect();
    assert_eq!(read_events(&log.run).await.unwrap(), rounds);
    let found = check_log(&log.run, None, &[]).await.unwrap();
    assert!(found.iter().all(|segment| segment.is_signed && segment.faults.is_empty()));
    assert_eq!(newest_segment(&log.run, &log.trust).await.unwrap(), (Some(log.head.clone()), vec![]));
}

#[tokio::test]
async fn a_line_that_was_removed_or_added_is_found() {
    let log = Signed::new(&key(), 3).await;
    let name = "000001-000001.jsonl";
    let bytes = log.events().get(name).await.unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    for changed in [[lines[0], lines[2]].join("\n"), [lines[0], lines[1], lines[1], lines[2]].join("\n")] {
        log.events().put(name, (changed + "\n").into()).await.unwrap();
        let faults = log.faults().await;
        assert!(faults[name].contains("its lines are not those that were signed"), "{faults:?}");
        assert!(faults["000001-000002.jsonl"].contains("with other content"), "{faults:?}");
    }
    // Without the signature it is a log of a run that does not sign.
    log.events().put(name, [lines[0], lines[1], ""].join("\n").into()).await.unwrap();
    assert!(log.faults().await[name].contains("not signed"), "{:?}", log.faults().await);
}

#[tokio::test]
async fn a_segment_that_was_removed_is_named_wherever_it_was() {
    for removed in ["000001-000000", "000001-000001", "000001-000002", "000002-000000", "000002-000002"] {
        let log = Signed::new(&key(), 3).await;
        let name = format!("{removed}.jsonl");
        log.events().delete(&name).await.unwrap();
        let faults = log.faults().await;
        let words: Vec<_> = faults.iter().map(|(segment, fault)| format!("{segment}: {fault}")).collect();
        let named = words.iter().any(|fault| fault.contains("missing") && fault.contains(&name));
        assert!(named, "{removed}: {words:?}");
    }
}

#[tokio::test]
async fn a_log_that_was_cut_off_after_a_checkpoint_that_knows_more_is_found() {
    let log = Signed::new(&key(), 3).await;
    for number in 0..3 {
        log.events().delete(&format!("000002-{number:06}.jsonl")).await.unwrap();
    }
    let faults = log.faults().await;
    assert_eq!(faults["000002-000002.jsonl"], "missing: checkpoint 7 was published after it");
}

#[tokio::test]
async fn segments_in_each_others_place_and_those_of_another_run_or_key_are_found() {
    let key = key();
    let log = Signed::new(&key, 3).await;
    let (one, other) = ("000001-000001.jsonl", "000001-000002.jsonl");
    let bytes = [log.events().get(one).await.unwrap(), log.events().get(other).await.unwrap()];
    log.events().put(one, bytes[1].clone()).await.unwrap();
    log.events().put(other, bytes[0].clone()).await.unwrap();
    assert!(log.faults().await[one].contains("out of place: it is segment 000001-000002.jsonl"));

    // Signed by the same key, for another run.
    let log = Signed::new(&key, 3).await;
    let another = Signed::new(&key, 3).await;
    log.events().put(one, another.events().get(one).await.unwrap()).await.unwrap();
    assert!(log.faults().await[one].contains("found one of run"), "{:?}", log.faults().await);

    // Signed by whoever can write to the store, with a key of their own.
    let forged = Signed::new(&self::key(), 3).await;
    log.events().put(other, forged.events().get(other).await.unwrap()).await.unwrap();
    assert!(log.faults().await[other].contains("forged: expected a signature of key"));
}

#[tokio::test]
async fn what_a_replaced_coordinator_wrote_last_is_no_fault_and_the_next_one_goes_on_from_what_it_saw() {
    let key = key();
    let run = Store::in_memory();
    let signed = SignedRun::new("student", None).unwrap();
    let signer = Signer::new(Arc::clone(&key), &signed);
    let trust = Trust::of_run(key.public().into(), &signed);
    let mut old = EventLog::new(&run, 1).signed(signer.clone(), None);
    old.record(&event(0));
    old.flush().await.unwrap();
    let (head, refused) = newest_segment(&run, &trust).await.unwrap();
    assert!(head.is_some() && refused.is_empty());
    let mut new = EventLog::new(&run, 2).signed(signer, head);
    old.record(&event(1));
    old.flush().await.unwrap();
    new.record(&event(1));
    new.flush().await.unwrap();
    let found = check_log(&run, Some(&trust), &[]).await.unwrap();
    assert!(found.len() == 3 && found.iter().all(|segment| segment.faults.is_empty()), "{found:?}");
}

#[tokio::test]
async fn the_next_coordinator_goes_on_from_the_newest_segment_that_is_not_forged() {
    let log = Signed::new(&key(), 2).await;
    let name = "000002-000001.jsonl";
    log.events().put(name, "{}\n".into()).await.unwrap();
    let (head, refused) = newest_segment(&log.run, &log.trust).await.unwrap();
    assert_eq!(head.unwrap().segment, "000002-000000.jsonl");
    assert_eq!(refused, [name]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn one_changed_byte_anywhere_is_found(segment in 0_usize..4, place in any::<prop::sample::Index>(), by in 1..=255_u8) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let log = Signed::new(&key(), 2).await;
            assert_eq!(log.faults().await, BTreeMap::new());
            let name = log.events().list("").await.unwrap().swap_remove(segment);
            let mut bytes = log.events().get(&name).await.unwrap().to_vec();
            *place.get_mut(&mut bytes) ^= by;
            log.events().put(&name, bytes.into()).await.unwrap();
            assert!(!log.faults().await.is_empty(), "{name}");
        });
    }
}
