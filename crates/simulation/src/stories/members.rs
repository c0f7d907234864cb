use super::world::{World, finished, rounds, settings};
use stentor_experiment::Strategy;
use stentor_rounds::{Arrival, Encoding, Event, Input, Loss, Outcome, SetAside, SumGroup};
use stentor_scores::frame_sums;

#[test]
fn two_workers_join_train_and_finish() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    world.join("a");
    assert!(world.view().waiting.contains("1 of 2 workers"));
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
        assert!(finished(&world), "{:?}", world.outcome);
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
    world.hear_of(a);
    assert_eq!(world.view().waiting, "round 0 waits for contributions: b since 4.9 s");
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
    let run = |newcomers: &[&str]| {
        let mut world = World::new(settings("workers = 1", ""), 1);
        let a = world.join("a");
        world.contribute(a);
        for name in newcomers {
            world.join(name);
        }
        world.settle();
        assert!(finished(&world), "{:?}", world.outcome);
        // Also that all members of a round begin it with the same parameters.
        world.audit();
        world
    };
    let (alone, world) = (run(&[]), run(&["b"]));
    let first_of_both = world.events.iter().find_map(|event| match event {
        Event::Round { fence, contributors, .. } if contributors.len() == 2 => Some(fence.round),
        _ => None,
    });
    // A checkpoint has the number of the round that continues from it.
    let checkpoint = format!("001000-{:010}", first_of_both.expect("a round of both"));
    assert!(world.published.contains(&checkpoint), "{checkpoint}: {:?}", world.published);
    assert!(!alone.published.contains(&checkpoint), "one that is written anyway: {checkpoint}");
}

#[test]
fn ten_newcomers_that_come_within_seconds_share_two_checkpoints_and_one_that_comes_alone_does_not_wait() {
    let mut settings = settings("workers = 1", "");
    settings.experiment.checkpoint.count = 1;
    let mut world = World::new(settings, 1);
    world.join("a");
    let round = |world: &mut World| {
        let before = world.view().fence.round;
        while world.view().fence.round == before && world.outcome.is_none() {
            for process in world.sessions() {
                world.act(process);
            }
        }
        world.now += 900;
    };
    round(&mut world);
    for number in 0..10 {
        world.join(&format!("newcomer-{number}"));
        round(&mut world);
    }
    assert_eq!(world.view().members.len(), 2, "the first one did not wait for the others");
    // Ten seconds after the first one the others are admitted together.
    for _ in 0..3 {
        round(&mut world);
    }
    assert_eq!(world.view().members.len(), 11, "{:?}", world.outcome);
    assert!(world.published.len() <= 2, "one for the first, one for nine: {:?}", world.published);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert!(world.published.len() <= 3, "and the last one: {:?}", world.published);
    world.audit();
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
            assert!(world.view().waiting.contains("1 of 2"), "{}", world.view().waiting);
            world.join(&identity);
            world.settle();
        }
        assert!(finished(&world), "{:?}", world.outcome);
        world.audit();
        assert_eq!(world.parameters(), undisturbed, "death after {death} turns");
    }
}

