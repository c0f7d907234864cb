//! Stories of replicas that must hold the same parameters and do not.

use super::world::{World, finished, settings};
use crate::Process;
use stentor_rounds::{Event, Outcome};

/// Two workers of a run that writes no checkpoint before its end.
fn of(membership: &str, strategy: &str) -> (World, [Process; 2]) {
    let cluster = format!("workers = 2\nmembership = \"{membership}\"");
    let sections = format!("[exchange]\nstrategy = \"{strategy}\"\n[exchange.bmuf]\nblock = 2\n");
    let mut settings = settings(&cluster, &sections);
    settings.experiment.checkpoint.count = 1;
    let mut world = World::new(settings, 1);
    let processes = ["a", "b"].map(|name| world.join(name));
    (world, processes)
}

/// All take turns until `round` is open and nobody has begun with the next one.
fn until(world: &mut World, round: u64) {
    while world.view().fence.round < round {
        for process in world.sessions() {
            world.act(process);
        }
    }
}

fn fall_backs(world: &World) -> Vec<&str> {
    let reasons = world.events.iter().filter_map(|event| match event {
        Event::FellBack { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    reasons.collect()
}

fn said(world: &World, words: &str) -> usize {
    world
        .events
        .iter()
        .filter(|e| matches!(e, Event::Members { reason, .. } if reason.contains(words)))
        .count()
}

#[test]
fn of_two_that_differ_once_the_run_goes_back_once_and_what_is_computed_again_names_who_was_wrong() {
    for (membership, strategy) in
        [("fixed", "dense"), ("elastic", "gtc"), ("elastic", "bmuf"), ("fixed", "bmuf")]
    {
        let undisturbed = {
            let (mut world, _) = of(membership, strategy);
            world.settle();
            world.parameters()
        };
        let (mut world, [_, b]) = of(membership, strategy);
        until(&mut world, 2);
        world.flip(b, 1, 1.0);
        world.settle();
        assert!(finished(&world), "{membership}, {strategy}: {:?}", world.outcome);
        let reasons = fall_backs(&world);
        assert_eq!(reasons.len(), 1, "{membership}, {strategy}: {reasons:?}");
        assert!(
            reasons[0].starts_with("parameters differ before round ") && reasons[0].contains("against b (")
        );
        assert_eq!(said(&world, "the parameters of b before round "), 1, "{:?}", world.events);
        assert_eq!(said(&world, "the parameters of a"), 0, "{:?}", world.events);
        assert_eq!(world.parameters(), undisturbed, "{membership}, {strategy}");
        world.audit();
    }
}

#[test]
fn whoever_is_wrong_again_and_again_is_lost_by_name_then_refused_and_the_other_one_finishes() {
    let (mut world, [_, b]) = of("elastic", "dense");
    until(&mut world, 2);
    world.flip(b, u32::MAX, 1.0);
    while world.outcome.is_none() {
        // Long enough for a newcomer to be admitted.
        world.now += 4_000;
        for process in world.sessions() {
            world.act(process);
        }
    }
    assert!(finished(&world), "{:?}", world.outcome);
    assert_eq!(fall_backs(&world).len(), 1, "{:?}", fall_backs(&world));
    assert_eq!(said(&world, "b left: its parameters differ before round 0"), 1, "{:?}", world.events);
    assert_eq!(said(&world, "and what they are loaded from has"), 1, "{:?}", world.events);
    assert_eq!(
        (said(&world, "b left: its parameters"), said(&world, "a left")),
        (3, 0),
        "{:?}",
        world.events
    );
    let refused = "the parameters of `b` were wrong 3 times: see to its machine";
    assert!(world.refusals.iter().any(|reason| reason.starts_with(refused)), "{:?}", world.refusals);
    world.audit();
}

#[test]
fn a_fixed_run_cannot_go_on_without_whoever_is_wrong_again_and_again_and_says_who_it_is() {
    let (mut world, [_, b]) = of("fixed", "dense");
    until(&mut world, 2);
    world.flip(b, u32::MAX, 1.0);
    world.settle();
    let Some(Outcome::LostQuorum { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert!(reason.ends_with("these had wrong parameters: b, see to their machines"), "{reason}");
}

#[test]
fn whoever_gets_another_result_from_the_same_sums_is_wrong_where_the_other_one_repeats_its_own() {
    let (mut world, [_, b]) = of("elastic", "dense");
    until(&mut world, 3);
    world.flip(b, 1, 1.0);
    while fall_backs(&world).is_empty() {
        for process in world.sessions() {
            world.act(process);
        }
    }
    // The second time its word on the same round is another false one.
    until(&mut world, 3);
    world.flip(b, 1, 2.0);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert_eq!(fall_backs(&world).len(), 1, "{:?}", fall_backs(&world));
    assert_eq!(said(&world, "b left: its parameters before round"), 1, "{:?}", world.events);
    world.audit();
}

#[test]
fn where_nothing_decides_the_run_goes_back_twice_and_stops_with_both_names() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    world.join("a");
    // Of the first round nothing is known.
    let b = world.start_worker("b");
    world.flip(b, u32::MAX, 1.0);
    world.settle();
    let Some(Outcome::Disagreement { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert!(
        reason.starts_with("parameters differ before round 0: a (") && reason.contains("against b ("),
        "{reason}"
    );
    assert!(
        reason.ends_with("the run went back 2 times, and what was computed again decided nothing"),
        "{reason}"
    );
    assert_eq!(fall_backs(&world).len(), 2);
}

#[test]
fn one_wrong_replica_among_three_is_lost_by_name_and_the_others_go_on() {
    let mut world = World::new(settings("workers = 3", ""), 1);
    let sessions = ["a", "b", "c"].map(|name| world.join(name));
    until(&mut world, 2);
    world.flip(sessions[1], 1, 1.0);
    world.settle();
    assert_eq!(said(&world, "b left: its parameters differ before round 2"), 1, "{:?}", world.events);
    assert!(fall_backs(&world).is_empty(), "{:?}", fall_backs(&world));
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}
