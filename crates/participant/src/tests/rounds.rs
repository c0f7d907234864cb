//! Rounds: what is computed, staged, fetched and applied.

use super::*;
use stentor_fail_points::arm;
use stentor_scores::{FRAMES, LOSS_SUM};

#[test]
fn a_round_without_incident_is_computed_exchanged_and_applied() {
    let (mut worker, actions) = Worker::contributing(ELASTIC);
    let arrival = contribution(&actions);
    assert_eq!((arrival.fence, arrival.slot, arrival.frames, arrival.payload_bytes), (fence(0), 1, 10, 40));
    assert_eq!((arrival.parameters_digest, arrival.update_digest, arrival.leaving), (Some(77), None, false));
    let staged = staging(&actions);
    assert_eq!((staged.frames, staged.lineage_start.as_deref()), (10, Some("1000-7")));
    assert_eq!(actions[2], Action::Fetch { fence: fence(0), group: 0 });
    assert_eq!(worker.hears(Input::Staged { complete: true }), [Action::TellStaged]);
    assert_eq!(worker.hears(Input::Fetched { complete: true }), []);
    let next = assignment(1, 1);
    let actions = worker.hears(closed(fence(0), &[0, 1], Boundary::default(), Some(next.clone())));
    let expected = Apply {
        encoding: ENCODING,
        source: Source::Annotated,
        counted: true,
        frames: 20,
        committed_frames: 1000,
        total_frames: 10_000,
    };
    assert_eq!(apply(&actions), expected);
    let actions = worker.hears(Input::Applied { update_digest: 99 });
    assert_eq!(actions, [Action::Begin(Box::new(next))]);
    worker.hears(Input::Begun { parameters_digest: None, brings: 0 });
    worker.hears(Input::Computed { planned_frames: 10, score: Some(score(10)) });
    let actions = worker.hears(Input::Encoded(encoded()));
    assert_eq!(contribution(&actions).update_digest, Some(99), "that of the update before");
}

#[test]
fn batches_are_computed_in_the_order_of_the_leases_and_each_at_its_place_in_the_schedule() {
    let leases = vec![lease(Source::Annotated, 2), lease(Source::MachineLabeled, 1)];
    let (mut worker, _) = Worker::admitted(Assignment { leases, ..assignment(0, 0) }, ELASTIC);
    let first = batch(&worker.hears(Input::Begun { parameters_digest: None, brings: 0 }));
    let second = batch(&worker.hears(Input::Computed { planned_frames: 10, score: Some(score(8)) }));
    let third = batch(&worker.hears(Input::Computed { planned_frames: 30, score: None }));
    assert_eq!(first.alone(), Lease { first_batch: 4, ..lease(Source::Annotated, 1) });
    assert_eq!(second.alone(), Lease { first_batch: 5, ..lease(Source::Annotated, 1) });
    assert_eq!(third.alone(), lease(Source::MachineLabeled, 1));
    // Both members are assumed to compute as much.
    let clocks = [first, second, third].map(|batch| batch.committed_frames);
    assert_eq!(clocks, [1000, 1020, 1080]);
    worker.hears(Input::Computed { planned_frames: 10, score: Some(score(6)) });
    let arrival = contribution(&worker.hears(Input::Encoded(encoded())));
    assert_eq!(arrival.frames, 14);
    let frames: Vec<(Source, u64)> =
        arrival.by_source.iter().map(|(s, learned)| (*s, learned.count(FRAMES))).collect();
    assert_eq!(frames, [(Source::Annotated, 8), (Source::MachineLabeled, 6)]);
}

#[test]
fn a_batch_that_is_not_finite_voids_the_round_is_recorded_and_the_coordinator_is_told() {
    for bad in [
        BatchScore { sums: frame_sums(10, f64::INFINITY, 5), ..score(10) },
        BatchScore { gradient_norm: f64::NAN, ..score(10) },
    ] {
        let mut worker = Worker::computing(3, ELASTIC);
        worker.hears(Input::Computed { planned_frames: 10, score: Some(score(10)) });
        let actions = worker.hears(Input::Computed { planned_frames: 10, score: Some(bad) });
        assert!(matches!(actions[0], Action::RecordNonFinite(Batch { index: 1, .. })), "{actions:?}");
        let arrival = contribution(&actions);
        assert!(
            arrival.sums.get(LOSS_SUM).is_some_and(f64::is_nan) && arrival.by_source.is_empty(),
            "{arrival:?}"
        );
        assert_eq!((arrival.frames, arrival.payload_bytes, staging(&actions).frames), (0, 0, 0));
    }
}

#[test]
fn a_member_whose_batches_are_all_empty_stages_nothing_and_takes_part() {
    let mut worker = Worker::computing(1, ELASTIC);
    let actions = worker.hears(Input::Computed { planned_frames: 10, score: None });
    assert_eq!((contribution(&actions).frames, staging(&actions).frames), (0, 0));
    worker.hears(Input::Staged { complete: true });
    worker.hears(Input::Fetched { complete: true });
    let next = Some(assignment(1, 1));
    let actions = worker.hears(closed(fence(0), &[0, 1], Boundary::default(), next));
    assert!(!apply(&actions).counted, "it brought no values");
}

#[test]
fn when_members_change_the_same_payload_is_staged_again_for_the_new_membership() {
    let (mut worker, before) = Worker::contributing(ELASTIC);
    worker.hears(Input::Staged { complete: false });
    let fence = Fence { membership_epoch: 2, ..fence(0) };
    let sum_group = SumGroup { slots: vec![1], group: 1, speaks: true };
    let actions = worker.hears(Input::Again { fence, sum_group: sum_group.clone() });
    assert_eq!(contribution(&actions), Arrival { fence, ..contribution(&before) });
    assert_eq!(staging(&actions), Staging { fence, sum_group, ..staging(&before) });
    assert_eq!(actions.last(), Some(&Action::Fetch { fence, group: 1 }));
    assert_eq!(actions.len(), 3, "nothing is computed or encoded again: {actions:?}");
}

