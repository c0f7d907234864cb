mod members;

use super::{Fence, Place, RangeReducer, Refusal};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use stentor_checkpoint::{MODEL, Manifest, Object, checkpoint_name, checkpoint_store, digest, publish};
use stentor_exchange::{Tau, gtc};
use stentor_proto::v1;
use stentor_rounds::{Announcement, Encoding, Seat, SetAside, SumGroup};
use stentor_store::Store;

const VALUES: usize = 64;
const TAU: f32 = 0.5;

fn fence(round: u64) -> Fence {
    Fence { lineage: 1, membership_epoch: 1, round }
}

/// A reducer of the run in `store`; `sections` belong to the experiment.
fn reducer(store: &Store, sections: &str) -> Arc<RangeReducer> {
    let (experiment, _) = crate::small_run::small_run("", sections);
    Arc::new(RangeReducer::new(&experiment, store.clone(), 0, 0..VALUES))
}

/// A message of signs: the sign of `value` at every position.
fn signs(value: f32) -> Bytes {
    message(&[value; VALUES])
}

fn message(update: &[f32; VALUES]) -> Bytes {
    let (mut rest, mut message) = ([0.0; VALUES], Vec::new());
    gtc::encode(update, &[0.0; VALUES], Tau::exact(TAU).unwrap(), None, &mut rest, &mut message).unwrap();
    message.into()
}

const SIGNS: Encoding = Encoding::Threshold { tau: TAU, density: 0.0 };
const WHOLE: Encoding = Encoding::Dense { density: 0.0 };

/// The coordinator announces the round of `fence` with the group of `slots`, besides the groups that it has announced before.
fn announce(reducer: &RangeReducer, fence: Fence, slots: &[u32], encoding: Encoding) {
    let mut seats = match &reducer.lock().announced {
        Some(announced) if announced.fence == fence => announced.seats.clone(),
        _ => BTreeMap::new(),
    };
    for &slot in slots {
        let sum_group = SumGroup { slots: slots.to_vec(), group: slots[0], speaks: true };
        let (session, identity) = (100 + u64::from(slot), format!("worker-{slot}"));
        seats.insert(slot, Seat { session, identity, most_frames: 10, sum_group });
    }
    reducer.announce(Announcement { fence, encoding, seats });
}

/// The header of a payload of the member at `slot`, of 10 frames.
fn header(slot: u32, slots: &[u32], payload: &Bytes, encoding: Encoding, start: &str) -> v1::StageHeader {
    v1::StageHeader {
        slot,
        frames: 10,
        sum_group: Some(v1::SumGroup { slots: slots.to_vec(), group: slots[0], speaks: true }),
        encoding: Some(encoding.into()),
        sections: 1,
        payload_bytes: payload.len() as u64,
        payload_digest: stentor_exchange::digest(payload),
        lineage_start: start.to_owned(),
        session: 100 + u64::from(slot),
        ..Default::default()
    }
}

/// Stages a payload whose header may say anything.
async fn stage_as(
    reducer: &RangeReducer,
    fence: Fence,
    header: &v1::StageHeader,
    payload: &Bytes,
) -> Result<(), Refusal> {
    reducer.expect(header, fence, |_| true).await?;
    let group = header.sum_group.as_ref().map_or(0, |sum_group| sum_group.group);
    let place = Place { fence, group, slot: header.slot };
    reducer.add(&place, 0, payload).await?;
    reducer.end(&place)
}

/// The member at `slot` of the group of `slots` stages its payload for the round of `fence`; `start`: its lineage's start.
async fn try_stage(
    reducer: &RangeReducer,
    fence: Fence,
    (slot, slots): (u32, &[u32]),
    payload: &Bytes,
    start: &str,
) -> Result<(), Refusal> {
    announce(reducer, fence, slots, SIGNS);
    stage_as(reducer, fence, &header(slot, slots, payload, SIGNS, start), payload).await
}

