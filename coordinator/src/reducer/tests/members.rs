//! Members that say what cannot be, or send what spoils the others' sum.

use super::*;

#[tokio::test]
async fn a_payload_for_a_round_that_nobody_announced_holds_up_nobody() {
    let reducer = reducer(&Store::in_memory(), RETHRESHOLD);
    announce(&reducer, fence(0), &[0], SIGNS);
    let (far, payload) =
        (Fence { lineage: u64::MAX, membership_epoch: u64::MAX, round: u64::MAX }, signs(1.0));
    let told = header(0, &[0], &payload, SIGNS, "");
    let never = tokio::time::timeout(std::time::Duration::ZERO, stage_as(&reducer, far, &told, &payload));
    assert!(never.await.is_err(), "it waits until its round is announced");
    stage(&reducer, 0, 0, &payload).await;
    assert!(reducer.fetch(fence(0), 0, 0).await.unwrap().end.is_some());
    stage(&reducer, 1, 0, &payload).await;
}

#[tokio::test]
async fn only_the_members_of_the_round_stage_and_each_in_its_own_place() {
    let reducer = reducer(&Store::in_memory(), "");
    let mut told = reducer.listen();
    announce(&reducer, fence(0), &[0, 1], SIGNS);
    let payload = signs(1.0);
    let right = header(1, &[0, 1], &payload, SIGNS, "");
    let strange = [
        v1::StageHeader { slot: 9, ..right.clone() },
        v1::StageHeader { session: 7, ..right.clone() },
        v1::StageHeader { slot: 0, ..right.clone() },
    ];
    for header in strange {
        let refused = stage_as(&reducer, fence(0), &header, &payload).await.unwrap_err();
        assert!(matches!(refused, Refusal::Stranger { .. }), "{refused}");
    }
    let refused = reducer.expect(&right, fence(0), |identity| identity == "worker-0").await.unwrap_err();
    assert!(matches!(refused, Refusal::Stranger { slot: 1 }), "another one's certificate: {refused}");
    assert!(told.try_recv().is_err(), "nobody is set aside for what others say in its name");
    assert!(reducer.lock().open.is_empty(), "4,000 groups would cost nothing");
    stage_as(&reducer, fence(0), &right, &payload).await.unwrap();
}

#[tokio::test]
async fn whoever_says_what_its_lease_does_not_allow_is_set_aside_by_its_slot() {
    let right = header(1, &[0, 1], &signs(1.0), SIGNS, "");
    let group = |slots: &[u32]| Some(v1::SumGroup { slots: slots.to_vec(), group: 0, speaks: true });
    let wrong = [
        (
            v1::StageHeader { frames: 1 << 40, ..right.clone() },
            "at most 10 frames by its lease, found 1099511627776",
        ),
        (v1::StageHeader { sum_group: group(&[1]), ..right.clone() }, "expected a contribution to SumGroup"),
        (
            v1::StageHeader { encoding: Some(WHOLE.into()), ..right.clone() },
            "expected values encoded as Threshold",
        ),
        (v1::StageHeader { sections: 4, ..right.clone() }, "expected one vector, found 4"),
    ];
    for (header, words) in wrong {
        let reducer = reducer(&Store::in_memory(), "");
        let mut told = reducer.listen();
        announce(&reducer, fence(0), &[0, 1], SIGNS);
        let refused = reducer.expect(&header, fence(0), |_| true).await.unwrap_err();
        assert!(matches!(refused, Refusal::Payload { slot: 1, .. }), "{refused}");
        let SetAside { slot, reason, .. } = told.try_recv().unwrap();
        assert!(slot == 1 && reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_decoded_is_found_when_it_ends_and_not_when_the_others_need_the_sum() {
    let reducer = reducer(&Store::in_memory(), "");
    let mut told = reducer.listen();
    announce(&reducer, fence(0), &[0, 1], SIGNS);
    let (good, bad) = (signs(1.0), Bytes::from_static(b"no message"));
    stage_as(&reducer, fence(0), &header(0, &[0, 1], &good, SIGNS, ""), &good).await.unwrap();
    let refused = stage_as(&reducer, fence(0), &header(1, &[0, 1], &bad, SIGNS, ""), &bad).await.unwrap_err();
    assert!(matches!(refused, Refusal::Payload { slot: 1, .. }), "{refused}");
    assert_eq!(told.try_recv().unwrap().slot, 1);
}

#[tokio::test]
async fn a_gradient_far_beyond_the_others_is_set_aside_and_the_others_sum_is_as_if_it_had_not_been() {
    for far in [3e38, 1e6] {
        let reducer = reducer(&Store::in_memory(), "");
        let mut told = reducer.listen();
        let everybody = [0, 1, 2, 3, 4];
        announce(&reducer, fence(0), &everybody, WHOLE);
        let mut last = Ok(());
        for slot in everybody {
            let payload = floats(if slot == 2 { far } else { 1.0 });
            let header = header(slot, &everybody, &payload, WHOLE, "");
            last = stage_as(&reducer, fence(0), &header, &payload).await;
        }
        assert!(
            matches!(last, Err(Refusal::Stale { .. })),
            "the one that came last stages once more: {last:?}"
        );
        let SetAside { slot, reason, .. } = told.try_recv().unwrap();
        assert!(slot == 2 && reason.contains("exchange.norm_mads"), "{reason}");
        // The coordinator drops it, and the others stage once more.
        let others = [0, 1, 3, 4];
        let today = Fence { membership_epoch: 2, ..fence(0) };
        announce(&reducer, today, &others, WHOLE);
        for slot in others {
            let payload = floats(1.0);
            stage_as(&reducer, today, &header(slot, &others, &payload, WHOLE, ""), &payload).await.unwrap();
        }
        assert_eq!(sum(&reducer, today).await, floats(1.0));
        assert!(told.try_recv().is_err());
    }
}
