use super::world::{World, settings};
use crate::core::{Assignment, Company, Encoding, Event, Input, Outcome};
use stentor_experiment::Strategy;

fn finished(world: &World) -> bool {
    matches!(world.outcome, Some(Outcome::Finished { .. }))
}

#[test]
fn two_workers_join_train_and_finish() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    world.join("a");
    assert!(world.core.view(0).waiting.contains("1 of 2 workers"));
    world.join("b");
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
    assert!(world.published.len() >= 4, "{:?}", world.published);
}

#[test]
fn the_work_and_its_order_of_sums_do_not_depend_on_who_joins_first() {
    let run = |first: &str, second: &str| {
        let mut world = World::new(settings("workers = 2", ""), 1);
        world.join(first);
        world.join(second);
        world.settle();
        world.parameters()
    };
    assert_eq!(run("a", "b"), run("b", "a"));
}

#[test]
fn a_worker_dies_in_the_middle_and_the_others_finish_its_work() {
    let mut world = World::new(settings("workers = 3", ""), 1);
    let dying = world.join("a");
    let (b, c) = (world.join("b"), world.join("c"));
    world.contribute(b);
    world.contribute(c);
    world.kill(dying);
    world.settle();
    assert!(finished(&world));
    world.audit();
}

#[test]
fn whoever_is_silent_beyond_the_deadline_is_dropped_by_name() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    let (a, b) = (world.join("a"), world.join("b"));
    world.freeze(b);
    world.contribute(a);
    world.now += 4_900;
    world.feed(Input::Heard { session: a, doing: "waiting".into() });
    assert_eq!(world.core.view(world.now).waiting, "round 0 waits for b since 4.9 s");
    world.wait(200);
    world.settle();
    assert!(finished(&world));
    world.audit();
    let dropped =
        world.events.iter().any(|e| matches!(e, Event::Members { reason, .. } if reason.contains("b left")));
    assert!(dropped, "{:?}", world.events);
}

#[test]
fn a_newcomer_starts_from_a_checkpoint_written_for_it_and_takes_part() {
    let mut world = World::new(settings("workers = 1", ""), 1);
    let a = world.join("a");
    world.contribute(a);
    world.join("b");
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
    let both = world
        .events
        .iter()
        .any(|e| matches!(e, Event::Round { contributors, .. } if contributors.len() == 2));
    assert!(both);
}

#[test]
fn in_fixed_membership_a_death_ends_in_the_same_bits_as_an_undisturbed_run() {
    let undisturbed = {
        let mut world = World::new(settings("workers = 2\nmembership = \"fixed\"", ""), 1);
        world.join("a");
        world.join("b");
        world.settle();
        assert!(finished(&world));
        world.parameters()
    };
    for death in 1..40 {
        let mut world = World::new(settings("workers = 2\nmembership = \"fixed\"", ""), 1);
        world.join("a");
        world.join("b");
        for _ in 0..death {
            for session in world.sessions() {
                world.act(session);
            }
        }
        let Some(victim) = world.sessions().first().copied() else { break };
        let identity = world.kill(victim).unwrap();
        world.settle();
        if world.outcome.is_none() {
            assert!(
                world.core.view(world.now).waiting.contains("1 of 2"),
                "{}",
                world.core.view(world.now).waiting
            );
            world.join(&identity);
            world.settle();
        }
        assert!(finished(&world), "{:?}", world.outcome);
        world.audit();
        assert_eq!(world.parameters(), undisturbed, "death after {death} turns");
    }
}

#[test]
fn a_stranger_cannot_enter_a_fixed_run() {
    let mut world = World::new(settings("workers = 1\nmembership = \"fixed\"", ""), 1);
    world.join("a");
    world.join("c");
    assert_eq!(world.refusals, ["membership is fixed: expected one of a, found `c`"]);
}

