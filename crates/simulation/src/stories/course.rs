//! Stories of the strategy in force: switches, and the group exchanges of two tiers.

use super::world::{World, finished, rounds, settings};
use stentor_experiment::Strategy;
use stentor_rounds::{Command, Encoding, Event};

#[test]
fn a_switch_from_gtc_first_exchanges_what_residuals_hold_and_then_the_other_strategy_begins() {
    let sections = "[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n\
                    [exchange.bmuf]\nblock = 2\n";
    let mut world = World::new(settings("workers = 2", sections), 1);
    let (a, b) = (world.join("a"), world.join("b"));
    for _ in 0..3 {
        for session in [a, b, a, b, a, b] {
            world.act(session);
        }
    }
    world.give(Command::Switch { strategy: Strategy::Bmuf });
    assert_eq!(world.view().switching_to, Some(Strategy::Bmuf));
    world.settle();
    assert!(finished(&world));
    world.audit();
    let kinds: Vec<Encoding> = rounds(&world).into_iter().map(|(encoding, _)| encoding).collect();
    let last_threshold = kinds.iter().rposition(|e| matches!(e, Encoding::Threshold { .. })).unwrap();
    assert!(matches!(kinds[last_threshold + 1], Encoding::Dense { .. }), "{kinds:?}");
    assert!(kinds[last_threshold + 2..].iter().all(|e| matches!(e, Encoding::Block { .. })), "{kinds:?}");
    let switched = world
        .events
        .iter()
        .filter(|e| matches!(e, Event::Switched { from: Strategy::Gtc, to: Strategy::Bmuf, .. }));
    assert_eq!(switched.count(), 1);
    assert_eq!(world.newest().unwrap().1.strategy, Strategy::Bmuf, "a checkpoint remembers it");
}

#[test]
fn a_switch_is_carried_out_again_if_the_run_returns_to_before_it_also_under_another_coordinator() {
    for membership in ["elastic", "fixed"] {
        let cluster = format!("workers = 2\nmembership = \"{membership}\"");
        let sections = "[exchange]\nstrategy = \"dense\"\n[exchange.bmuf]\nblock = 2\n";
        let mut settings = settings(&cluster, sections);
        settings.experiment.checkpoint.count = 1;
        let mut world = World::new(settings, 1);
        let processes = ["a", "b"].map(|name| world.join(name));
        let blocks = |world: &World| {
            rounds(world).iter().filter(|(encoding, _)| matches!(encoding, Encoding::Block { .. })).count()
        };
        let train_a_block = |world: &mut World| {
            let before = blocks(world);
            while blocks(world) == before {
                assert!(world.sessions().into_iter().filter(|process| world.act(*process)).count() > 0);
            }
        };
        world.contribute(processes[0]);
        world.give(Command::Switch { strategy: Strategy::Bmuf });
        train_a_block(&mut world);
        assert_eq!(
            (world.view().strategy, world.published.len()),
            (Strategy::Bmuf, 0),
            "no checkpoint has it"
        );
        // All members are lost, so that the run returns to its beginning.
        for process in world.sessions() {
            world.kill(process);
        }
        let view = world.view();
        assert_eq!(
            (view.strategy, view.switching_to),
            (Strategy::Dense, Some(Strategy::Bmuf)),
            "{membership}"
        );
        for name in ["a", "b"] {
            world.join(name);
        }
        train_a_block(&mut world);
        world.restart_coordinator();
        let view = world.view();
        assert_eq!(
            (view.strategy, view.switching_to),
            (Strategy::Dense, Some(Strategy::Bmuf)),
            "{membership}"
        );
        world.settle();
        assert!(finished(&world), "{membership}: {:?}", world.outcome);
        assert_eq!(world.newest().unwrap().1.strategy, Strategy::Bmuf);
        world.audit();
    }
}

#[test]
fn whoever_is_asked_to_stop_first_exchanges_what_its_residual_holds_and_then_leaves() {
    let sections =
        "[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n";
    // In `fixed` the run returns to a checkpoint, which has the residual: the member leaves after the round.
    for (membership, kinds_until) in [("elastic", &["threshold", "dense"][..]), ("fixed", &["threshold"][..])]
    {
        let cluster = format!("workers = 3\nmembership = \"{membership}\"");
        let mut world = World::new(settings(&cluster, sections), 1);
        let sessions = ["a", "b", "c"].map(|name| world.join(name));
        let round = |world: &mut World| {
            // Computed, staged, and the boundary done.
            for session in sessions.iter().cycle().take(3 * sessions.len()) {
                world.act(*session);
            }
        };
        round(&mut world);
        round(&mut world);
        world.ask_to_stop(sessions[1]);
        let before = rounds(&world).len();
        while world.identity_of(sessions[1]).is_some() {
            round(&mut world);
        }
        let kinds: Vec<&str> = rounds(&world)[before..]
            .iter()
            .map(|(encoding, _)| match encoding {
                Encoding::Dense { .. } => "dense",
                Encoding::Threshold { .. } => "threshold",
                Encoding::Block { .. } => "block",
            })
            .collect();
        assert_eq!(kinds, *kinds_until, "{membership}");
        let left = |e: &Event| match e {
            Event::Members { reason, .. } => reason == "b left: asked to stop by a signal",
            Event::FellBack { reason, .. } => reason == "b is lost: asked to stop by a signal",
            _ => false,
        };
        assert!(world.events.iter().any(left), "{membership}: {:?}", world.events.last());
        world.join("b");
        world.settle();
        assert!(finished(&world), "{membership}: {:?}", world.outcome);
        world.audit();
    }
}

