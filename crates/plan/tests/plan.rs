//! How row groups are combined into units, and what a plan depends on.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use proptest::prelude::*;
use stentor_experiment::{Batch, Interleave, Schedule, Source};
use stentor_plan::{Catalogue, Error, Lease, Plan, RowGroup};

fn catalogue(row_groups: &[(u64, u32)]) -> Catalogue {
    Catalogue {
        row_groups: row_groups.iter().map(|&(frames, utterances)| RowGroup { frames, utterances }).collect(),
    }
}

fn annotated_only(row_groups: &[(u64, u32)], batch: &Batch) -> Result<Plan, Error> {
    Plan::new(catalogue(row_groups), None, batch, &Schedule::default(), 1)
}

/// Batches of 10 chunks of 10 frames, units of 2 batches.
fn small() -> Batch {
    Batch { chunk_frames: 10, chunks: 10, unit_batches: 2, ..Batch::default() }
}

#[test]
fn a_unit_takes_row_groups_until_they_give_enough_batches() {
    // 90 frames in 2 utterances are 10 chunks: one batch.
    let plan = annotated_only(&[(90, 2); 5], &small()).unwrap();
    let spans: Vec<_> = (0..3).map(|u| plan.unit(Source::Annotated, u).unwrap()).collect();
    assert_eq!(plan.units(Source::Annotated), 3);
    assert_eq!(spans.iter().map(|s| s.row_groups.clone()).collect::<Vec<_>>(), [0..2, 2..4, 4..5]);
    assert_eq!(spans.iter().map(|s| s.batches).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(spans.iter().map(|s| s.frames).collect::<Vec<_>>(), [180, 180, 90]);
}

#[test]
fn a_row_group_is_never_cut_however_many_batches_it_gives() {
    let plan = annotated_only(&[(990, 2), (10, 1)], &small()).unwrap();
    assert_eq!(plan.unit(Source::Annotated, 0).unwrap().batches, 10);
    assert_eq!(plan.unit(Source::Annotated, 1).unwrap().batches, 1);
}

#[test]
fn batches_are_rounded_to_the_nearest_number_but_never_to_none() {
    let batches_of = |frames| {
        annotated_only(&[(frames, 0)], &small()).unwrap().unit(Source::Annotated, 0).unwrap().batches
    };
    assert_eq!([1, 49, 149, 150, 249, 250].map(batches_of), [1, 1, 1, 2, 2, 3]);
}

#[test]
fn row_groups_without_frames_make_a_unit_of_one_empty_batch() {
    let plan = annotated_only(&[(200, 1), (0, 0), (0, 0)], &small()).unwrap();
    let empty = plan.unit(Source::Annotated, 1).unwrap();
    assert_eq!((empty.row_groups, empty.frames, empty.batches), (1..3, 0, 1));
}

#[test]
fn annotated_data_comes_round_many_times_in_a_pass_over_the_unannotated() {
    let schedule = Schedule { passes: 3, annotated_passes: 4, ..Schedule::default() };
    let with =
        Plan::new(catalogue(&[(100, 1)]), Some(catalogue(&[(1000, 9)])), &small(), &schedule, 1).unwrap();
    assert_eq!(Source::ALL.map(|s| with.passes(s)), [12, 3]);
    assert_eq!(with.total_frames(), 12 * 100 + 3 * 1000);

    let without = Plan::new(catalogue(&[(100, 1)]), None, &small(), &schedule, 1).unwrap();
    assert_eq!(Source::ALL.map(|s| without.passes(s)), [3, 0]);
    assert_eq!(without.total_frames(), 3 * 100);
}

#[test]
fn a_source_that_is_used_must_contain_frames() {
    assert_eq!(annotated_only(&[], &small()), Err(Error::NoFrames { data: Source::Annotated }));
    assert_eq!(annotated_only(&[(0, 3)], &small()), Err(Error::NoFrames { data: Source::Annotated }));
    let some = || catalogue(&[(100, 1)]);
    let schedule = Schedule::default();
    let error = Plan::new(some(), Some(catalogue(&[])), &small(), &schedule, 1).unwrap_err();
    assert_eq!(error, Error::NoFrames { data: Source::MachineLabeled });
    assert!(error.to_string().starts_with("the machine-labeled data contains no frames"), "{error}");

    // A source that is not used may be empty.
    let schedule = Schedule { annotated_passes: 0, ..schedule };
    let plan = Plan::new(catalogue(&[]), Some(some()), &small(), &schedule, 1).unwrap();
    assert_eq!(Source::ALL.map(|s| plan.total_batches(s)), [0, 4]);
}

#[test]
fn settings_that_make_no_batches_are_named() {
    let batch = Batch { chunk_frames: 0, ..small() };
    assert_eq!(annotated_only(&[(100, 1)], &batch), Err(Error::Zero { key: "batch.chunk_frames" }));
    let schedule = Schedule { passes: 0, ..Schedule::default() };
    let error = Plan::new(catalogue(&[(100, 1)]), None, &small(), &schedule, 1);
    assert_eq!(error, Err(Error::Zero { key: "schedule.passes" }));
}

#[test]
fn sizes_from_a_broken_manifest_are_errors_and_no_overflows() {
    for row_groups in [&[(u64::MAX, 1)][..], &[(1 << 62, 1); 5], &[(1, u32::MAX), (1, u32::MAX)]] {
        let batch = Batch { chunk_frames: 10_000, chunks: 4096, unit_batches: 1 << 20, ..Batch::default() };
        let error = annotated_only(row_groups, &batch).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
    let schedule = Schedule { passes: u32::MAX, annotated_passes: 2, ..Schedule::default() };
    let error = Plan::new(catalogue(&[(100, 1)]), Some(catalogue(&[(100, 1)])), &small(), &schedule, 1);
    assert!(matches!(error, Err(Error::TooLarge { .. })), "{error:?}");
}

#[test]
fn leases_of_another_plan_are_refused_with_the_plans_bounds() {
    let plan = annotated_only(&[(300, 0)], &small()).unwrap();
    let good = Lease { source: Source::Annotated, pass: 3, unit: 0, first_batch: 1, batches: 2 };
    assert_eq!(plan.check_lease(&good), Ok(()));
    assert_eq!(plan.planned_frames(&good), 200);

    for (data, unit, units) in
        [(Source::Annotated, 1, 1), (Source::Annotated, u64::MAX, 1), (Source::MachineLabeled, 0, 0)]
    {
        let no_unit = Error::NoSuchUnit { data, unit, units };
        assert_eq!(plan.check_lease(&Lease { source: data, unit, ..good }), Err(no_unit));
    }
    for bad in [
        Lease { pass: 4, ..good },
        Lease { batches: 0, ..good },
        Lease { batches: 3, ..good },
        Lease { first_batch: u32::MAX, batches: u32::MAX, ..good },
    ] {
        let expected = Error::NoSuchBatches { lease: bad, batches: 3, passes: 4 };
        assert_eq!(plan.check_lease(&bad), Err(expected));
        assert_eq!(plan.planned_frames(&bad), 0);
    }
}

#[test]
fn a_fingerprint_changes_with_everything_that_the_plan_depends_on() {
    let base = |seed, batch: &Batch, schedule: &Schedule, extra: Option<(u64, u32)>| {
        let mut data = vec![(100, 2), (200, 3)];
        data.extend(extra);
        Plan::new(catalogue(&data), Some(catalogue(&[(500, 5)])), batch, schedule, seed)
            .unwrap()
            .fingerprint()
    };
    let (batch, schedule) = (Batch::default(), Schedule::default());
    let mut prints = vec![
        base(1, &batch, &schedule, None),
        base(2, &batch, &schedule, None),
        base(1, &batch, &schedule, Some((1, 1))),
        base(1, &Batch { chunk_frames: 40, ..batch.clone() }, &schedule, None),
        base(1, &Batch { left_context: 40, ..batch.clone() }, &schedule, None),
        base(1, &Batch { right_context: 40, ..batch.clone() }, &schedule, None),
        base(1, &Batch { chunks: 40, ..batch.clone() }, &schedule, None),
        base(1, &Batch { unit_batches: 40, ..batch.clone() }, &schedule, None),
        base(1, &batch, &Schedule { passes: 9, ..schedule.clone() }, None),
        base(1, &batch, &Schedule { annotated_passes: 9, ..schedule.clone() }, None),
        base(1, &batch, &Schedule { sub_epoch_batches: 9, ..schedule.clone() }, None),
        base(1, &batch, &Schedule { interleave: Interleave::Batch, ..schedule.clone() }, None),
    ];
    let number = prints.len();
    // Settings of learning may change during a run.
    assert_eq!(prints[0], base(1, &batch, &Schedule { learning_rate: 1.0, ..schedule }, None));
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), number);
}

