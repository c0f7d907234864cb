use super::*;
use crate::{Apply, End, Staging};
use stentor_fail_points::arm;
use stentor_messages::{Report, Written};
use stentor_scores::{FRAMES, LOSS_SUM};

fn apply(actions: &[Action]) -> Apply {
    match actions {
        [Action::Apply(apply)] => **apply,
        other => panic!("expected an update to apply, found {other:?}"),
    }
}

fn staging(actions: &[Action]) -> Staging {
    let found = actions.iter().find_map(|action| match action {
        Action::Stage(staging) => Some((**staging).clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("expected a payload to stage, found {actions:?}"))
}

fn written(name: &str) -> Written {
    Written { name: name.into(), bytes: 8, digest: 1, blake3: None }
}

fn last_boundary() -> Boundary {
    Boundary { checkpoint: Some("1000-1".into()), finished: true, ..Boundary::default() }
}

/// A member that has sent its last report.
fn concluding() -> Worker {
    let (mut worker, actions) = Worker::after_round(last_boundary(), None, ELASTIC);
    assert_eq!(actions, [Action::Save { checkpoint: "1000-1".into(), model: false }]);
    let actions = worker.hears(Input::Saved { written: Vec::new() });
    assert!(matches!(actions[..], [Action::Report { .. }]), "{actions:?}");
    let actions = worker.hears(Input::Reported);
    assert_eq!(actions, [Action::Look { checkpoint: "1000-1".into(), again: false }]);
    worker
}

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

#[test]
fn at_a_boundary_the_state_is_saved_then_dev_data_are_scored_then_the_reducers_save_then_all_is_reported() {
    let boundary = Boundary {
        checkpoint: Some("1000-1".into()),
        dev_share: Some((1, 2)),
        writes_model: true,
        finished: false,
    };
    let (mut worker, actions) = Worker::after_round(boundary, Some(assignment(1, 1)), ELASTIC);
    assert_eq!(actions, [Action::Save { checkpoint: "1000-1".into(), model: true }]);
    let actions = worker.hears(Input::Saved { written: vec![written("model")] });
    assert_eq!(actions, [Action::Score { checkpoint: "1000-1".into(), share: (1, 2) }]);
    let dev = frame_sums(9, 3.0, 4);
    let actions = worker.hears(Input::Scored(dev.clone()));
    assert_eq!(actions, [Action::SaveSums { fence: fence(0), checkpoint: "1000-1".into() }]);
    let actions = worker.hears(Input::Saved { written: vec![written("sum")] });
    let report = Report {
        identity: "b".into(),
        checkpoint: "1000-1".into(),
        written: vec![written("model"), written("sum")],
        dev: Some(dev),
    };
    assert_eq!(actions, [Action::Report { fence: fence(0), report }]);
    assert_eq!(worker.hears(Input::Reported), [Action::Begin(Box::new(assignment(1, 1)))]);
}

#[test]
fn a_member_that_is_asked_to_stop_announces_it_and_leaves_once_its_residual_is_empty() {
    let mut worker = Worker::computing(1, ELASTIC);
    assert_eq!(worker.hears(Input::Stop), [], "it stays");
    worker.hears(Input::Computed { planned_frames: 10, score: Some(score(10)) });
    assert!(contribution(&worker.hears(Input::Encoded(encoded()))).leaving);
    let actions = worker.finish_exchange(0, Boundary::default(), Some(assignment(1, 1)));
    assert_eq!(actions, [Action::MeasureResidual]);
    let actions = worker.hears(Input::Residual { norm: 2.0 });
    assert_eq!(actions, [Action::Begin(Box::new(assignment(1, 1)))]);
    worker.round(1, Boundary::default(), Some(assignment(2, 1)));
    let actions = worker.hears(Input::Residual { norm: 0.0 });
    let leave = Action::Leave { reason: "asked to stop by a signal".into(), fatal: false };
    assert_eq!(actions, [leave, Action::End(End::Stopped { lost_norm: 0.0 })]);
}

#[test]
fn a_member_whose_residual_stays_leaves_after_three_rounds_and_says_what_is_lost() {
    let mut worker = Worker::computing(1, ELASTIC);
    worker.hears(Input::Stop);
    worker.hears(Input::Computed { planned_frames: 10, score: Some(score(10)) });
    worker.hears(Input::Encoded(encoded()));
    worker.finish_exchange(0, Boundary::default(), Some(assignment(1, 1)));
    for round in [1, 2] {
        worker.hears(Input::Residual { norm: 2.0 });
        worker.round(round, Boundary::default(), Some(assignment(round + 1, 1)));
    }
    let actions = worker.hears(Input::Residual { norm: 2.0 });
    let reason = "asked to stop by a signal; a residual of norm 2e0 is lost".into();
    let expected = [Action::Leave { reason, fatal: false }, Action::End(End::Stopped { lost_norm: 2.0 })];
    assert_eq!(actions, expected);
}

#[test]
fn in_a_fixed_run_a_member_that_is_asked_to_stop_leaves_after_the_round() {
    let rules = Rules { fixed: true, ..ELASTIC };
    let mut worker = Worker::computing(1, rules);
    worker.hears(Input::Stop);
    worker.hears(Input::Computed { planned_frames: 10, score: Some(score(10)) });
    worker.hears(Input::Encoded(encoded()));
    let actions = worker.finish_exchange(0, Boundary::default(), Some(assignment(1, 1)));
    assert!(matches!(actions[..], [Action::Leave { .. }, Action::End(End::Stopped { .. })]), "{actions:?}");
}

#[test]
fn a_worker_ends_when_the_last_checkpoint_is_published_and_not_before() {
    let mut worker = concluding();
    let look = Action::Look { checkpoint: "1000-1".into(), again: true };
    assert_eq!(worker.hears(Input::Looked { published: false }), [look]);
    let actions = worker.hears(Input::Looked { published: true });
    let leave = Action::Leave { reason: "the run is finished".into(), fatal: false };
    assert_eq!(actions, [leave, Action::End(End::Finished)]);
    assert!(worker.0.has_ended());
}

#[test]
fn with_the_bug_a_worker_ends_before_the_last_checkpoint_is_published() {
    let (mut worker, _) = Worker::after_round(last_boundary(), None, ELASTIC);
    worker.hears(Input::Saved { written: Vec::new() });
    let _armed = arm("leaves-before-published");
    let actions = worker.hears(Input::Reported);
    assert!(matches!(actions[..], [Action::Leave { .. }, Action::End(End::Finished)]), "{actions:?}");
}

#[test]
fn a_coordinator_that_ends_before_it_answers_the_last_call_has_ended_well_if_the_checkpoint_is_there() {
    let (mut worker, _) = Worker::after_round(last_boundary(), None, ELASTIC);
    worker.hears(Input::Saved { written: Vec::new() });
    let look = Action::Look { checkpoint: "1000-1".into(), again: false };
    assert_eq!(worker.hears(over()), [Action::StartGrace, look]);
    let actions = worker.hears(Input::Looked { published: true });
    assert!(matches!(actions[..], [Action::Leave { .. }, Action::End(End::Finished)]), "{actions:?}");
}

#[test]
fn a_coordinator_that_is_gone_without_the_last_checkpoint_is_joined_again_after_a_while() {
    let mut worker = concluding();
    let actions = worker.hears(over());
    assert_eq!(actions[0], Action::StartGrace);
    let again = worker.hears(Input::Looked { published: false });
    assert_eq!(again, [Action::Look { checkpoint: "1000-1".into(), again: true }]);
    assert_eq!(worker.hears(Input::GraceOver), []);
    let actions = worker.hears(Input::Looked { published: false });
    assert_eq!(joins_again(&actions), "the connection broke");
}

#[test]
fn a_worker_that_is_asked_to_stop_while_it_waits_for_the_last_checkpoint_looks_once_more_and_leaves() {
    let mut worker = concluding();
    assert_eq!(worker.hears(Input::Stop), []);
    let actions = worker.hears(Input::Looked { published: false });
    assert!(matches!(actions[..], [Action::Leave { .. }, Action::End(End::Stopped { .. })]), "{actions:?}");
}

#[test]
fn a_session_that_is_over_is_followed_by_another_unless_the_worker_was_asked_to_stop() {
    let mut worker = Worker::computing(1, ELASTIC);
    let actions = worker.hears(over());
    assert_eq!(joins_again(&actions), "the connection broke");
    let mut worker = Worker::computing(1, ELASTIC);
    worker.hears(Input::Stop);
    assert_eq!(worker.hears(over()), [Action::End(End::Stopped { lost_norm: 0.0 })]);
}

/// The pauses of a worker whose sessions end before a round is completed.
fn pauses(identity: &str, sessions: usize) -> Vec<u64> {
    let (participant, _) = Participant::new(identity);
    let mut worker = Worker(participant);
    let mut pauses = Vec::new();
    for session in 0..sessions {
        let assignment = Box::new(assignment(0, 1));
        worker.hears(Input::Admitted { session: session as u64, assignment, checkpoint: None });
        match worker.hears(over())[..] {
            [Action::Join { after: Some(_), pause_ms }] => pauses.push(pause_ms),
            ref other => panic!("expected to join again, found {other:?}"),
        }
    }
    pauses
}

#[test]
fn a_worker_waits_longer_each_time_that_a_session_ends_in_vain_and_no_two_wait_alike() {
    let (b, c) = (pauses("worker-1", 12), pauses("worker-2", 12));
    assert_eq!(b, pauses("worker-1", 12), "the identity decides");
    assert!(b.iter().zip(&c).all(|(one, other)| one != other), "{b:?} {c:?}");
    for (number, pause) in b.iter().enumerate() {
        let usual = (100 << number).min(10_000);
        assert!((usual / 2..=usual * 3 / 2).contains(pause), "{number}: {pause}");
    }
}

#[test]
fn a_round_that_is_completed_makes_the_next_pause_short_again() {
    let (mut worker, _) = Worker::after_round(Boundary::default(), Some(assignment(1, 1)), ELASTIC);
    for _ in 0..5 {
        worker.hears(over());
        let assignment = Box::new(assignment(0, 1));
        worker.hears(Input::Admitted { session: 6, assignment, checkpoint: None });
    }
    worker.hears(Input::Prepared { rules: ELASTIC });
    worker.round(0, Boundary::default(), Some(assignment(1, 1)));
    match worker.hears(over())[..] {
        [Action::Join { pause_ms, .. }] => assert!(pause_ms <= 150, "{pause_ms}"),
        ref other => panic!("expected to join again, found {other:?}"),
    }
}

#[test]
fn a_failure_within_a_session_is_told_to_the_coordinator_and_one_before_is_not() {
    let failed = Input::Failed { reason: "a label is out of range".into(), fatal: true };
    let mut worker = Worker::computing(1, ELASTIC);
    let leave = Action::Leave { reason: "a label is out of range".into(), fatal: true };
    assert_eq!(worker.hears(failed.clone()), [leave, Action::End(End::Failed)]);
    let (outside, _) = Participant::new("b");
    assert_eq!(Worker(outside).hears(failed), [Action::End(End::Failed)]);
}

#[test]
fn a_worker_that_is_asked_to_stop_before_it_is_admitted_ends_without_a_word() {
    let (worker, _) = Participant::new("b");
    assert_eq!(Worker(worker).hears(Input::Stop), [Action::End(End::Stopped { lost_norm: 0.0 })]);
}

#[test]
fn a_worker_that_is_asked_to_stop_at_the_moment_when_it_is_admitted_leaves_at_once() {
    let (participant, _) = Participant::new("b");
    let mut worker = Worker(participant);
    let mut queue = VecDeque::new();
    let admitted = Input::Admitted { session: 5, assignment: Box::new(assignment(0, 1)), checkpoint: None };
    worker.0.step(admitted, &mut queue);
    worker.0.step(Input::Stop, &mut queue);
    let leave = Action::Leave { reason: "asked to stop by a signal".into(), fatal: false };
    assert_eq!(queue, [leave, Action::End(End::Stopped { lost_norm: 0.0 })], "nothing is loaded");
    assert_eq!(worker.hears(Input::Prepared { rules: ELASTIC }), []);
}

#[test]
fn a_worker_that_is_asked_to_stop_before_it_has_asked_to_join_again_does_not_ask() {
    let mut worker = Worker::computing(1, ELASTIC);
    let mut queue = VecDeque::new();
    worker.0.step(over(), &mut queue);
    worker.0.step(Input::Stop, &mut queue);
    assert_eq!(queue, [Action::End(End::Stopped { lost_norm: 0.0 })]);
}

#[test]
fn a_session_that_ends_twice_voids_no_grace_period() {
    let (mut worker, _) = Worker::after_round(last_boundary(), None, ELASTIC);
    worker.hears(Input::Saved { written: Vec::new() });
    // The call fails, and before the shell has started the grace period the heartbeats' stream ends too.
    let mut queue = VecDeque::new();
    worker.0.step(over(), &mut queue);
    worker.0.step(over(), &mut queue);
    let look = Action::Look { checkpoint: "1000-1".into(), again: true };
    assert_eq!(queue, [Action::StartGrace, look]);
    worker.hears(Input::GraceOver);
    let actions = worker.hears(Input::Looked { published: false });
    joins_again(&actions);
}

#[test]
fn a_session_that_ends_before_the_worker_has_asked_to_join_again_voids_no_join() {
    let (mut worker, _) = Worker::contributing(ELASTIC);
    worker.hears(Input::Fetched { complete: false });
    worker.hears(closed(fence(0), &[0], Boundary::default(), Some(assignment(1, 1))));
    let mut queue = VecDeque::new();
    worker.0.step(Input::Staged { complete: true }, &mut queue);
    assert_eq!(queue.pop_front(), Some(Action::TellStaged));
    assert_eq!(joins_again(queue.make_contiguous()), "a reducer has continued without this member");
    // The coordinator dismisses it while it says so.
    worker.0.step(over(), &mut queue);
    assert_eq!(joins_again(queue.make_contiguous()), "the connection broke");
}

#[test]
fn a_worker_that_has_ended_leaves_whatever_comes() {
    let mut worker = concluding();
    let mut queue = VecDeque::new();
    worker.0.step(Input::Looked { published: true }, &mut queue);
    let expected = queue.clone();
    assert_eq!(expected.back(), Some(&Action::End(End::Finished)));
    worker.0.step(over(), &mut queue);
    worker.0.step(Input::Again { fence: fence(0), sum_group: SumGroup::default() }, &mut queue);
    assert_eq!(queue, expected);
}

#[test]
fn a_change_of_members_that_comes_too_late_voids_nothing() {
    let (mut worker, _) = Worker::contributing(ELASTIC);
    worker.hears(Input::Staged { complete: true });
    worker.hears(Input::Fetched { complete: true });
    let mut queue = VecDeque::new();
    worker.0.step(closed(fence(0), &[0, 1], Boundary::default(), Some(assignment(1, 1))), &mut queue);
    let expected = queue.clone();
    assert!(matches!(expected.front(), Some(Action::Apply(_))), "{expected:?}");
    worker.0.step(Input::Again { fence: fence(1), sum_group: SumGroup::default() }, &mut queue);
    assert_eq!(queue, expected);
}