#[test]
fn a_member_whose_payload_a_reducer_has_lost_waits_and_stages_the_same_once_more() {
    let (mut worker, before) = Worker::contributing(ELASTIC);
    assert_eq!(worker.hears(Input::Staged { complete: false }), [], "the connection to a reducer broke");
    let fence = Fence { membership_epoch: 2, ..fence(0) };
    let sum_group = staging(&before).sum_group;
    let actions = worker.hears(Input::Again { fence, sum_group });
    assert_eq!(staging(&actions), Staging { fence, ..staging(&before) });
    assert_eq!(worker.hears(Input::Staged { complete: true }), [Action::TellStaged]);
}

#[test]
fn a_sum_of_the_membership_before_does_not_count() {
    let (mut worker, _) = Worker::contributing(ELASTIC);
    worker.hears(Input::Staged { complete: true });
    worker.hears(Input::Fetched { complete: true });
    let today = Fence { membership_epoch: 2, ..fence(0) };
    let sum_group = SumGroup { slots: vec![1], group: 0, speaks: true };
    worker.hears(Input::Again { fence: today, sum_group });
    let next = Some(assignment(1, 1));
    assert_eq!(worker.hears(closed(today, &[1], Boundary::default(), next)), [], "its sum is not here");
    worker.hears(Input::Staged { complete: true });
    assert!(apply(&worker.hears(Input::Fetched { complete: true })).counted);
}

#[test]
fn the_close_of_another_round_or_membership_is_ignored() {
    for other in [fence(1), Fence { membership_epoch: 2, ..fence(0) }, Fence { lineage: 2000, ..fence(0) }] {
        let (mut worker, _) = Worker::contributing(ELASTIC);
        worker.hears(Input::Staged { complete: true });
        worker.hears(Input::Fetched { complete: true });
        let next = Some(assignment(1, 1));
        let update = closed(other, &[0, 1], Boundary::default(), next);
        assert_eq!(worker.hears(update.clone()), []);
        let _armed = arm("stale-incarnation-accepted");
        assert!(matches!(worker.hears(update)[..], [Action::Apply(_)]), "with the bug it is accepted");
    }
}

#[test]
fn a_member_that_does_not_speak_for_its_group_is_silent_until_it_must() {
    let sum_group = SumGroup { slots: vec![0, 1], group: 0, speaks: false };
    let (mut worker, _) = Worker::admitted(Assignment { sum_group, ..assignment(0, 0) }, ELASTIC);
    // It encodes what its group has learned, because the other member may be lost.
    let actions = worker.hears(Input::Begun { parameters_digest: None, brings: 500 });
    assert_eq!(actions, [Action::Encode(ENCODING)]);
    let actions = worker.hears(Input::Encoded(encoded()));
    let arrival = contribution(&actions);
    assert_eq!((arrival.frames, arrival.values_sent, staging(&actions).frames), (0, 0, 0));
    let fence = Fence { membership_epoch: 2, ..fence(0) };
    let sum_group = SumGroup { slots: vec![1], group: 0, speaks: true };
    let actions = worker.hears(Input::Again { fence, sum_group });
    let arrival = contribution(&actions);
    assert_eq!((arrival.frames, arrival.values_sent, staging(&actions).frames), (500, 5, 500));
}

#[test]
fn a_sum_that_changes_when_it_is_fetched_is_fetched_only_after_the_close() {
    let rules = Rules { late_fetch: true, ..ELASTIC };
    let (mut worker, actions) = Worker::contributing(rules);
    assert!(!actions.iter().any(|action| matches!(action, Action::Fetch { .. })), "{actions:?}");
    worker.hears(Input::Staged { complete: true });
    let next = Some(assignment(1, 1));
    let actions = worker.hears(closed(fence(0), &[0, 1], Boundary::default(), next));
    assert_eq!(actions, [Action::Fetch { fence: fence(0), group: 0 }]);
    assert!(matches!(worker.hears(Input::Fetched { complete: true })[..], [Action::Apply(_)]));
}

#[test]
fn a_residual_is_adopted_only_if_the_update_names_this_member() {
    let (mut worker, _) = Worker::contributing(ELASTIC);
    worker.hears(Input::Staged { complete: true });
    worker.hears(Input::Fetched { complete: true });
    let update = |worker: &mut Worker| {
        let next = Some(assignment(1, 1));
        apply(&worker.hears(closed(fence(0), &[0], Boundary::default(), next)))
    };
    assert!(!update(&mut worker).counted);
    let (mut worker, _) = Worker::contributing(ELASTIC);
    worker.hears(Input::Staged { complete: true });
    worker.hears(Input::Fetched { complete: true });
    let _armed = arm("residual-adopted-uncounted");
    assert!(update(&mut worker).counted, "with the bug it is adopted in any case");
}

#[test]
fn a_member_without_which_the_reducers_continue_joins_again() {
    let (mut worker, _) = Worker::contributing(ELASTIC);
    worker.hears(Input::Staged { complete: true });
    worker.hears(Input::Fetched { complete: false });
    let next = Some(assignment(1, 1));
    let actions = worker.hears(closed(fence(0), &[0], Boundary::default(), next));
    assert_eq!(joins_again(&actions), "a reducer has continued without this member");
}
