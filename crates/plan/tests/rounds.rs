//! Which slot computes what, round by round.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod small;

use small::{A, M, batches, one_pass, plan, run, source};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::{Interleave, Schedule, Source};
use stentor_plan::{Error, Lease, Position, RoundSize};

#[test]
fn a_slot_works_through_its_unit_before_it_takes_another() {
    let plan = plan(6, 0, &one_pass());
    let rounds = run(&plan, &[0, 7], RoundSize::Batch);
    assert_eq!(rounds.len(), 12);
    let first_unit = |slot: u32, round: usize| rounds[round].leases[&slot][0].unit;
    for slot in [0, 7] {
        for round in 0..12 {
            assert_eq!(first_unit(slot, round), first_unit(slot, round / 4 * 4));
        }
    }
    let order: Vec<u64> = [0, 4, 8].iter().flat_map(|&r| [first_unit(0, r), first_unit(7, r)]).collect();
    let planned: Vec<u64> = (0..6).map(|place| plan.unit_at(A, 0, place).unwrap()).collect();
    assert_eq!(order, planned);
}

#[test]
fn a_round_of_one_batch_each_never_mixes_sources() {
    // 10 machine-labeled batches, then 2 annotated ones, for 4 slots: the rest of a stretch is a round by itself.
    let schedule = Schedule { sub_epoch_batches: 10, ..one_pass() };
    let shape: Vec<(Source, usize)> = run(&plan(1, 5, &schedule), &[0, 1, 2, 3], RoundSize::Batch)
        .iter()
        .map(|round| (source(round), round.leases.values().filter(|l| !l.is_empty()).count()))
        .collect();
    assert_eq!(shape, [(M, 4), (M, 4), (M, 2), (A, 2), (M, 4), (M, 4), (M, 2), (A, 2)]);
}

#[test]
fn batches_alternate_in_proportion() {
    let schedule = Schedule { interleave: Interleave::Batch, ..one_pass() };
    let sources: Vec<Source> =
        run(&plan(1, 3, &schedule), &[4, 9], RoundSize::Batch).iter().map(source).collect();
    assert_eq!(sources, [M, A, M, M, M, A, M, M]);
}

#[test]
fn slots_idle_only_when_no_batch_is_left_for_them() {
    // One unit of 4 batches for 3 slots: idle slots take over from busy ones.
    let rounds = run(&plan(1, 0, &one_pass()), &[0, 1, 2], RoundSize::Batch);
    let sizes: Vec<Vec<u32>> =
        rounds.iter().map(|r| r.leases.values().map(|l| batches(l)).collect()).collect();
    assert_eq!(sizes, [[1, 1, 1], [1, 0, 0]]);

    // More slots than batches.
    let rounds = run(&plan(1, 0, &one_pass()), &(0..9).collect::<Vec<_>>(), RoundSize::Block(50));
    assert_eq!(rounds.len(), 1);
    assert_eq!(rounds[0].leases.len(), 9);
    assert_eq!(rounds[0].leases.values().filter(|l| l.is_empty()).count(), 5);
}

#[test]
fn leases_of_a_lost_slot_are_dealt_before_new_units() {
    let plan = plan(6, 0, &one_pass());
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[0, 1], RoundSize::Block(3)).unwrap();
    let unit_of_1 = round.leases[&1][0].unit;
    position.commit(&plan, &round, &BTreeSet::from([0, 1])).unwrap();

    // Slot 1 is gone, with one batch of its unit left. Slot 0 finishes its own unit, takes that batch, then a new
    // unit.
    let round = position.assign(&plan, &[0], RoundSize::Block(3)).unwrap();
    let held_by_1 = Lease { source: A, pass: 0, unit: unit_of_1, first_batch: 3, batches: 1 };
    assert_eq!(round.leases[&0][1], held_by_1);
    assert_eq!(round.leases[&0].len(), 3);
    assert_eq!(round.leases[&0][2].unit, plan.unit_at(A, 0, 2).unwrap());
}

#[test]
fn a_lost_contribution_returns_and_counts_once() {
    let plan = plan(3, 0, &one_pass());
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[0, 1], RoundSize::Block(4)).unwrap();
    let committed = position.commit(&plan, &round, &BTreeSet::from([0])).unwrap();
    assert_eq!((committed.batches, committed.frames), (4, 390));
    assert_eq!(committed.leases, round.leases[&0]);
    assert_eq!(position.open(A), round.leases[&1]);

    let again = position.assign(&plan, &[0, 1], RoundSize::Block(4)).unwrap();
    assert_eq!(again.leases[&0], round.leases[&1], "what was lost comes first");
    position.commit(&plan, &again, &BTreeSet::from([0, 1])).unwrap();
    assert!(position.finished(&plan));
    assert_eq!(position.assign(&plan, &[0, 1], RoundSize::Block(4)), None);
}

#[test]
fn leases_returned_in_pieces_are_joined() {
    let plan = plan(1, 0, &one_pass());
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[0, 1, 2], RoundSize::Batch).unwrap();
    position.commit(&plan, &round, &BTreeSet::new()).unwrap();
    assert!(position.open(A).len() > 1);

    // All slots are gone. Slot 9 takes the whole unit as one lease, and keeps three batches of it when its first one
    // is lost.
    let round = position.assign(&plan, &[9], RoundSize::Batch).unwrap();
    position.commit(&plan, &round, &BTreeSet::new()).unwrap();
    let whole = Lease { source: A, pass: 0, unit: 0, first_batch: 0, batches: 4 };
    let (lost, kept) = (Lease { batches: 1, ..whole }, Lease { first_batch: 1, batches: 3, ..whole });
    assert_eq!(position.open(A), [lost, kept]);
}

