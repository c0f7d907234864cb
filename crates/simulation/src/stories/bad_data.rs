//! Stories of row groups that cannot be used, and of members that say so of good ones.

use super::world::{World, finished, settings};
use crate::Process;
use stentor_experiment::Source;
use stentor_rounds::{BadRowGroup, Event, Input, Outcome};

/// The row groups of the units that a member has leases on.
fn leased(world: &World, process: Process) -> Vec<BadRowGroup> {
    let places = world.leased(process).into_iter();
    places
        .map(|(source, place)| {
            let (file, reason) = (format!("part-{place:05}.parquet"), "its bytes have changed".to_owned());
            let frames = 150 + 37 * place;
            BadRowGroup { source, place, file, row_group: place, frames, reason }
        })
        .collect()
}

/// A member says that it cannot use row groups.
fn says(world: &mut World, identity: &str, row_groups: &[BadRowGroup]) {
    let fence = world.view().fence;
    world.feed(Input::Bad { fence, identity: identity.into(), row_groups: row_groups.to_vec() });
}

/// A member meets row groups whose bytes have changed.
fn meets(world: &mut World, identity: &str, row_groups: &[BadRowGroup]) {
    world.change_bytes(row_groups);
    says(world, identity, row_groups);
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
    let (a, b) = (world.join("a"), world.join("b"));
    let (of_a, of_b) = (leased(&world, a), leased(&world, b));
    for _ in 0..2 {
        meets(&mut world, "b", &of_b);
        meets(&mut world, "a", &of_a);
        // What processes say that are not members is ignored.
        meets(&mut world, "unknown", &of_b);
    }
    let mut expected: Vec<_> = of_b.iter().map(|bad| (bad.row_group, "b")).collect();
    expected.extend(of_a.iter().map(|bad| (bad.row_group, "a")));
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert_eq!(quarantined(&world), expected);
    assert_eq!(world.newest().unwrap().1.quarantined.len(), expected.len());
}

#[test]
fn a_later_incarnation_remembers_what_was_set_aside() {
    let mut settings = settings("workers = 1", "");
    settings.experiment.data.max_bad_fraction = 1.0;
    let mut world = World::new(settings, 1);
    let session = world.join("a");
    let bad = leased(&world, session);
    meets(&mut world, "a", &bad);
    while world.published.is_empty() {
        assert!(world.act(session) || world.outcome.is_none());
    }
    world.restart_coordinator();
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    assert_eq!(world.newest().unwrap().1.quarantined, bad);
}

#[test]
fn too_many_bad_frames_stop_the_run_with_the_list() {
    let mut settings = settings("workers = 2", "");
    settings.experiment.data.max_bad_fraction = 0.3;
    let mut world = World::new(settings, 1);
    let (a, b) = (world.join("a"), world.join("b"));
    let mut met = 0;
    while world.outcome.is_none() {
        let bad = leased(&world, a);
        meets(&mut world, "a", &bad);
        met += 1;
        // Whoever is lost comes back at the next boundary.
        world.now += 10_000;
        for _ in 0..3 {
            world.act(a);
            world.act(b);
        }
    }
    assert!(met > 1, "one unit is less than the share that is allowed");
    let Some(Outcome::BadData { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    for words in ["at most 30.00 %", "part-00005.parquet, row group 5 (335 frames)", "so far"] {
        assert!(reason.contains(words), "`{words}` is not in\n{reason}");
    }
    assert!(quarantined(&world).len() > 1);
}

#[test]
fn whoever_says_that_good_data_are_bad_is_lost_and_the_data_are_used() {
    let mut world = World::new(settings("workers = 3", ""), 1);
    let sessions = ["a", "b", "c"].map(|name| world.join(name));
    let invented = leased(&world, sessions[1]);
    says(&mut world, "b", &invented);
    assert_eq!((quarantined(&world), &world.outcome), (Vec::new(), &None));
    let said = |e: &Event| matches!(e, Event::Members { reason, .. } if reason.contains("which the coordinator found whole"));
    assert!(world.events.iter().any(said), "{:?}", world.events.last());
    assert_eq!(world.view().members.len(), 2);
    world.settle();
    assert!(finished(&world), "{:?}", world.outcome);
    world.audit();
}

#[test]
fn a_dozen_invented_row_groups_end_nothing_but_the_membership_of_whoever_invents_them() {
    let mut world = World::new(settings("workers = 3", ""), 1);
    let [a, _, _] = ["a", "b", "c"].map(|name| world.join(name));
    let one = leased(&world, a)[0].clone();
    let invented: Vec<_> =
        (0..11).map(|place| BadRowGroup { place, row_group: place, ..one.clone() }).collect();
    says(&mut world, "b", &invented);
    assert_eq!((quarantined(&world), &world.outcome), (Vec::new(), &None));
    let names: Vec<_> = world.view().members.into_iter().map(|member| member.identity).collect();
    assert_eq!(names, ["a", "c"]);
}

#[test]
fn one_worker_that_cannot_see_its_data_ends_nobody_elses_run() {
    let mut world = World::new(settings("workers = 3", ""), 1);
    let sessions = ["a", "b", "c"].map(|name| world.join(name));
    let unit = leased(&world, sessions[1]);
    let reason = "/data is not there".to_owned();
    world.freeze(sessions[1]);
    world.feed(Input::Leave { identity: "b".into(), reason: reason.clone(), fatal: true });
    assert_eq!(world.outcome, None, "the coordinator has found nothing wrong");
    assert_eq!(world.view().members.len(), 2);
    // A second machine that fails in the same unit confirms it.
    let has = |world: &World, session| leased(world, session).iter().any(|leased| unit.contains(leased));
    let second = loop {
        match (has(&world, sessions[0]), has(&world, sessions[2])) {
            (true, _) => break "a",
            (_, true) => break "c",
            _ => {}
        }
        let moved = [sessions[0], sessions[2]].map(|session| world.act(session));
        assert!(world.outcome.is_none() && moved.contains(&true), "the unit was not dealt again");
    };
    world.feed(Input::Leave { identity: second.into(), reason, fatal: true });
    let Some(Outcome::BadData { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert_eq!(*reason, format!("{second}: /data is not there; b failed in the same unit before"));
}

#[test]
fn data_that_the_coordinator_cannot_use_either_stop_the_run_with_what_both_found() {
    let mut world = World::new(settings("workers = 2", ""), 1);
    world.join("a");
    world.join("b");
    world.missing = Some("u/part-00003.parquet does not exist".into());
    world.feed(Input::Leave { identity: "b".into(), reason: "it is not there".into(), fatal: true });
    let Some(Outcome::BadData { reason }) = &world.outcome else { panic!("{:?}", world.outcome) };
    assert_eq!(
        reason,
        "b: it is not there; the coordinator found the same: u/part-00003.parquet does not exist"
    );
}

#[test]
fn the_source_of_a_row_group_is_part_of_its_name() {
    let mut world = World::new(settings("workers = 1", ""), 1);
    let a = world.join("a");
    let good = leased(&world, a);
    let other = |bad: &BadRowGroup| BadRowGroup {
        source: if bad.source == Source::Annotated { Source::MachineLabeled } else { Source::Annotated },
        ..bad.clone()
    };
    let others: Vec<_> = good.iter().map(other).collect();
    meets(&mut world, "a", &others);
    assert_eq!(quarantined(&world), [], "it has no lease on that source");
}