const TWO_TIER: &str = "[exchange]\nstrategy = \"two-tier\"\n[exchange.two_tier]\ngroup = 2\n[exchange.bmuf]\n\
                        block = 3\n[exchange.gtc]\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n";

#[test]
fn in_two_tier_groups_meet_after_every_block_and_before_the_end() {
    let mut world = World::new(settings("workers = 4", TWO_TIER), 1);
    for name in ["a", "b", "c", "d"] {
        world.join(name);
    }
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
    let rounds = rounds(&world);
    let blocks: Vec<usize> =
        (0..rounds.len()).filter(|i| matches!(rounds[*i].0, Encoding::Block { .. })).collect();
    assert!(blocks.windows(2).all(|pair| pair[1] - pair[0] <= 4), "{blocks:?}");
    assert_eq!(blocks.last(), Some(&(rounds.len() - 1)));
    assert!(blocks.iter().all(|i| rounds[*i].1 == 0), "a meeting counts no frame twice");
    // Two models are averaged, whatever the number of workers.
    let Encoding::Block { momentum, .. } = rounds[blocks[0]].0 else { panic!("{rounds:?}") };
    assert_eq!(momentum, 0.5);
}

#[test]
fn six_workers_make_two_groups_of_three_and_groups_stay_when_somebody_goes_between_meetings() {
    let sections = TWO_TIER.replace("group = 2", "group = 4");
    let mut world = World::new(settings("workers = 6", &sections), 1);
    let sessions: Vec<_> = ["a", "b", "c", "d", "e", "f"].into_iter().map(|name| world.join(name)).collect();
    for session in sessions.iter().cycle().take(3 * sessions.len()) {
        world.act(*session);
    }
    let sizes = |world: &World| world.core().groups().values().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&world), [3, 3]);
    // The four remaining members would make one group, but one of them has another model than the others.
    world.kill(sessions[0]);
    world.kill(sessions[1]);
    assert_eq!(sizes(&world), [1, 3]);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert!(!world.events.iter().any(|e| matches!(e, Event::FellBack { .. })));
    world.audit();
}

#[test]
fn whoever_speaks_for_its_group_goes_at_the_meeting_and_another_one_speaks() {
    let mut world = World::new(settings("workers = 4", TWO_TIER), 1);
    let sessions: Vec<_> = ["a", "b", "c", "d"].into_iter().map(|name| world.join(name)).collect();
    while !world.core().groups_meet() {
        for session in &sessions {
            world.act(*session);
        }
    }
    let before = rounds(&world).len();
    // All have encoded their models for the group exchange, and the one that speaks for a and b is lost.
    for session in &sessions {
        world.act(*session);
    }
    world.kill(sessions[0]);
    world.settle();
    assert!(matches!(rounds(&world)[before].0, Encoding::Block { .. }));
    assert!(!world.events.iter().any(|e| matches!(e, Event::FellBack { .. })), "b has what a had");
    assert!(finished(&world), "{:?}", world.outcome);
    // An invariant says that no group's model is missing.
    world.audit();
}

#[test]
fn a_group_that_dies_whole_between_meetings_takes_the_run_back_to_a_checkpoint() {
    let mut world = World::new(settings("workers = 4", TWO_TIER), 1);
    let sessions: Vec<_> = ["a", "b", "c", "d"].into_iter().map(|name| world.join(name)).collect();
    // After one round the groups have different models.
    for session in sessions.iter().cycle().take(3 * sessions.len()) {
        world.act(*session);
    }
    world.kill(sessions[2]);
    assert!(!world.events.iter().any(|e| matches!(e, Event::FellBack { .. })), "d has what c had");
    world.kill(sessions[3]);
    let fell_back = world.events.iter().find_map(|e| match e {
        Event::FellBack { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(fell_back.unwrap(), "group 1 is lost, with its batches since the last group exchange");
    world.wait(20_100);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}
