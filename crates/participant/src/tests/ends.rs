//! Boundaries, and how a member leaves or comes to the end.

use super::*;
use crate::End;
use stentor_fail_points::arm;
use stentor_messages::{Report, Written};

fn written(name: &str) -> Written {
    Written { name: name.into(), bytes: 8, digest: 1, blake3: None }
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
