//! Many random runs, each audited.

use super::world::{World, settings};
use crate::core::{Input, Outcome};
use stentor_experiment::Strategy;

/// One worker in a group: meetings are frequent, and so are groups that die.
const TWO_TIER_SMALL: &str = "[exchange.two_tier]\ngroup = 1\n[exchange.bmuf]\nblock = 2\n";

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
