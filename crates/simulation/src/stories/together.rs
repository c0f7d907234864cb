//! Stories of members that are lost together.

use super::world::{World, finished, settings};
use crate::Process;
use stentor_rounds::{Event, Input};

impl World {
    /// The processes die at the same moment, and the coordinator sees all connections break before it does anything else.
    fn kill_together(&mut self, processes: &[Process]) {
        for process in processes {
            self.kill_process(*process);
        }
        self.feed(Input::Tick);
    }
}

/// Why the run went back to a checkpoint.
fn fell_back(world: &World) -> Vec<&str> {
    let events = world.events.iter();
    let reasons = events.filter_map(|event| match event {
        Event::FellBack { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    reasons.collect()
}

#[test]
fn half_of_the_members_die_at_once_and_the_others_are_asked_once() {
    let mut world = World::new(settings("workers = 6", ""), 1);
    let members = ["a", "b", "c", "d", "e", "f"].map(|name| world.join(name));
    for member in &members[..4] {
        world.contribute(*member);
    }
    let before = world.view().fence;
    world.kill_together(&members[3..]);
    let after = world.view().fence;
    assert_eq!((after.round, after.membership_epoch), (before.round, before.membership_epoch + 1));
    assert_eq!((world.faults["again"], world.faults["lost together"]), (3, 1));
    let left = |event: &&Event| matches!(event, Event::Members { reason, .. } if reason.contains(" left: "));
    assert_eq!(world.events.iter().filter(left).count(), 3, "each is in the event log by name");
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert_eq!(fell_back(&world), [""; 0]);
    world.audit();
}

#[test]
fn all_members_die_at_once_and_it_is_no_fault_of_theirs() {
    let mut world = World::new(settings("workers = 3\nrestarts = 1", ""), 1);
    for _ in 0..4 {
        let members = ["a", "b", "c"].map(|name| world.join(name));
        world.contribute(members[0]);
        world.kill_together(&members);
    }
    assert_eq!(fell_back(&world), ["no member is left"; 4]);
    assert!(world.refusals.is_empty(), "{:?}", world.refusals);
    let members = ["a", "b", "c"].map(|name| world.join(name));
    world.settle();
    assert!(finished(&world), "{members:?}: {:?}", world.outcome);
    world.audit();
}

#[test]
fn one_of_a_fixed_run_dies_with_another_and_the_run_goes_back_once() {
    let mut world = World::new(settings("workers = 3\nmembership = \"fixed\"", ""), 1);
    let members = ["a", "b", "c"].map(|name| world.join(name));
    world.contribute(members[0]);
    world.kill_together(&members[1..]);
    assert_eq!(fell_back(&world), ["b is lost: its connection broke"]);
    world.join("b");
    world.join("c");
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

const TWO_TIER: &str = "[exchange]\nstrategy = \"two-tier\"\n[exchange.two_tier]\ngroup = 2\n[exchange.bmuf]\nblock = 3\n\
                        [exchange.gtc]\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n";

/// After one round in two groups of two, with different models, these two die at once.
fn two_of_two_groups(dying: [usize; 2]) -> World {
    let mut world = World::new(settings("workers = 4", TWO_TIER), 1);
    let members = ["a", "b", "c", "d"].map(|name| world.join(name));
    for member in members.iter().cycle().take(3 * members.len()) {
        world.act(*member);
    }
    world.kill_together(&dying.map(|index| members[index]));
    world
}

#[test]
fn a_group_that_dies_in_one_moment_takes_the_run_back_and_one_of_each_group_does_not() {
    let mut whole = two_of_two_groups([2, 3]);
    let reason = "group 1 is lost, with its batches since the last group exchange";
    assert_eq!(fell_back(&whole), [reason]);
    whole.wait(20_100);
    let mut one_of_each = two_of_two_groups([1, 2]);
    assert_eq!(fell_back(&one_of_each), [""; 0], "a has what b had, and d has what c had");
    for world in [&mut whole, &mut one_of_each] {
        world.settle();
        assert!(finished(world), "{:?}", world.outcome);
        world.audit();
    }
}