#[test]
fn each_seed_source_and_pass_has_its_own_order_of_units() {
    let order = |seed, source, pass| -> Vec<u64> {
        let units = || catalogue(&[(200, 1); 20]);
        let plan = Plan::new(units(), Some(units()), &small(), &Schedule::default(), seed).unwrap();
        (0..20).map(|place| plan.unit_at(source, pass, place).unwrap()).collect()
    };
    let one = order(1, Source::Annotated, 0);
    assert_eq!(one, order(1, Source::Annotated, 0));
    for other in [
        order(2, Source::Annotated, 0),
        order(1, Source::MachineLabeled, 0),
        order(1, Source::Annotated, 1),
        (0..20).collect(),
    ] {
        assert_ne!(one, other);
    }
}

proptest! {
    #[test]
    fn units_cover_all_row_groups_once_and_in_order(
        row_groups in prop::collection::vec((0_u64..5000, 0_u32..40), 1..60),
        chunks in 1_u32..40,
        unit_batches in 1_u32..10,
        seed: u64,
    ) {
        let batch = Batch { chunks, unit_batches, ..Batch::default() };
        prop_assume!(row_groups.iter().any(|r| r.0 > 0));
        let plan = Plan::new(catalogue(&row_groups), None, &batch, &Schedule::default(), seed).unwrap();
        let mut next = 0;
        for unit in 0..plan.units(Source::Annotated) {
            let span = plan.unit(Source::Annotated, unit).unwrap();
            prop_assert_eq!(span.row_groups.start, next);
            prop_assert!(span.row_groups.end > next);
            next = span.row_groups.end;
            let frames: u64 = row_groups[span.row_groups.clone()].iter().map(|r| r.0).sum();
            prop_assert_eq!(span.frames, frames);
            prop_assert!(span.batches >= 1);
            prop_assert!(span.batches >= unit_batches || next == row_groups.len());

            // The frames planned for the batches of a unit, one by one, add up to those of the unit.
            let of = |first_batch, batches| plan.planned_frames(&Lease {
                source: Source::Annotated, pass: 0, unit, first_batch, batches,
            });
            prop_assert_eq!(of(0, span.batches), frames);
            prop_assert_eq!((0..span.batches).map(|b| of(b, 1)).sum::<u64>(), frames);
        }
        prop_assert_eq!(next, row_groups.len());
        let order: std::collections::BTreeSet<u64> =
            (0..plan.units(Source::Annotated)).map(|p| plan.unit_at(Source::Annotated, 2, p).unwrap()).collect();
        prop_assert_eq!(order.len() as u64, plan.units(Source::Annotated));
    }
}
