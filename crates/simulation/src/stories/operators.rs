//! Stories of an operator's commands: a checkpoint, a pause, a member that is to go.

use super::world::{World, finished, settings};
use crate::Process;
use stentor_rounds::{Command, Event, Input, Outcome};

const FOUR_MINUTES: u64 = 240_000;

/// Workers of a run whose schedule has one checkpoint, at its end.
fn of(cluster: &str, names: &[&str]) -> (World, Vec<Process>) {
    let mut settings = settings(cluster, "");
    settings.experiment.checkpoint.count = 1;
    let mut world = World::new(settings, 1);
    let processes = names.iter().map(|name| world.join(name)).collect();
    (world, processes)
}

/// All workers take turns until they can only wait.
fn all_wait(world: &mut World) {
    while world.sessions().into_iter().filter(|process| world.act(*process)).count() > 0 {}
}

fn named<'a>(world: &'a World, words: &'a str) -> bool {
    world.events.iter().any(|e| matches!(e, Event::Members { reason, .. } if reason.contains(words)))
}

#[test]
fn a_checkpoint_that_is_asked_for_is_written_at_the_next_boundary_and_all_who_asked_hear_its_name() {
    let (mut world, processes) = of("workers = 2", &["a", "b"]);
    world.contribute(processes[0]);
    world.give(Command::Checkpoint { request: 1 });
    world.give(Command::Checkpoint { request: 2 });
    assert!(world.answers.is_empty(), "a round is under way");
    while world.answers.is_empty() {
        assert!(world.act(processes[0]) | world.act(processes[1]));
    }
    let name = "001000-0000000001".to_owned();
    assert_eq!(world.answers, [(1, Ok(name.clone())), (2, Ok(name.clone()))]);
    assert_eq!(world.published, [name]);
    world.settle();
    assert_eq!(world.published.len(), 2, "one for both, and the last one");
    world.audit();
}

#[test]
fn a_request_outlives_a_checkpoint_that_fails_and_ends_with_the_run() {
    let (mut world, processes) = of("workers = 1", &["a"]);
    world.give(Command::Checkpoint { request: 7 });
    world.contribute(processes[0]);
    world.turn(processes[0]);
    world.advance();
    let (checkpoint, reason) = ("001000-0000000001".to_owned(), "the store does not answer".to_owned());
    world.feed(Input::PublishFailed { checkpoint, reason, object: None });
    world.settle();
    let [(7, Ok(name))] = &*world.answers else { panic!("{:?}", world.answers) };
    assert!(world.published.contains(name), "{name}");

    let (mut world, processes) = of("workers = 2", &["a", "b"]);
    world.contribute(processes[0]);
    world.give(Command::Checkpoint { request: 8 });
    world.input(Input::Replaced { by: 2 });
    let [(8, Err(words))] = &*world.answers else { panic!("{:?}", world.answers) };
    assert_eq!(words, "Another coordinator, incarnation 2, has taken over.");
}

#[test]
fn in_a_pause_members_stay_without_a_deadline_and_the_run_ends_in_the_same_bits() {
    for membership in ["elastic", "fixed"] {
        let cluster = format!("workers = 2\nmembership = \"{membership}\"");
        let undisturbed = {
            let (mut world, _) = of(&cluster, &["a", "b"]);
            world.settle();
            world.parameters()
        };
        let (mut world, processes) = of(&cluster, &["a", "b"]);
        world.contribute(processes[0]);
        world.give(Command::Pause);
        assert!(!world.view().paused.unwrap().held, "its checkpoint is not written yet");
        all_wait(&mut world);
        let paused = world.view().paused.unwrap();
        assert_eq!((paused.by.as_str(), paused.held), ("an operator", true));
        assert_eq!(world.published, ["001000-0000000001"]);
        assert!(world.view().waiting.contains("paused"), "{}", world.view().waiting);
        // Longer than any deadline, and no member sends anything.
        for _ in 0..10 {
            world.wait(FOUR_MINUTES);
        }
        assert_eq!((world.view().members.len(), world.view().fence.round), (2, 1), "{membership}");
        world.give(Command::Checkpoint { request: 3 });
        assert_eq!(world.answers, [(3, Ok("001000-0000000001".to_owned()))], "it has everything");
        world.give(Command::Resume);
        world.feed(Input::Tick);
        assert_eq!((world.view().members.len(), world.view().paused), (2, None), "nobody is late");
        world.settle();
        assert!(finished(&world), "{membership}: {:?}", world.outcome);
        assert_eq!(world.parameters(), undisturbed, "{membership}");
        world.audit();
    }
}

