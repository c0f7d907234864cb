//! Which rounds of a run count after fall-backs, deaths and replaced coordinators.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use proptest::prelude::*;
use stentor_checkpoint::checkpoint_name;
use stentor_experiment::Source;
use stentor_plan::Lease;
use stentor_runlog::{Encoding, Event, Fence, Return, Timeline};
use stentor_scores::Scores;

/// Lineage and number of a round, or lineage of a checkpoint and the round after it.
type Place = (u64, u64);

fn lease(unit: u64) -> Lease {
    Lease { source: Source::Annotated, pass: 0, unit, first_batch: 0, batches: 1 }
}

fn round((lineage, round): Place, unit: u64) -> Event {
    Event::Round {
        fence: Fence { lineage, membership_epoch: 1, round },
        source: Source::Annotated,
        contributors: vec![0],
        leases: vec![lease(unit)],
        shares: vec![1],
        frames: 10,
        committed_frames: 10 * (round + 1),
        scores: Scores::default(),
        by_source: Vec::new(),
        gradient_norm: 1.0,
        values_sent: 1,
        bytes_up: 1,
        compute_s: 0.0,
        encoding: Encoding::Dense { density: 0.0 },
        at_ms: 0,
    }
}

fn fell_back(lineage: u64, round: u64, from: Option<u64>) -> Event {
    let checkpoint = from.map(|from| checkpoint_name(from, round));
    Event::FellBack { lineage, round, checkpoint, committed_frames: None, reason: "b is lost".into() }
}

/// Returns the rounds that count, in the order of the log.
fn counted(events: &[Event]) -> Vec<Place> {
    let place = |event: &Event| match event {
        Event::Round { fence, .. } => (fence.lineage, fence.round),
        other => panic!("expected a round, found {other:?}"),
    };
    Timeline::of(events).rounds(events).map(place).collect()
}

fn log(rounds: &[Place], returns: &[Event]) -> Vec<Event> {
    rounds.iter().map(|&place| round(place, 0)).chain(returns.iter().cloned()).collect()
}

#[test]
fn commits_after_the_checkpoint_of_a_return_are_void() {
    let rounds = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (2, 4)];
    let first = fell_back(1, 2, Some(0));
    let events = log(&rounds, &[first.clone(), fell_back(2, 3, Some(1))]);
    assert_eq!(counted(&events), [(0, 1), (1, 2), (2, 3), (2, 4)]);
    let events = log(&rounds, &[first, fell_back(2, 0, None)]);
    assert_eq!(counted(&events), [(2, 3), (2, 4)]);
    assert_eq!(counted(&log(&rounds[..3], &[])), rounds[..3]);
    assert_eq!(counted(&[]), []);
}

#[test]
fn a_lineage_without_a_successor_makes_nothing_void() {
    // A second coordinator began at round 1 while the first one went on to round 3, from which a third one took over.
    let rounds = [(0, 0), (0, 1), (1, 1), (0, 2), (2, 3)];
    let events = log(&rounds, &[fell_back(1, 1, Some(0)), fell_back(2, 3, Some(0))]);
    assert_eq!(counted(&events), [(0, 0), (0, 1), (0, 2), (2, 3)]);
}

#[test]
fn a_void_round_is_reported_with_the_return_that_made_it_void() {
    let rounds = [(0, 0), (0, 1), (1, 1), (0, 2), (0, 3), (2, 3)];
    let events = log(&rounds, &[fell_back(1, 1, Some(0)), fell_back(2, 3, Some(0))]);
    let timeline = Timeline::of(&events);
    let by = |lineage, round| timeline.voided_by(lineage, round).map(|back| back.lineage);
    // No lineage continued from lineage 1; it had fallen back to before round 3 of lineage 0 before lineage 2 did.
    assert_eq!((by(1, 1), by(0, 3)), (Some(2), Some(1)));
    assert_eq!((by(0, 2), by(2, 3)), (None, None));
    let back = Return { lineage: 2, round: 3, from: Some(0), reason: "b is lost".into() };
    assert_eq!(timeline.returns().last(), Some(&back));
}

#[test]
fn a_checkpoint_with_void_rounds_is_not_on_the_path() {
    let before = [round((1, 0), 0), fell_back(2, 4, Some(1))];
    let timeline = Timeline::of(&before);
    assert!(timeline.has_checkpoint(1, 4) && !timeline.has_checkpoint(1, 5) && timeline.has_checkpoint(2, 6));
    let timeline = Timeline::of(before.iter().chain(&[fell_back(5, 2, Some(1))]));
    assert!(
        timeline.has_checkpoint(1, 2) && !timeline.has_checkpoint(1, 4) && !timeline.has_checkpoint(2, 4)
    );
}

#[test]
fn returns_in_a_circle_in_a_damaged_log_do_not_loop_for_ever() {
    let events =
        [round((1, 0), 0), fell_back(1, 3, Some(2)), fell_back(2, 3, Some(1)), fell_back(2, 1, None)];
    let timeline = Timeline::of(&events);
    assert_eq!((timeline.counts(1, 0), timeline.counts(2, 9), timeline.returns().count()), (true, true, 2));
}

