//! Stories of quarantined row groups.

use super::world::{World, finished, settings};
use stentor_coordinator::state_machine::{BadRowGroup, Event, Input, Outcome};
use stentor_experiment::Source;

fn bad(place: u64, frames: u64) -> BadRowGroup {
    let (file, reason) = ("u/part-00000.parquet".to_owned(), "its bytes have changed".to_owned());
    BadRowGroup { source: Source::MachineLabeled, place, file, row_group: place, frames, reason }
}

fn met(identity: &str, row_groups: &[BadRowGroup]) -> Input {
    Input::Bad { identity: identity.into(), row_groups: row_groups.to_vec() }
}

fn quarantined(world: &World) -> Vec<(u64, &str)> {
    let events = world.events.iter().filter_map(|event| match event {
        Event::Quarantined { row_group, worker, .. } => Some((*row_group, worker.as_str())),
        _ => None,
    });
    events.collect()
}

#[test]
fn a_row_group_is_recorded_once_whoever_meets_it_and_however_often() {
    let mut settings = settings("workers = 2", "");
    settings.experiment.data.max_bad_fraction = 1.0;
    let mut world = World::new(settings, 1);
    world.join("a");
    world.join("b");
    world.feed(met("b", &[bad(3, 261)]));
    world.feed(met("a", &[bad(3, 261), bad(4, 298)]));
    world.feed(met("b", &[bad(4, 298)]));
    // Reports of processes that are not members are ignored.
    world.feed(met("unknown", &[bad(5, 335)]));
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert_eq!(quarantined(&world), [(3, "b"), (4, "a")]);
    let (_, saved) = world.newest().unwrap();
    assert_eq!(saved.quarantined, [bad(3, 261), bad(4, 298)]);
}

#[test]
fn a_later_incarnation_remembers_what_was_set_aside() {
    let mut settings = settings("workers = 1", "");
    settings.experiment.data.max_bad_fraction = 1.0;
    let mut world = World::new(settings, 1);
    let session = world.join("a");
    world.feed(met("a", &[bad(3, 261)]));
    while world.published.is_empty() {
        assert!(world.act(session) || world.outcome.is_none());
    }
    world.restart_coordinator();
    world.feed(met("a", &[bad(3, 261)]));
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert_eq!(quarantined(&world), [(3, "a")]);
}

#[test]
fn too_many_bad_frames_stop_the_run_with_the_list() {
    // The share is that of one source's frames: 261 of 3685 are 7 %.
    let mut settings = settings("workers = 2", "");
    settings.experiment.data.max_bad_fraction = 0.1;
    let mut world = World::new(settings, 1);
    world.join("a");
    world.join("b");
    world.feed(met("a", &[bad(3, 261)]));
    assert_eq!(world.outcome, None);
    world.feed(met("b", &[bad(4, 298)]));
    let Some(Outcome::BadData { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    for words in
        ["at most 10.00 %", "found 15.17 %", "part-00000.parquet, row group 3 (261 frames)", "row group 4"]
    {
        assert!(reason.contains(words), "`{words}` is not in\n{reason}");
    }
    assert_eq!(quarantined(&world), [(3, "a"), (4, "b")]);
}