#[test]
fn a_round_without_contributions_changes_only_the_owners_of_leases() {
    let plan = plan(3, 0, &one_pass());
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[0, 1], RoundSize::Block(2)).unwrap();
    let committed = position.commit(&plan, &round, &BTreeSet::new()).unwrap();
    assert_eq!((committed.batches, committed.frames, position.committed_frames()), (0, 0, 0));
    position.check(&plan).unwrap();
}

#[test]
fn a_round_counts_only_once() {
    let plan = plan(3, 0, &one_pass());
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[0, 1], RoundSize::Batch).unwrap();
    position.commit(&plan, &round, &BTreeSet::from([0, 1])).unwrap();
    let before = position.clone();
    assert_eq!(position.commit(&plan, &round, &BTreeSet::from([0, 1])), Err(Error::StaleRound));
    assert_eq!(position, before);
}

#[test]
fn a_contribution_from_outside_the_round_is_refused() {
    let plan = plan(3, 0, &one_pass());
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[0, 1], RoundSize::Batch).unwrap();
    let error = position.commit(&plan, &round, &BTreeSet::from([0, 2]));
    assert_eq!(error, Err(Error::UnknownSlot { slot: 2 }));
    assert_eq!(position, Position::new(&plan));
}

#[test]
fn without_losses_every_new_unit_was_announced_in_the_round_before() {
    let schedules = [
        (0, one_pass()),
        (12, one_pass()),
        (12, Schedule { interleave: Interleave::Batch, ..one_pass() }),
        (12, Schedule { interleave: Interleave::Segregated, ..one_pass() }),
        (12, Schedule { sub_epoch_batches: 16, ..one_pass() }),
    ];
    for (machine_labeled, schedule) in schedules {
        let plan = plan(9, machine_labeled, &schedule);
        let rounds = run(&plan, &[0, 1, 2], RoundSize::Batch);
        let mut committed = [0_u64; 2];
        for pair in rounds.windows(2) {
            committed[source(&pair[0]).index()] +=
                u64::from(pair[0].leases.values().map(|l| batches(l)).sum::<u32>());
            let source = source(&pair[1]);
            // When every unit of a source is dealt, idle slots take over from others, which is not predicted.
            let at_the_end = committed[source.index()] + 3 * 4 > plan.total_batches(source);
            for (slot, leases) in &pair[1].leases {
                let Some(first) = leases.first() else { continue };
                let named = pair[0].ahead[slot]
                    .iter()
                    .any(|l| (l.source, l.pass, l.unit) == (source, first.pass, first.unit));
                assert!(
                    named || at_the_end,
                    "{schedule:?} slot {slot}: {first}, named {:?}",
                    pair[0].ahead[slot]
                );
            }
        }
    }
}

#[test]
fn a_unit_of_the_other_source_is_kept_at_hand_while_it_is_begun_but_not_fetched_too_early() {
    // 40 machine-labeled batches, then 3 annotated ones: a unit of 4 stays begun.
    let schedule = Schedule { sub_epoch_batches: 40, annotated_passes: 3, ..one_pass() };
    let plan = plan(1, 40, &schedule);
    let rounds = run(&plan, &[0], RoundSize::Batch);
    let annotated_ahead = |round: usize| rounds[round].ahead[&0].iter().filter(|l| l.source == A).count();
    assert_eq!(source(&rounds[0]), M);
    assert_eq!(annotated_ahead(0), 0, "40 rounds too early");
    assert_eq!(annotated_ahead(38), 1);
    assert_eq!((source(&rounds[40]), source(&rounds[43])), (A, M));
    assert!((43..83).all(|round| annotated_ahead(round) >= 1), "begun");
}

#[test]
fn the_same_batches_are_done_whatever_the_number_of_slots() {
    let schedule = Schedule { sub_epoch_batches: 16, passes: 2, ..one_pass() };
    let plan = plan(3, 9, &schedule);
    let multiset = |members: &[u32], size| {
        let mut done = BTreeMap::<(Source, u32, u64, u32), u32>::new();
        for lease in run(&plan, members, size).iter().flat_map(|r| r.leases.values().flatten()) {
            for batch in lease.first_batch..lease.first_batch + lease.batches {
                *done.entry((lease.source, lease.pass, lease.unit, batch)).or_default() += 1;
            }
        }
        done
    };
    let alone = multiset(&[0], RoundSize::Batch);
    assert_eq!(alone.len() as u64, Source::ALL.map(|s| plan.total_batches(s)).iter().sum::<u64>());
    assert_eq!(alone, multiset(&[3, 17], RoundSize::Batch));
    assert_eq!(alone, multiset(&(0..64).collect::<Vec<_>>(), RoundSize::Block(5)));
}

#[test]
fn a_round_without_members_does_nothing() {
    let plan = plan(2, 0, &one_pass());
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[], RoundSize::Batch).unwrap();
    assert!(round.leases.is_empty());
    position.commit(&plan, &round, &BTreeSet::new()).unwrap();
    assert_eq!(position, Position::new(&plan));
}
