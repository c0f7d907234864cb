use super::{Fence, Place, RangeReducer};
use bytes::Bytes;
use stentor_exchange::{Tau, digest, gtc};
use stentor_proto::v1;
use stentor_store::Store;

const VALUES: usize = 64;
const TAU: f32 = 0.5;

fn fence(round: u64) -> Fence {
    Fence { lineage: 1, membership_epoch: 1, round }
}

/// A message of signs: the sign of `value` at every position.
fn signs(value: f32) -> Bytes {
    let (update, residual) = ([value; VALUES], [0.0; VALUES]);
    let (mut rest, mut message) = ([0.0; VALUES], Vec::new());
    gtc::encode(&update, &residual, Tau::exact(TAU).unwrap(), None, &mut rest, &mut message).unwrap();
    message.into()
}

/// The member at `slot`, alone in its group, stages its payload for `round`.
async fn stage(reducer: &RangeReducer, round: u64, slot: u32, payload: &Bytes) {
    let encoding = v1::Encoding {
        kind: Some(v1::encoding::Kind::Threshold(v1::encoding::Threshold { tau: TAU, ..Default::default() })),
    };
    let header = v1::StageHeader {
        slot,
        frames: 10,
        sum_group: Some(v1::SumGroup { slots: vec![slot], group: slot, speaks: true }),
        encoding: Some(encoding),
        sections: 1,
        payload_bytes: payload.len() as u64,
        payload_digest: digest(payload),
        ..Default::default()
    };
    reducer.expect(&header, fence(round)).await.unwrap();
    let place = Place { fence: fence(round), group: slot, slot };
    reducer.add(&place, 0, payload).await.unwrap();
    reducer.end(&place);
}

/// Two tiers: a round closes when both groups have staged, and the members of one group do not wait for those of the other
/// before they begin the next round.
#[tokio::test]
async fn a_group_fetches_its_sum_also_when_another_group_is_a_round_ahead() {
    let (experiment, _) = crate::small_run::small_run("", "");
    let reducer = RangeReducer::new(&experiment, Store::in_memory(), 0, 0..VALUES);
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
