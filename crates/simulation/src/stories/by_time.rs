//! Stories of checkpoints by time (`checkpoint.every`).

use super::world::{World, finished, settings};
use stentor_experiment::{Interval, Membership};
use stentor_rounds::{Event, Settings};

/// Milliseconds that pass while every worker takes one step.
const STEP: u64 = 2_000;

/// Two workers; the schedule has a checkpoint after each half. `patience` would end the run at other rounds if checkpoints by time
/// were scored.
fn of_two(membership: &str, strategy: &str, kind: &str, every: Option<u64>) -> Settings {
    let sections = format!(
        "[exchange]\nstrategy = \"{strategy}\"\n[exchange.two_tier]\ngroup = 1\n[exchange.bmuf]\nblock = 2\nkind = \"{kind}\"\n"
    );
    let mut settings = settings(&format!("workers = 2\nmembership = \"{membership}\""), &sections);
    settings.experiment.checkpoint.count = 2;
    settings.experiment.checkpoint.every = every.map(Interval::of_seconds);
    settings.experiment.schedule.patience = 3;
    settings
}

/// All workers take turns, and time passes, until the run is over. `killed_at`: after so many turns a worker dies and comes back.
fn run(settings: Settings, killed_at: Option<usize>) -> World {
    let mut world = World::new(settings, 1);
    world.join("a");
    world.join("b");
    for turn in 0.. {
        world.now += STEP;
        let moved = world.sessions().into_iter().filter(|process| world.act(*process)).count() > 0;
        if world.outcome.is_some() || !moved {
            break;
        }
        if killed_at == Some(turn) {
            let victim = world.sessions()[0];
            let identity = world.kill(victim).unwrap();
            world.join(&identity);
        }
    }
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
    world
}

fn scored(world: &World) -> Vec<&String> {
    let scored = world.events.iter().filter_map(|event| match event {
        Event::Dev { checkpoint, .. } => Some(checkpoint),
        _ => None,
    });
    scored.collect()
}

#[test]
fn checkpoints_by_time_come_between_those_of_the_schedule_and_change_no_bits_in_any_strategy() {
    for (strategy, kind) in [
        ("dense", "classical"),
        ("gtc", "classical"),
        ("bmuf", "classical"),
        ("bmuf", "nesterov"),
        ("two-tier", "nesterov"),
    ] {
        let undisturbed = run(of_two("fixed", strategy, kind, None), None);
        for every in [9, 23, 41] {
            let world = run(of_two("fixed", strategy, kind, Some(every)), None);
            let words = format!("{strategy}, {kind}, every {every} s");
            assert!(
                world.published.len() >= undisturbed.published.len() + 2,
                "{words}: {:?}",
                world.published
            );
            assert_eq!(scored(&world), scored(&undisturbed), "{words}");
            assert_eq!(world.outcome, undisturbed.outcome, "{words}");
            assert_eq!(world.parameters(), undisturbed.parameters(), "{words}");
        }
    }
}

#[test]
fn a_fixed_run_that_falls_back_to_a_checkpoint_by_time_ends_in_the_same_bits() {
    for (strategy, kind) in
        [("dense", "classical"), ("gtc", "classical"), ("bmuf", "nesterov"), ("two-tier", "classical")]
    {
        let undisturbed = run(of_two("fixed", strategy, kind, None), None).parameters();
        let mut returns = 0;
        for death in (3..80).step_by(7) {
            let world = run(of_two("fixed", strategy, kind, Some(15)), Some(death));
            assert_eq!(world.parameters(), undisturbed, "{strategy}, {kind}, death at {death}");
            let scored = scored(&world);
            let by_time = |event: &&Event| matches!(event, Event::FellBack { checkpoint: Some(name), .. } if !scored.contains(&name));
            returns += world.events.iter().filter(by_time).count();
        }
        assert!(returns >= 3, "{strategy}, {kind}: {returns} returns to a checkpoint by time");
    }
}

#[test]
fn a_checkpoint_of_the_schedule_or_for_a_newcomer_begins_the_time_anew() {
    let mut settings = of_two("elastic", "dense", "classical", Some(60));
    settings.experiment.checkpoint.count = 1;
    let mut world = World::new(settings, 1);
    let (a, b) = (world.join("a"), world.join("b"));
    let round = |world: &mut World| {
        let before = world.view().fence.round;
        while world.view().fence.round == before {
            assert!(world.act(a) | world.act(b));
        }
    };
    round(&mut world);
    world.now += 50_000;
    world.join("c");
    round(&mut world);
    for _ in 0..3 {
        world.act(a);
        world.act(b);
    }
    let of_newcomer = world.published.clone();
    assert_eq!(of_newcomer.len(), 1, "that of the newcomer");
    // A minute after the start, and 20 s after that checkpoint.
    world.now += 20_000;
    assert_eq!(world.view().newest_checkpoint.as_ref(), of_newcomer.last());
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert_eq!(world.published.len(), 2, "that of the newcomer and the last one: {:?}", world.published);
    world.audit();
}

#[test]
fn without_a_setting_time_writes_no_checkpoint() {
    let settings = of_two("elastic", "dense", "classical", None);
    assert_eq!(settings.experiment.cluster.membership, Membership::Elastic);
    let world = run(settings, None);
    assert_eq!(world.published.len(), scored(&world).len(), "{:?}", world.published);
}
