//! Stories of checkpoints that are scored on dev data, and of the best one.

use super::world::{World, settings};
use stentor_rounds::{Core, Event, Input, Owes, Report, Settings};
use stentor_scores::{Criterion, FRAME_ERROR, FRAMES, LOSS, Scores, Sums, frame_sums};

fn by(criterion: Criterion) -> Settings {
    let mut settings = settings("workers = 1", "");
    settings.experiment.checkpoint.best = criterion;
    settings
}

/// A run of one worker whose checkpoints are scored with these sums, one after the other, and their names.
fn scored(criterion: Criterion, dev: impl IntoIterator<Item = Sums>) -> (World, Vec<String>) {
    let mut world = World::new(by(criterion), 1);
    let a = world.join("a");
    let mut names = Vec::new();
    for sums in dev {
        while world.view().members[0].owes != Owes::Report {
            assert!(world.act(a), "{:?}", world.outcome);
        }
        let checkpoint = world.core().unpublished().next().expect("a checkpoint in the making").clone();
        names.push(checkpoint.clone());
        let report = Report { identity: "a".into(), checkpoint, written: Vec::new(), dev: Some(sums) };
        world.feed(Input::Reported(report));
    }
    (world, names)
}

/// Loss and correct frames of ten frames: the second is the best by loss, the third by frame error.
fn three() -> [Sums; 3] {
    [frame_sums(10, 20.0, 5), frame_sums(10, 8.0, 4), frame_sums(10, 9.0, 7)]
}

#[test]
fn the_experiment_says_by_which_criterion_a_checkpoint_is_the_best() {
    let (world, names) = scored(FRAME_ERROR, three());
    let value = FRAME_ERROR.of;
    assert_eq!(world.core().best(), Some(&(names[2].clone(), value(&three()[2]).unwrap())));
    assert_eq!(world.core().stale_evaluations(), 0);
    let (world, names) = scored(LOSS, three());
    assert_eq!(world.core().best(), Some(&(names[1].clone(), 0.8)));
    assert_eq!(world.core().stale_evaluations(), 1, "the third is no improvement");
}

#[test]
fn of_equals_the_newest_is_the_best_and_no_improvement() {
    let (world, names) = scored(LOSS, [frame_sums(10, 8.0, 4), frame_sums(20, 16.0, 9)]);
    assert_eq!((world.core().best(), world.core().stale_evaluations()), (Some(&(names[1].clone(), 0.8)), 1));
}

#[test]
fn a_checkpoint_without_a_value_of_the_criterion_is_recorded_and_never_the_best() {
    let mut frames = Sums::default();
    frames.add(FRAMES, 10.0);
    let (world, names) = scored(FRAME_ERROR, [frame_sums(10, 20.0, 5), frames]);
    assert_eq!(world.core().best(), Some(&(names[0].clone(), 50.0)));
    let last = world.events.iter().rev().find_map(|event| match event {
        Event::Dev { checkpoint, scores, .. } => Some((checkpoint, *scores)),
        _ => None,
    });
    assert_eq!(last, Some((&names[1], Scores::default())));
}

#[test]
fn a_run_that_goes_on_by_another_criterion_does_not_compare_with_values_of_the_old_one() {
    let (world, names) = scored(FRAME_ERROR, three());
    let newest = world.newest();
    let same = Core::new(by(FRAME_ERROR), newest.clone(), 0);
    assert_eq!(same.best().map(|(name, _)| name), Some(&names[2]));
    let other = Core::new(by(LOSS), newest, 0);
    assert_eq!((other.best(), other.stale_evaluations()), (None, 0));
}