/// A coordinator's view of a run.
#[derive(Debug, Clone)]
struct Coordinator {
    lineage: u64,
    /// The rounds that count in its view: the one at index k has number k.
    path: Vec<Place>,
}

/// A step of a run. The numbers select among what exists.
#[derive(Debug, Clone, Copy)]
enum Step {
    Close,
    Write,
    FallBack(usize),
    /// A new coordinator takes over from any checkpoint; the old ones may continue without knowing it.
    Restart(usize),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        6 => Just(Step::Close),
        3 => Just(Step::Write),
        1 => any::<usize>().prop_map(Step::FallBack),
        1 => any::<usize>().prop_map(Step::Restart),
    ];
    // In most steps the newest coordinator acts.
    let who = prop_oneof![3 => Just(usize::MAX), 1 => any::<usize>()];
    prop::collection::vec((who, step), 0..80)
}

/// A generated run: its log, its checkpoints with the rounds in each, and the path of its newest coordinator.
#[derive(Debug)]
struct Run {
    events: Vec<Event>,
    checkpoints: Vec<(Place, Vec<Place>)>,
    path: Vec<Place>,
}

fn run(steps: &[(usize, Step)]) -> Run {
    let mut coordinators = vec![Coordinator { lineage: 1000, path: Vec::new() }];
    let (mut events, mut checkpoints) = (Vec::new(), Vec::<(Place, Vec<Place>)>::new());
    for &(who, step) in steps {
        let count = coordinators.len();
        let one = &mut coordinators[if who == usize::MAX { count - 1 } else { who % count }];
        let next = one.path.len() as u64;
        match step {
            Step::Close => {
                one.path.push((one.lineage, next));
                events.push(round((one.lineage, next), events.len() as u64));
            }
            // A checkpoint is written after a round of the lineage.
            Step::Write if one.path.last().is_some_and(|last| last.0 == one.lineage) => {
                checkpoints.push(((one.lineage, next), one.path.clone()));
            }
            Step::Write => {}
            Step::FallBack(choice) => {
                let mine: Vec<_> =
                    checkpoints.iter().filter(|(_, rounds)| one.path.starts_with(rounds)).collect();
                let to = mine.get(choice % (mine.len() + 1)).copied();
                one.lineage += 1;
                one.path.truncate(to.map_or(0, |(_, rounds)| rounds.len()));
                events.push(fell_back(one.lineage, one.path.len() as u64, to.map(|(place, _)| place.0)));
            }
            Step::Restart(choice) => {
                let to = checkpoints.get(choice % (checkpoints.len() + 1)).cloned();
                let path = to.as_ref().map(|(_, rounds)| rounds.clone()).unwrap_or_default();
                let lineage = 1000 * (count as u64 + 1);
                events.push(fell_back(lineage, path.len() as u64, to.map(|(place, _)| place.0)));
                coordinators.push(Coordinator { lineage, path });
            }
        }
    }
    let newest = coordinators.pop().unwrap();
    Run { events, checkpoints, path: newest.path }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_rounds_that_count_are_those_of_the_newest_coordinator(steps in steps()) {
        let Run { events, path, .. } = run(&steps);
        prop_assert_eq!(&counted(&events), &path);
        let timeline = Timeline::of(&events);
        prop_assert_eq!(timeline.leases(&events).count(), path.len());
        for event in &events {
            let Event::Round { fence: Fence { lineage, round, .. }, .. } = event else { continue };
            match timeline.voided_by(*lineage, *round) {
                None => prop_assert!(path.contains(&(*lineage, *round))),
                Some(back) => prop_assert!(!path.contains(&(*lineage, *round)) && back.lineage > *lineage),
            }
        }
    }

    #[test]
    fn a_checkpoint_is_on_the_path_exactly_if_all_its_rounds_are(steps in steps()) {
        let Run { events, checkpoints, path } = run(&steps);
        let timeline = Timeline::of(&events);
        for ((lineage, round), rounds) in checkpoints {
            prop_assert_eq!(timeline.has_checkpoint(lineage, round), path.starts_with(&rounds));
        }
    }

    #[test]
    fn the_order_of_events_does_not_matter(steps in steps()) {
        let Run { events, .. } = run(&steps);
        prop_assert_eq!(Timeline::of(events.iter().rev()), Timeline::of(&events));
    }

    /// Any log, however damaged, has a timeline.
    #[test]
    fn any_returns_make_a_timeline(
        newest in 0_u64..9,
        returns in prop::collection::vec((0_u64..9, 0_u64..5, prop::option::of(0_u64..9)), 0..9),
        lineage in 0_u64..9,
        number in 0_u64..5,
    ) {
        let back = |(lineage, round, from)| Return { lineage, round, from, reason: String::new() };
        let timeline = Timeline::new(newest, returns.into_iter().map(back));
        prop_assert!(!timeline.counts(lineage, number) || timeline.voided_by(lineage, number).is_none());
        prop_assert!(!timeline.counts(lineage, number) || timeline.has_checkpoint(lineage, number));
    }
}