#[test]
fn a_contribution_of_an_old_round_changes_nothing() {
    let mut world = World::new(settings("workers = 1", ""), 1);
    let a = world.join("a");
    world.contribute(a);
    let before = world.events.len();
    let mut stale = None;
    if let Some(Event::Round { fence, .. }) = world.events.iter().find(|e| matches!(e, Event::Round { .. })) {
        stale = Some(*fence);
    }
    let assignment = crate::core::Assignment {
        fence: stale.unwrap(),
        slot: 0,
        members: 1,
        leases: vec![],
        ahead: vec![],
        committed_frames: 0,
        total_frames: 0,
        encoding: Encoding::Dense { density: 0.0 },
        strategy: Strategy::Dense,
        company: Company::default(),
        digest: true,
    };
    world.feed(Input::Arrived(super::world::arrival("a", 0, &assignment)));
    assert_eq!(world.events.len(), before);
    assert!(world.refusals[0].starts_with("expected a contribution to"), "{:?}", world.refusals);
    world.settle();
    assert!(finished(&world));
    world.audit();
}

#[test]
fn replicas_that_disagree_stop_the_run_with_names() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    let a = world.join("a");
    world.join("b");
    let mut assignment = None;
    world.contribute(a);
    if let Some(member) = world.core.view(0).members.get(1) {
        assignment = Some(crate::core::Assignment {
            fence: world.core.view(0).fence,
            slot: member.slot,
            members: 2,
            leases: vec![],
            ahead: vec![],
            committed_frames: 0,
            total_frames: 0,
            encoding: Encoding::Dense { density: 0.0 },
            strategy: Strategy::Dense,
            company: Company::default(),
            digest: true,
        });
    }
    world.contribute(a);
    let assignment = assignment.unwrap();
    world.feed(Input::Arrived(super::world::arrival("b", 99, &assignment)));
    let Assignment { fence, slot, .. } = assignment;
    world.feed(Input::Staged { fence, identity: "b".into(), slot });
    let Some(Outcome::Broken { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert!(
        reason.contains("parameters differ before round 0: a (") && reason.contains("against b ("),
        "{reason}"
    );
}

#[test]
fn too_few_workers_end_the_wait_with_their_names() {
    let mut world = World::new(settings("workers = 3\nmembership = \"fixed\"", ""), 1);
    world.join("a");
    world.wait(20_100);
    let expected = "3 workers expected within 20 s, 1 came (a)";
    assert_eq!(world.outcome, Some(Outcome::LostQuorum { reason: expected.into() }));
}

#[test]
fn training_stops_when_dev_stops_improving() {
    let mut patient = settings("workers = 1", "");
    patient.experiment.schedule.patience = 2;
    let mut world = World::new(patient, 1);
    world.join("a");
    world.settle();
    assert!(finished(&world));
    // The pretended score never improves after the first: two stale evaluations, then one more round ends it.
    assert_eq!(world.published.len(), 4);
    assert!(world.core.view(0).committed_frames < world.core.view(0).total_frames);
}

fn rounds(world: &World) -> Vec<(Encoding, u64)> {
    let rounds = world.events.iter().filter_map(|event| match event {
        Event::Round { encoding, frames, .. } => Some((*encoding, *frames)),
        _ => None,
    });
    rounds.collect()
}

#[test]
fn a_worker_that_dies_while_the_others_stage_has_them_stage_once_more_and_nobody_compute_again() {
    let mut world = World::new(settings("workers = 3", ""), 1);
    let (a, b, c) = (world.join("a"), world.join("b"), world.join("c"));
    world.contribute(a);
    world.act(b);
    world.kill(c);
    assert_eq!(world.faults["again"], 2, "whoever had computed is asked");
    world.settle();
    assert!(finished(&world));
    world.audit();
}

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
    world.feed(Input::Switch { strategy: Strategy::Bmuf });
    assert_eq!(world.core.view(0).switching_to, Some(Strategy::Bmuf));
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

/// One worker in a group: meetings are frequent, and so are groups that die.
const TWO_TIER_SMALL: &str = "[exchange.two_tier]\ngroup = 1\n[exchange.bmuf]\nblock = 2\n";

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
    // Two would now be enough for one group of four: but they hold another model than the rest.
    world.kill(sessions[0]);
    world.kill(sessions[1]);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert!(!world.events.iter().any(|e| matches!(e, Event::FellBack { .. })));
    world.audit();
}

