//! Stories of members that write checkpoints and score dev data for longer than a round may take.

use super::world::{World, finished, settings};
use crate::Process;
use stentor_rounds::{Event, Input, Owes, Reason, Stage};

/// Two workers at a boundary for which a checkpoint is written; neither has begun with its duties.
fn two_at_a_boundary() -> (World, Process, Process) {
    let mut world = World::new(settings("workers = 2", ""), 1);
    let (a, b) = (world.join("a"), world.join("b"));
    while world.view().members[0].owes != Owes::Report {
        world.act(a);
        world.act(b);
    }
    (world, a, b)
}

/// Some seconds pass, less than the 5 s of `round_deadline_s`; both send heartbeats, and `busy` reports what it does.
fn pass(world: &mut World, idle: Option<Process>, busy: Process, doing: &str) {
    world.now += 4_000;
    idle.into_iter().for_each(|process| world.hear_of(process));
    world.hear_that(busy, doing);
    world.wait(0);
}

/// Half a minute passes, in which `busy` makes progress.
fn pass_slowly(world: &mut World, idle: Option<Process>, busy: Process) {
    let members = world.view().members.len();
    for part in 0..8 {
        pass(world, idle, busy, &format!("scoring part {part}"));
        assert_eq!(world.view().members.len(), members, "after part {part}");
    }
}

/// Scores of whole dev data, and published checkpoints.
fn scores(world: &World) -> (usize, usize) {
    (world.events.iter().filter(|e| matches!(e, Event::Dev { .. })).count(), world.published.len())
}

#[test]
fn whoever_scores_for_long_is_waited_for_and_then_has_its_whole_time_for_its_batches() {
    let (mut world, a, b) = two_at_a_boundary();
    while world.act(a) {}
    pass_slowly(&mut world, Some(a), b);
    let waits = world.core().waits();
    assert_eq!((waits[0].reason, &waits[0].whom), (Reason::Reports, &vec!["b".to_owned()]));
    assert!(world.view().waiting.contains("waits for members that write a checkpoint or score dev data: b"));
    world.act(b);
    pass(&mut world, Some(a), b, "computing");
    assert_eq!(world.view().members.len(), 2, "its time counts from its report");
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
    let (scored, published) = scores(&world);
    assert_eq!(scored, published);
}

#[test]
fn whoever_has_computed_is_not_late_while_others_have_duties() {
    let (mut world, a, b) = two_at_a_boundary();
    // It reports and computes; the reducers take its payload only after that of the other one.
    world.act(a);
    world.act(a);
    assert_eq!(world.view().members[0].owes, Owes::Payload);
    pass_slowly(&mut world, Some(a), b);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn the_last_evaluation_may_take_as_long_as_it_takes() {
    let mut world = World::new(settings("workers = 1", ""), 1);
    let a = world.join("a");
    while !matches!(world.view().stage, Stage::Finishing { .. }) {
        world.act(a);
    }
    pass_slowly(&mut world, None, a);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
    let (scored, published) = scores(&world);
    assert_eq!(scored, published);
}

#[test]
fn a_newcomer_waits_for_its_checkpoint_however_long_the_others_score() {
    let mut world = World::new(settings("workers = 1", ""), 1);
    let a = world.join("a");
    world.contribute(a);
    world.join("b");
    world.act(a);
    world.contribute(a);
    assert_eq!(world.view().members[0].owes, Owes::Report, "a checkpoint for the newcomer");
    pass_slowly(&mut world, None, a);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
    let both = |e: &Event| matches!(e, Event::Round { contributors, .. } if contributors.len() == 2);
    assert!(world.events.iter().any(both));
}

#[test]
fn a_newcomer_whose_checkpoint_the_store_does_not_take_keeps_nobody_waiting_and_may_come_again() {
    let mut world = World::new(settings("workers = 1\nrestarts = 0", ""), 1);
    let a = world.join("a");
    world.contribute(a);
    world.join("b");
    world.act(a);
    world.contribute(a);
    // The report and the next contribution arrive; then only the manifest is missing.
    world.turn(a);
    world.advance();
    world.turn(a);
    while world.view().members[0].owes != Owes::Payload {
        assert!(world.advance());
    }
    assert_eq!(world.view().members.len(), 2);
    for _ in 0..2 {
        world.now += 2_600;
        let session = world.session_of(a).unwrap();
        world.input(Input::Heard { session, doing: "waiting".into() });
        world.input(Input::Tick);
    }
    let words = "b left: its checkpoint was not in the store after 5.2 s";
    let said = |e: &Event| matches!(e, Event::Members { reason, .. } if reason == words);
    assert!(world.events.iter().any(said), "{:?}", world.events.last());
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
    assert!(world.refusals.is_empty(), "{:?}", world.refusals);
}

#[test]
fn whoever_hangs_at_a_boundary_while_its_heartbeats_go_on_is_dropped_with_its_words() {
    let (mut world, a, b) = two_at_a_boundary();
    while world.act(a) {}
    // The 12 s of `boundary_deadline_s` count from the last change of its report.
    for _ in 0..4 {
        pass(&mut world, Some(a), b, "scoring part 7");
        assert_eq!(world.view().members.len(), 2);
    }
    pass(&mut world, Some(a), b, "scoring part 7");
    let words = "b left: it made no progress at its boundary for 16.0 s; it reported `scoring part 7`";
    let said = |e: &Event| matches!(e, Event::Members { reason, .. } if reason == words);
    assert!(world.events.iter().any(said), "{:?}", world.events.last());
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn whoever_is_silent_at_a_boundary_is_dropped_as_at_any_other_time() {
    let (mut world, a, b) = two_at_a_boundary();
    while world.act(a) {}
    world.freeze(b);
    world.now += 5_100;
    world.hear_of(a);
    world.wait(0);
    assert_eq!(world.view().members.len(), 1);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}