/// The member at `slot`, alone in its group, stages its payload for `round`.
async fn stage(reducer: &RangeReducer, round: u64, slot: u32, payload: &Bytes) {
    try_stage(reducer, fence(round), (slot, &[slot]), payload, "").await.unwrap();
}

/// Two tiers: a round closes when both groups have staged, and the members of one group do not wait for those of the other
/// before they begin the next round.
#[tokio::test]
async fn a_group_fetches_its_sum_also_when_another_group_is_a_round_ahead() {
    let reducer = reducer(&Store::in_memory(), "");
    let (slow, fast) = (signs(1.0), signs(-1.0));
    stage(&reducer, 7, 0, &slow).await;
    stage(&reducer, 7, 1, &fast).await;
    let of_fast = reducer.fetch(fence(7), 1, 0).await.unwrap();
    stage(&reducer, 8, 1, &fast).await;

    let of_slow = reducer.fetch(fence(7), 0, 0).await.unwrap();

    assert!(of_slow.end.is_some(), "all of the sum is there");
    assert_ne!(of_slow.parts, of_fast.parts, "each group has its own sum");
    let again = reducer.fetch(fence(7), 0, 0).await.unwrap();
    assert_eq!(again.parts, of_slow.parts);
    // A group that has not staged to a round cannot fetch its sum later.
    let past = reducer.fetch(fence(6), 0, 0).await.unwrap_err();
    assert!(past.to_string().contains("is past"), "{past}");
}

const RETHRESHOLD: &str = "[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\ndownlink = \"rethreshold\"\n";

/// The sum of a round of two members. They send the same in every third round, and more up than down.
async fn round(reducer: &Arc<RangeReducer>, fence: Fence, start: &str) -> Result<Vec<Bytes>, Refusal> {
    for slot in [0, 1] {
        let mut update = [0.0; VALUES];
        for (place, value) in update.iter_mut().enumerate() {
            let happens = (place * 7 + fence.round as usize % 3 * 4 + slot as usize * (place / 8)) % 5;
            *value = [1.0, -1.0, 0.0, 1.0, 1.0][happens];
        }
        try_stage(reducer, fence, (slot, &[0, 1]), &message(&update), start).await?;
    }
    let mut parts = Vec::new();
    loop {
        let ready = reducer.fetch(fence, 0, parts.len()).await?;
        parts.extend(ready.parts);
        if ready.end.is_some() {
            return Ok(parts);
        }
    }
}

/// Publishes the checkpoint after the round of `fence`, with what the reducer keeps; returns its name.
async fn checkpoint(store: &Store, reducer: &RangeReducer, fence: Fence) -> String {
    let name = checkpoint_name(fence.lineage, fence.round + 1);
    let mut objects: Vec<Object> = reducer
        .save(fence, &name)
        .await
        .unwrap()
        .into_iter()
        .map(|written| Object {
            name: written.name,
            bytes: written.bytes,
            digest: written.digest,
            blake3: None,
        })
        .collect();
    let model = Bytes::from_static(b"a model");
    objects.push(Object {
        name: MODEL.into(),
        bytes: model.len() as u64,
        digest: digest(&model),
        blake3: None,
    });
    checkpoint_store(store, &name).put(MODEL, model).await.unwrap();
    let manifest = Manifest {
        name: name.clone(),
        lineage: fence.lineage,
        round: fence.round + 1,
        objects,
        ..Manifest::default()
    };
    publish(store, &manifest).await.unwrap();
    name
}

fn after_fall_back(round: u64) -> Fence {
    Fence { lineage: 2, membership_epoch: 1, round }
}

