//! Sessions that end, and how the next one is begun.

use super::*;
use crate::End;

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