#[test]
fn a_group_that_dies_whole_between_meetings_takes_the_run_back_to_a_checkpoint() {
    let mut world = World::new(settings("workers = 4", TWO_TIER), 1);
    let sessions: Vec<_> = ["a", "b", "c", "d"].into_iter().map(|name| world.join(name)).collect();
    // One round is over: the groups are apart.
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
    assert_eq!(fell_back.unwrap(), "group 1 is lost with all that it did since the groups met");
    world.wait(20_100);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn gtc_begins_dense_then_follows_the_suggested_threshold() {
    let sections =
        "[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\nwarmup_dense = 0.2\nwarmup_falling = 0.3\n";
    let mut world = World::new(settings("workers = 2", sections), 1);
    world.join("a");
    world.join("b");
    world.settle();
    let encodings: Vec<Encoding> = rounds(&world).into_iter().map(|(encoding, _)| encoding).collect();
    assert!(matches!(encodings.first(), Some(Encoding::Dense { .. })));
    let Some(Encoding::Threshold { tau, density }) = encodings.last() else { panic!("{encodings:?}") };
    assert!((tau - 0.01).abs() < 1e-4 && (density - 0.03).abs() < 1e-9);
}

/// Random deaths, freezes, joins, coordinator restarts, switches and orders of arrival.
fn storm(seed: u64, membership: &str) -> World {
    let mut world =
        World::new(settings(&format!("workers = 2\nmembership = \"{membership}\""), TWO_TIER_SMALL), seed);
    let start = [Strategy::Dense, Strategy::Gtc, Strategy::Bmuf, Strategy::TwoTier][seed as usize % 4];
    world.start_with(start);
    let names = if membership == "fixed" { vec!["a", "b"] } else { vec!["a", "b", "c", "d"] };
    world.join("a");
    world.join("b");
    for turn in 0..3_000 {
        if world.outcome.is_some() {
            break;
        }
        let sessions = world.sessions();
        let pick = world.draw(sessions.len() as u64) as usize;
        let fault = world.draw(100);
        // Storms pass: later on faults become rare, so that the run ends.
        let calm = turn > 1_000;
        match (fault, sessions.get(pick)) {
            (0, Some(&session)) if !calm => {
                world.kill(session);
                *world.faults.entry("kill").or_default() += 1;
            }
            (1, Some(&session)) if !calm => {
                world.freeze(session);
                *world.faults.entry("freeze").or_default() += 1;
            }
            (2, _) if !calm => {
                let newest = world.newest();
                world.restart_coordinator(newest);
                *world.faults.entry("restart").or_default() += 1;
            }
            (9, _) if !calm => {
                let to = [Strategy::Dense, Strategy::Gtc, Strategy::Bmuf, Strategy::TwoTier];
                let strategy = to[world.draw(4) as usize];
                world.feed(Input::Switch { strategy });
                *world.faults.entry("switch").or_default() += 1;
            }
            (3..6, _) => {
                let there = world.identities();
                let missing: Vec<_> = names.iter().filter(|n| !there.iter().any(|t| t == *n)).collect();
                if let Some(name) = missing.first() {
                    world.join(name);
                    *world.faults.entry("join").or_default() += 1;
                }
            }
            (6..9, _) => {
                for session in world.sessions() {
                    world.feed(Input::Heard { session, doing: String::new() });
                }
                world.wait(600);
            }
            (_, Some(&session)) => {
                world.act(session);
            }
            (_, None) => {
                let there = world.identities();
                if let Some(name) = names.iter().find(|n| !there.iter().any(|t| t == *n)) {
                    world.join(name);
                }
            }
        }
    }
    world
}

#[test]
fn through_five_hundred_storms_each_batch_counts_exactly_once() {
    let mut faults = std::collections::BTreeMap::<&str, u32>::new();
    let mut over = 0;
    for seed in 0..500 {
        for membership in ["elastic", "fixed"] {
            let world = storm(seed, membership);
            match &world.outcome {
                Some(Outcome::Finished { .. }) => {
                    world.audit();
                    over += 1;
                }
                // All were frozen or gone for longer than the deadline: an honest end.
                Some(Outcome::LostQuorum { .. }) => {}
                other => panic!("seed {seed}, {membership}: {other:?}"),
            }
            for (kind, count) in world.faults {
                *faults.entry(kind).or_default() += count;
            }
        }
    }
    assert!(over > 900, "only {over} of 1000 runs came to their end");
    assert!(
        ["kill", "freeze", "restart", "join", "switch", "again"].iter().all(|k| faults[k] > 100),
        "{faults:?}"
    );
}
