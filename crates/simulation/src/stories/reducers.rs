//! Stories of separate reducers, which die and are started again.

use super::world::{World, finished, settings};
use crate::Process;
use stentor_rounds::{Event, Input, Outcome};

/// A world of two workers with a separate reducer.
fn of(membership: &str, strategy: &str) -> (World, [Process; 2]) {
    let cluster = format!("workers = 2\nmembership = \"{membership}\"");
    let sections = format!(
        "[exchange]\nstrategy = \"{strategy}\"\nreducers = [\"http://r0:1\"]\n[exchange.two_tier]\ngroup = 1\n\
         [exchange.bmuf]\nblock = 2\n[exchange.gtc]\nwarmup_dense = 0.1\nwarmup_falling = 0.1\n"
    );
    let mut world = World::new(settings(&cluster, &sections), 1);
    let processes = ["a", "b"].map(|name| world.join(name));
    (world, processes)
}

/// All workers take turns until they can only wait.
fn all_wait(world: &mut World) {
    while world.sessions().into_iter().filter(|process| world.act(*process)).count() > 0 {}
}

#[test]
fn a_reducer_that_dies_at_any_step_of_a_round_is_staged_with_again_and_nobody_goes_back() {
    for (strategy, membership) in [
        ("dense", "fixed"),
        ("gtc", "fixed"),
        ("gtc", "elastic"),
        ("bmuf", "fixed"),
        ("bmuf", "elastic"),
        ("two-tier", "elastic"),
    ] {
        let undisturbed = {
            let (mut world, _) = of(membership, strategy);
            world.settle();
            assert!(finished(&world), "{:?}", world.outcome);
            world.parameters()
        };
        let mut again = 0;
        // It is started again at once, or when the others can only wait for it.
        for (steps, at_once) in (0..16).flat_map(|steps| [(steps, true), (steps, false)]) {
            let (mut world, processes) = of(membership, strategy);
            for process in processes.iter().cycle().take(steps) {
                world.act(*process);
            }
            world.kill_reducers(0);
            if !at_once {
                all_wait(&mut world);
                let waiting = world.view().waiting;
                assert!(waiting.contains("waits for reducers that do not answer: http://r0:1"), "{waiting}");
            }
            world.start_reducers();
            world.settle();
            let story = format!("{strategy}, {membership}, after {steps} steps: {:?}", world.outcome);
            assert!(finished(&world), "{story}");
            assert!(!world.events.iter().any(|event| matches!(event, Event::FellBack { .. })), "{story}");
            assert_eq!(world.parameters(), undisturbed, "{story}");
            again += world.faults.get("again").copied().unwrap_or_default();
            world.audit();
        }
        assert!(again > 30, "{strategy}, {membership}: members staged once more only {again} times");
    }
}

#[test]
fn whoever_waits_for_a_reducer_is_not_late_and_one_that_does_not_come_back_ends_the_run_by_name() {
    let (mut world, processes) = of("elastic", "dense");
    world.contribute(processes[0]);
    world.kill_reducers(0);
    all_wait(&mut world);
    // Longer than a round's deadline.
    for _ in 0..3 {
        world.now += 4_000;
        processes.iter().for_each(|process| world.hear_of(*process));
        world.feed(Input::Tick);
    }
    assert_eq!((world.view().members.len(), world.outcome.clone()), (2, None));
    world.now += 8_100;
    processes.iter().for_each(|process| world.hear_of(*process));
    world.feed(Input::Tick);
    let reason = "no answer of these reducers within 20 s: http://r0:1".to_owned();
    assert_eq!(world.outcome, Some(Outcome::LostQuorum { reason }));
}

#[test]
fn a_member_that_still_computes_is_not_late_while_a_reducer_is_frozen_and_has_its_whole_time_afterwards() {
    let (mut world, processes) = of("elastic", "dense");
    world.act(processes[0]);
    world.kill_reducers(0);
    // Together longer than a round's deadline, of which nothing counts; then nearly a whole one more.
    for (is_up, time) in [(false, 9_000), (false, 9_000), (true, 9_000)] {
        if is_up {
            world.start_reducers();
        }
        world.now += time;
        processes.iter().for_each(|process| world.hear_of(*process));
        world.feed(Input::Tick);
        assert_eq!(world.view().members.len(), 2, "{:?}", world.events);
    }
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn a_reducer_that_dies_again_and_again_does_not_keep_a_round_open_for_ever() {
    let (mut world, processes) = of("fixed", "gtc");
    world.contribute(processes[0]);
    for _ in 0..33 {
        assert_eq!(world.outcome, None);
        world.kill_reducers(0);
        world.start_reducers();
        world.act(processes[0]);
    }
    let reason = "reducers were lost 32 times in round 0, the last one http://r0:1".to_owned();
    assert_eq!(world.outcome, Some(Outcome::LostQuorum { reason }));
}

#[test]
fn a_reducer_that_does_not_answer_is_waited_for_by_name_and_costs_nobody_anything() {
    let reducers = "[exchange]\nreducers = [\"http://r0:1\", \"http://r1:1\"]\n";
    let mut world = World::new(settings("workers = 2\nrestarts = 1", reducers), 1);
    world.kill_reducers(0);
    let join = |world: &mut World| ["a", "b"].map(|name| world.join(name));
    join(&mut world);
    assert_eq!(
        world.view().waiting,
        "all workers have joined, and reducers do not answer: http://r0:1, http://r1:1 since 0.0 s"
    );
    world.start_reducers();
    world.feed(Input::Reducer { index: 1, is_up: true });
    assert_eq!(world.view().members.len(), 2);
    for _ in 0..5 {
        // It ends in the middle of a round, and with it the calls of all members.
        world.feed(Input::Reducer { index: 1, is_up: false });
        for process in world.sessions() {
            world.kill(process);
        }
        join(&mut world);
        assert!(world.view().waiting.ends_with("http://r1:1 since 0.0 s"), "{}", world.view().waiting);
        world.feed(Input::Reducer { index: 1, is_up: true });
        assert!(world.refusals.is_empty(), "{:?}", world.refusals);
    }
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}