#[tokio::test]
async fn a_reducer_that_was_started_within_a_lineage_refuses_and_a_fall_back_gives_the_bits_of_one_that_was_not()
 {
    let store = Store::in_memory();
    let undisturbed = reducer(&store, RETHRESHOLD);
    let mut expected = Vec::new();
    for number in 0..3 {
        expected.push(round(&undisturbed, fence(number), "").await.unwrap());
    }
    let start = checkpoint(&store, &undisturbed, fence(2)).await;
    for number in 3..6 {
        expected.push(round(&undisturbed, fence(number), "").await.unwrap());
    }
    assert_ne!(expected[0], expected[3], "the same contributions, but values were kept back meanwhile");

    let restarted = reducer(&store, RETHRESHOLD);
    for started in ["", start.as_str()] {
        let refused = round(&restarted, fence(5), started).await.unwrap_err();
        let words = "reducer 0 was started within lineage 1 and lacks the residual of the rounds before round 5: \
                     the run must return to a checkpoint";
        assert_eq!(refused.to_string(), words);
    }
    for number in 3..6 {
        let again = round(&restarted, after_fall_back(number), &start).await.unwrap();
        assert_eq!(again, expected[number as usize], "round {number}");
    }
}

#[tokio::test]
async fn a_reducer_that_is_started_before_the_first_round_after_a_checkpoint_needs_no_fall_back() {
    let store = Store::in_memory();
    let undisturbed = reducer(&store, RETHRESHOLD);
    for number in 0..3 {
        round(&undisturbed, fence(number), "").await.unwrap();
    }
    let start = checkpoint(&store, &undisturbed, fence(2)).await;
    let expected = round(&undisturbed, fence(3), "").await.unwrap();
    // A newcomer was admitted at the checkpoint.
    let restarted = reducer(&store, RETHRESHOLD);
    assert_eq!(round(&restarted, fence(3), &start).await.unwrap(), expected);
}

#[tokio::test]
async fn a_reducer_that_was_started_within_a_lineage_writes_no_checkpoint_without_its_residual() {
    let store = Store::in_memory();
    round(&reducer(&store, RETHRESHOLD), fence(0), "").await.unwrap();
    let restarted = reducer(&store, RETHRESHOLD);
    let refused = restarted.save(fence(0), "000001-0000000001").await.unwrap_err();
    assert!(matches!(refused, Refusal::ResidualLost { lineage: 1, round: 1, .. }), "{refused}");
    // Sums that are sent as they are leave nothing behind.
    let exact = reducer(&store, "");
    assert_eq!(exact.save(fence(0), "000001-0000000001").await.unwrap(), []);
    stage(&exact, 7, 0, &signs(1.0)).await;
}

#[tokio::test]
async fn a_late_message_of_an_earlier_lineage_changes_no_residual() {
    let store = Store::in_memory();
    let undisturbed = reducer(&store, RETHRESHOLD);
    let disturbed = reducer(&store, RETHRESHOLD);
    for reducer in [&undisturbed, &disturbed] {
        round(reducer, after_fall_back(0), "").await.unwrap();
    }
    let late = round(&disturbed, fence(0), "").await.unwrap_err();
    assert!(matches!(late, Refusal::Stale { .. }), "{late}");
    let expected = round(&undisturbed, after_fall_back(1), "").await.unwrap();
    assert_eq!(round(&disturbed, after_fall_back(1), "").await.unwrap(), expected);
}

#[tokio::test]
async fn a_complete_sum_of_an_earlier_lineage_is_not_made_any_more() {
    let store = Store::in_memory();
    let reducer = reducer(&store, RETHRESHOLD);
    try_stage(&reducer, fence(0), (0, &[0]), &signs(1.0), "").await.unwrap();
    round(&reducer, after_fall_back(0), "").await.unwrap();
    let late = reducer.fetch(fence(0), 0, 0).await.unwrap_err();
    assert!(matches!(late, Refusal::Stale { .. }), "{late}");
}

#[tokio::test]
async fn a_sum_is_made_also_if_the_member_that_asked_for_it_first_is_gone() {
    let reducer = reducer(&Store::in_memory(), RETHRESHOLD);
    try_stage(&reducer, fence(0), (0, &[0]), &signs(1.0), "").await.unwrap();
    tokio::select! {
        biased;
        _ = reducer.fetch(fence(0), 0, 0) => panic!("expected a caller that is gone before the sum is made"),
        () = std::future::ready(()) => {}
    }
    assert!(reducer.fetch(fence(0), 0, 0).await.unwrap().end.is_some());
}

