//! Stories of members that are too late, are lost too often, or compute a loss that is not finite.

use super::world::{World, finished, settings};
use crate::Process;
use std::collections::BTreeMap;
use stentor_rounds::{Arrival, Event, Input, Outcome};
use stentor_scores::{LOSS_SUM, Sums};

/// A contribution to the open round, with a loss that is no number.
fn poisoned(world: &World, identity: &str) -> Input {
    let view = world.view();
    let member = view.members.iter().find(|m| m.identity == identity).expect("a member");
    Input::Arrived(Arrival {
        fence: view.fence,
        identity: identity.to_owned(),
        slot: member.slot,
        frames: 0,
        sums: Sums::received([(LOSS_SUM.to_owned(), f64::NAN)].into_iter()).unwrap(),
        by_source: BTreeMap::new(),
        gradient_norm: f64::INFINITY,
        suggested_tau: 0.0,
        values_sent: 0,
        residual_norm: 0.0,
        payload_bytes: 0,
        parameters_digest: None,
        update_digest: None,
        compute_s: 0.0,
        leaving: false,
    })
}

#[test]
fn whoever_finds_no_finite_loss_is_dropped_by_name_and_its_batches_go_to_others() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    world.join("a");
    world.join("b");
    world.feed(poisoned(&world, "a"));
    let refused = world.events.iter().find_map(|event| match event {
        Event::Refused { identity, leases, loss, gradient_norm, .. } => {
            Some((identity.as_str(), leases.len(), loss.as_str(), gradient_norm.as_str()))
        }
        _ => None,
    });
    assert_eq!(refused, Some(("a", 1, "NaN", "inf")));
    assert_eq!(world.outcome, None);
    let members: Vec<_> = world.view().members.into_iter().map(|member| member.identity).collect();
    assert_eq!(members, ["b"]);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn a_batch_that_is_refused_twice_stops_the_run_for_the_data_is_the_cause() {
    let mut world = World::new(settings("workers = 1", ""), 1);
    let a = world.join("a");
    let arrived = poisoned(&world, "a");
    world.freeze(a);
    world.feed(arrived);
    assert_eq!(world.outcome, None);
    world.join("b");
    world.feed(poisoned(&world, "b"));
    let Some(Outcome::NonFinite { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert!(
        reason.starts_with("b found a loss of NaN") && reason.contains("and a found none in"),
        "{reason}"
    );
    assert!(reason.contains("the data or the model is the cause"), "{reason}");
}

#[test]
fn workers_that_all_find_no_finite_loss_in_a_round_stop_the_run_for_the_model_is_the_cause() {
    for (workers, refused) in [(2, "a"), (3, "a and b"), (4, "a and b")] {
        let mut world = World::new(settings(&format!("workers = {workers}"), ""), 1);
        let identities = &["a", "b", "c", "d"][..workers];
        for identity in identities {
            world.join(identity);
        }
        // Of four, the fourth is not waited for.
        let (last, before) = identities[..workers.min(3)].split_last().unwrap();
        for identity in before {
            world.feed(poisoned(&world, identity));
            assert_eq!(world.outcome, None, "{workers} workers");
        }
        world.feed(poisoned(&world, last));
        let Some(Outcome::NonFinite { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
        let why = format!("{refused} found none in the same round: the data or the model is the cause");
        assert!(reason.contains(&why), "{reason}");
    }
}

#[test]
fn a_member_that_lies_while_anothers_machine_fails_does_not_end_the_run_of_the_third() {
    let mut world = World::new(settings("workers = 3", ""), 1);
    for identity in ["a", "b", "c"] {
        world.join(identity);
    }
    world.feed(poisoned(&world, "a"));
    world.feed(poisoned(&world, "b"));
    assert_eq!(world.outcome, None);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn where_poison_stops_the_run_it_says_whose_and_in_which_batches() {
    let mut world = World::new(settings("workers = 2\npoison = \"stop\"", ""), 1);
    world.join("a");
    world.join("b");
    world.feed(poisoned(&world, "b"));
    let Some(Outcome::NonFinite { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert!(
        reason.starts_with("b found a loss of NaN and a gradient norm of inf in machine-labeled"),
        "{reason}"
    );
}

#[test]
fn whoever_dies_again_and_again_is_refused_with_words_and_the_end_names_it() {
    let mut world = World::new(settings("workers = 1\nrestarts = 1", ""), 1);
    for _ in 0..2 {
        let a = world.join("a");
        world.kill(a);
    }
    assert!(world.refusals.is_empty(), "{:?}", world.refusals);
    world.join("a");
    let words = "`a` was lost 2 times without getting into a checkpoint, and `cluster.restarts` allows 1";
    assert!(world.refusals[0].starts_with(words), "{:?}", world.refusals);
    world.wait(20_100);
    let Some(Outcome::LostQuorum { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert!(reason.ends_with("refused, for they were lost too often: a"), "{reason}");
}

#[test]
fn with_fixed_members_one_that_was_lost_too_often_ends_the_run_at_once_by_name() {
    let mut world = World::new(settings("workers = 2\nrestarts = 1\nmembership = \"fixed\"", ""), 1);
    let a = world.join("a");
    for losses in 1..=2 {
        assert_eq!(world.outcome, None, "after {} losses", losses - 1);
        let b = world.join("b");
        world.kill(b);
        // The run falls back to the beginning; living workers join again.
        world.act(a);
    }
    let Some(Outcome::LostQuorum { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert!(reason.contains("lost too often") && reason.ends_with("allows 1): b"), "{reason}");
}

#[test]
fn with_fixed_members_those_who_do_not_come_back_are_named() {
    let mut world = World::new(settings("workers = 3\nmembership = \"fixed\"", ""), 1);
    let [a, b, c] = ["a", "b", "c"].map(|name| world.join(name));
    world.kill(a);
    world.act(b);
    world.act(c);
    world.wait(20_100);
    let Some(Outcome::LostQuorum { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert_eq!(reason, "3 workers expected within 20 s, 2 came (b, c); missing: a");
}

#[test]
fn a_checkpoint_with_its_state_clears_what_a_worker_was_lost_before() {
    let mut world = World::new(settings("workers = 1\nrestarts = 1", ""), 1);
    for _ in 0..4 {
        let a = world.join("a");
        let before = world.published.len();
        while world.published.len() == before {
            assert!(world.act(a), "{:?}", world.refusals);
        }
        if world.outcome.is_some() {
            break;
        }
        world.kill(a);
    }
    assert!(world.refusals.is_empty(), "{:?}", world.refusals);
}

/// A round of two in which the second comes `lag` milliseconds behind the first.
fn round(world: &mut World, first: Process, second: Process, lag: u64) {
    // Both first do their duties at the boundary.
    let before = world.view().fence.round;
    while world.act(first) {}
    world.now += lag;
    while world.view().fence.round == before && world.act(second) {}
}

#[test]
fn where_lags_are_known_a_member_is_not_waited_for_much_longer_than_usual() {
    let keys = "workers = 2\ndeadline_mads = 4.0\ndeadline_floor_s = 0.1";
    let mut settings = settings(keys, "");
    settings.experiment.checkpoint.count = 1;
    let mut world = World::new(settings, 1);
    let (a, b) = (world.join("a"), world.join("b"));
    for _ in 0..20 {
        round(&mut world, a, b, 100);
    }
    assert_eq!(world.outcome, None);
    while world.act(a) {}
    world.freeze(b);
    world.wait(450);
    assert_eq!(world.view().members.len(), 2, "within what is usual");
    world.wait(200);
    assert_eq!(world.view().members.len(), 1, "long before the 5 s of round_deadline_s");
    let words = "b left: its contribution was waited for 0.";
    let said = |e: &Event| matches!(e, Event::Members { reason, .. } if reason.starts_with(words));
    assert!(world.events.iter().any(said), "{:?}", world.events.last());
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}