#[test]
fn a_pause_outlives_its_members_its_checkpoint_and_its_coordinator() {
    for membership in ["elastic", "fixed"] {
        let (mut world, processes) = of(&format!("workers = 2\nmembership = \"{membership}\""), &["a", "b"]);
        world.contribute(processes[0]);
        world.give(Command::Pause);
        all_wait(&mut world);
        world.kill(processes[0]);
        world.kill(processes[1]);
        world.wait(FOUR_MINUTES);
        world.restart_coordinator();
        world.wait(FOUR_MINUTES);
        assert_eq!(world.outcome, None, "{membership}: nobody is missed");
        for name in ["a", "b"] {
            world.join(name);
        }
        all_wait(&mut world);
        assert_eq!(world.view().members.len(), 0, "{membership}: no round begins");
        assert!(world.view().paused.unwrap().held);
        world.give(Command::Resume);
        world.settle();
        assert!(finished(&world), "{membership}: {:?}", world.outcome);
        world.audit();
    }
}

#[test]
fn a_pause_whose_checkpoint_fails_closes_one_more_round_and_writes_the_next() {
    let (mut world, processes) = of("workers = 2", &["a", "b"]);
    world.contribute(processes[0]);
    world.give(Command::Pause);
    while world.view().fence.round == 0 {
        world.turn(processes[1]);
        world.advance();
    }
    let (checkpoint, reason) = ("001000-0000000001".to_owned(), "the store does not answer".to_owned());
    world.feed(Input::PublishFailed { checkpoint, reason, object: None });
    all_wait(&mut world);
    assert_eq!(world.published, ["001000-0000000002"]);
    assert!(world.view().paused.unwrap().held);
    world.give(Command::Resume);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn a_paused_run_stops_at_once_when_its_coordinator_is_asked_to() {
    let (mut world, processes) = of("workers = 2", &["a", "b"]);
    world.contribute(processes[0]);
    world.give(Command::Pause);
    all_wait(&mut world);
    world.feed(Input::Stop);
    assert_eq!(world.outcome, Some(Outcome::Interrupted));
    assert_eq!(world.published.len(), 1, "that of the pause has everything");
}

#[test]
fn a_member_that_is_dropped_is_gone_at_once_and_only_a_fixed_run_takes_it_again() {
    let (mut world, processes) = of("workers = 3", &["a", "b", "c"]);
    world.contribute(processes[0]);
    world.give(Command::Drop { identity: "b".into() });
    assert!(named(&world, "b left: dropped by an operator"), "{:?}", world.events.last());
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    let words =
        "`b` was dropped by an operator; start it under another identity, or start the coordinator again";
    assert_eq!(world.refusals.last().map(String::as_str), Some(words));
    world.audit();

    let (mut world, processes) = of("workers = 2\nmembership = \"fixed\"", &["a", "b"]);
    world.contribute(processes[0]);
    world.give(Command::Drop { identity: "b".into() });
    let reason = "b is lost: dropped by an operator";
    assert!(world.events.iter().any(|e| matches!(e, Event::FellBack { reason: said, .. } if said == reason)));
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn a_member_that_is_drained_hands_over_its_residual_and_does_not_come_back_by_itself() {
    let sections =
        "[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n";
    let mut world = World::new(settings("workers = 2", sections), 1);
    let (a, b) = (world.join("a"), world.join("b"));
    for _ in 0..3 {
        for process in [a, b, a, b, a, b] {
            world.act(process);
        }
    }
    world.give(Command::Drain { identity: "b".into() });
    assert!(world.view().members[1].leaving);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    let reasons: Vec<&str> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Members { reason, .. } if reason.starts_with("b left") => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(!reasons[0].contains("is lost"), "its residual is in the model: {reasons:?}");
    assert!(world.identity_of(b).is_none(), "its process has ended");
    world.audit();
}

#[test]
fn what_cannot_be_done_is_refused_with_what_is_there() {
    let (mut world, processes) = of("workers = 2\nmembership = \"fixed\"", &["a", "b"]);
    world.contribute(processes[0]);
    let refusal = |world: &World, command| {
        let input = Input::Command { command, by: "an operator".into() };
        world.core().check(&input).unwrap_err().reason
    };
    let unknown = Command::Drop { identity: "x".into() };
    assert_eq!(refusal(&world, unknown), "expected a member (a, b), found `x`");
    let drain = Command::Drain { identity: "a".into() };
    assert!(refusal(&world, drain).starts_with("membership is fixed: the run cannot go on without a member"));
    assert_eq!(refusal(&world, Command::Resume), "the run is not paused");
    world.give(Command::Pause);
    assert_eq!(refusal(&world, Command::Pause), "the run is paused already, by an operator");
    let (alone, _) = of("workers = 1", &["a"]);
    let drain = Command::Drain { identity: "a".into() };
    assert!(refusal(&alone, drain).starts_with("`a` is the last member"));
    let empty = World::new(settings("workers = 1", ""), 1);
    let nothing = "the run has not begun: there is nothing to save";
    assert_eq!(refusal(&empty, Command::Checkpoint { request: 1 }), nothing);
    assert_eq!(
        refusal(&empty, Command::Drop { identity: "x".into() }),
        "expected a member (there is none), found `x`"
    );
}