/// Values of a gradient, all the same.
fn floats(value: f32) -> Bytes {
    value.to_le_bytes().repeat(VALUES).into()
}

/// The sum of a round, whole.
async fn sum(reducer: &Arc<RangeReducer>, fence: Fence) -> Vec<u8> {
    let mut parts = Vec::new();
    loop {
        let ready = reducer.fetch(fence, 0, parts.len()).await.unwrap();
        parts.extend(ready.parts);
        if ready.end.is_some() {
            return parts.concat();
        }
    }
}

#[tokio::test]
async fn a_reducer_that_outlives_a_run_serves_the_next_one_in_its_folder() {
    let store = Store::in_memory();
    let reducer = reducer(&store, RETHRESHOLD);
    let far = Fence { lineage: 7_000, membership_epoch: 1, round: 40 };
    announce(&reducer, far, &[0], SIGNS);
    let first = Announcement {
        fence: Fence { lineage: 1_000, membership_epoch: 1, round: 0 },
        encoding: SIGNS,
        seats: reducer.lock().announced.as_ref().unwrap().seats.clone(),
    };
    let refused = reducer.meet(first.clone()).await.unwrap_err();
    assert!(
        matches!(refused, Refusal::Replaced { incarnation: 1 }),
        "nobody has claimed the run anew: {refused}"
    );
    assert_eq!(reducer.lock().newest(), Some(far));
    assert_eq!(crate::claim::claim(&store).await.unwrap(), 1);
    let _told = reducer.meet(first.clone()).await.unwrap();
    let payload = signs(1.0);
    stage_as(&reducer, first.fence, &header(0, &[0], &payload, SIGNS, ""), &payload).await.unwrap();
    assert!(reducer.fetch(first.fence, 0, 0).await.unwrap().end.is_some());
}

#[tokio::test]
async fn an_announcement_of_a_coordinator_that_was_replaced_is_ignored() {
    let reducer = reducer(&Store::in_memory(), "");
    announce(&reducer, after_fall_back(0), &[0], SIGNS);
    announce(&reducer, fence(7), &[0, 1], SIGNS);
    let payload = signs(1.0);
    let told = header(0, &[0], &payload, SIGNS, "");
    stage_as(&reducer, after_fall_back(0), &told, &payload).await.unwrap();
}

#[tokio::test]
async fn a_coordinator_that_was_replaced_and_lives_takes_no_reducer_from_the_one_that_replaced_it() {
    let store = Store::in_memory();
    let reducer = reducer(&store, "");
    let of = |incarnation: u64| Announcement {
        fence: Fence { lineage: incarnation * 1_000, membership_epoch: 1, round: 0 },
        encoding: SIGNS,
        seats: BTreeMap::new(),
    };
    let claim = async || crate::claim::claim(&store).await.unwrap();
    assert_eq!(claim().await, 1);
    let mut old = reducer.meet(of(1)).await.unwrap();
    assert_eq!(claim().await, 2);
    // It knows nothing of the claim yet, and calls again.
    let refused = reducer.meet(of(1)).await.unwrap_err();
    assert!(matches!(refused, Refusal::Replaced { incarnation: 1 }), "{refused}");
    let mut new = reducer.meet(of(2)).await.unwrap();
    assert!(old.recv().await.is_none(), "the new one has its place");
    let refused = reducer.meet(of(1)).await.unwrap_err();
    assert!(matches!(refused, Refusal::Replaced { incarnation: 1 }), "{refused}");
    assert!(
        matches!(new.try_recv(), Err(tokio::sync::mpsc::error::TryRecvError::Empty)),
        "it keeps its place"
    );
}