#[test]
fn a_worker_that_is_not_in_the_roster_cannot_enter_a_fixed_run() {
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
    let assignment = stentor_rounds::Assignment {
        fence: stale.unwrap(),
        slot: 0,
        members: 1,
        leases: vec![],
        ahead: vec![],
        committed_frames: 0,
        total_frames: 0,
        encoding: Encoding::Dense { density: 0.0 },
        strategy: Strategy::Dense,
        sum_group: SumGroup::default(),
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
    assert!(world.view().committed_frames < world.view().total_frames);
}

#[test]
fn a_newcomer_that_is_left_alone_without_its_checkpoint_begins_from_the_one_before() {
    let mut world = World::new(settings("workers = 1", ""), 1);
    let a = world.join("a");
    world.join("b");
    world.contribute(a);
    // The checkpoint for b is being published when a is lost, and is abandoned.
    world.turn(a);
    world.advance();
    world.freeze(a);
    world.input(Input::Leave { identity: "a".into(), reason: "asked to stop".into(), fatal: false });
    let (checkpoint, reason) = ("001000-0000000001".to_owned(), "the store does not answer".to_owned());
    world.feed(Input::PublishFailed { checkpoint, reason, object: None });
    let reasons = world.events.iter().filter_map(|e| match e {
        Event::FellBack { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), ["no member is left"]);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn a_join_of_a_dead_process_that_comes_late_has_the_living_one_ask_once_more() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    world.join("a");
    world.feed(Input::Join { session: 77, identity: "a".into() });
    world.feed(Input::Lost(vec![Loss { session: 77, reason: "its connection broke".into() }]));
    world.join("b");
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
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
    assert!(!world.events.iter().any(|e| matches!(e, Event::FellBack { .. })), "nobody goes back");
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
    assert!(*tau == 4.0 && (density - 0.03).abs() < 1e-9);
}

#[test]
fn a_coordinator_that_is_asked_to_stop_publishes_a_checkpoint_first_and_the_next_one_continues_from_it() {
    for membership in ["elastic", "fixed"] {
        let mut world = World::new(settings(&format!("workers = 2\nmembership = \"{membership}\""), ""), 1);
        let (a, b) = (world.join("a"), world.join("b"));
        world.contribute(a);
        world.feed(Input::Stop);
        assert_eq!((&world.outcome, world.published.len()), (&None, 0), "a round is under way");
        while world.outcome.is_none() {
            assert!(world.act(b) | world.act(a), "{membership}: it waits for nothing");
        }
        assert_eq!(world.outcome, Some(Outcome::Interrupted), "{membership}");
        assert_eq!(world.published, ["001000-0000000001"], "{membership}");
        world.outcome = None;
        world.restart_coordinator();
        assert_eq!(world.view().fence.round, 1, "nothing is repeated");
        world.settle();
        assert!(finished(&world), "{membership}: {:?}", world.outcome);
        world.audit();
    }
}

/// Everybody is asked to stop, and a member hears it before the coordinator has its contribution: a checkpoint without it would be one
/// of another run.
#[test]
fn a_fixed_run_that_stops_publishes_no_checkpoint_of_a_round_that_a_member_has_left() {
    let mut world = World::new(settings("workers = 2\nmembership = \"fixed\"", ""), 1);
    let (a, _) = (world.join("a"), world.join("b"));
    world.contribute(a);
    world.feed(Input::Stop);
    let reason = "asked to stop by a signal".to_owned();
    world.feed(Input::Leave { identity: "b".into(), reason, fatal: false });
    assert_eq!((world.outcome.take(), world.published.len()), (Some(Outcome::Interrupted), 0));
    world.restart_coordinator();
    world.settle();
    assert!(finished(&world), "both are taken in again: {:?}", world.outcome);
    world.audit();
}

#[test]
fn a_coordinator_without_an_open_round_stops_at_once_and_sends_nobody_away_for_good() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    world.join("a");
    world.feed(Input::Stop);
    assert_eq!(world.outcome, Some(Outcome::Interrupted));
    assert!(world.refusals.is_empty(), "another coordinator may come: {:?}", world.refusals);
}

#[test]
fn numbers_that_cannot_be_end_the_membership_of_whoever_sends_them_and_are_in_no_event() {
    for wrong in [
        |arrival: &mut Arrival| arrival.compute_s = f64::INFINITY,
        |arrival: &mut Arrival| arrival.frames = 1 << 40,
        |arrival: &mut Arrival| arrival.payload_bytes = 1 << 63,
        |arrival: &mut Arrival| arrival.sums = frame_sums(arrival.frames, 1e308, 0),
        |arrival: &mut Arrival| arrival.values_sent = u64::MAX,
        |arrival: &mut Arrival| arrival.suggested_tau = f32::NAN,
        |arrival: &mut Arrival| arrival.residual_norm = -1.0,
    ] {
        let mut world = World::new(settings("workers = 3", ""), 1);
        let sessions = ["a", "b", "c"].map(|name| world.join(name));
        let mut lie = super::world::arrival("b", 0, &world.assignment(sessions[1]));
        wrong(&mut lie);
        world.feed(Input::Arrived(lie.clone()));
        assert_eq!(world.outcome, None, "{lie:?}");
        let names: Vec<_> = world.view().members.into_iter().map(|member| member.identity).collect();
        assert_eq!(names, ["a", "c"], "{lie:?}");
        world.settle();
        assert!(finished(&world), "{:?}", world.outcome);
        world.audit();
    }
}

#[test]
fn a_payload_that_a_reducer_sets_aside_is_in_no_sum_and_its_batches_return() {
    let mut world = World::new(settings("workers = 3", ""), 1);
    let sessions = ["a", "b", "c"].map(|name| world.join(name));
    let fence = world.view().fence;
    world.contribute(sessions[0]);
    world.contribute(sessions[1]);
    world.feed(Input::SetAside(SetAside { fence, slot: 1, reason: "its values have a norm of 3e38".into() }));
    let said = |e: &Event| matches!(e, Event::Members { reason, .. } if reason == "b left: its values have a norm of 3e38");
    assert!(world.events.iter().any(said), "{:?}", world.events.last());
    world.settle();
    let first = world.events.iter().find_map(|event| match event {
        Event::Round { contributors, .. } => Some(contributors.clone()),
        _ => None,
    });
    assert_eq!(first.unwrap(), [0, 2], "the round went on without it");
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn a_failure_of_all_members_of_a_round_is_none_of_theirs_and_one_alone_is() {
    let mut world = World::new(settings("workers = 2\nrestarts = 1", ""), 1);
    for _ in 0..6 {
        let sessions = ["a", "b"].map(|name| world.join(name));
        world.act(sessions[0]);
        for session in sessions {
            world.kill(session);
        }
    }
    assert!(world.refusals.is_empty(), "{:?}", world.refusals);
    let sessions = ["a", "b"].map(|name| world.join(name));
    world.settle();
    assert!(finished(&world), "{sessions:?}: {:?}", world.outcome);
    world.audit();
}
