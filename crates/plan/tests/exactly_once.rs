//! The guarantee: whichever members join, leave or fail, each batch of each pass counts exactly once, and every run
//! ends.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use proptest::prelude::*;
use std::collections::BTreeSet;
use stentor_experiment::{Batch, Interleave, Schedule, Source};
use stentor_plan::audit::{Audit, Extent};
use stentor_plan::{Catalogue, Plan, Position, RoundSize, RowGroup};

/// Random events of one round: which slots are present and whose contributions are lost, as bit masks over ten slots.
type RoundEvents = (u16, u16);

const SLOTS: [u32; 10] = [0, 1, 2, 3, 5, 8, 13, 400, 70_000, u32::MAX];

fn chosen(mask: u16) -> BTreeSet<u32> {
    SLOTS.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, &slot)| slot).collect()
}

fn catalogue(max: usize) -> impl Strategy<Value = Catalogue> {
    // Tiny corpora and row groups without frames are as likely as others; at least one row group has a frame.
    prop::collection::vec((prop_oneof![Just(0), 1_u64..3000], 0_u32..30), 0..max).prop_map(|rows| {
        let mut row_groups: Vec<RowGroup> =
            rows.into_iter().map(|(frames, utterances)| RowGroup { frames, utterances }).collect();
        row_groups.push(RowGroup { frames: 77, utterances: 1 });
        Catalogue { row_groups }
    })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let interleave =
        prop_oneof![Just(Interleave::SubEpoch), Just(Interleave::Batch), Just(Interleave::Segregated)];
    (interleave, 1_u32..4, 0_u32..4, 1_u32..40).prop_map(
        |(interleave, passes, annotated_passes, sub_epoch_batches)| Schedule {
            interleave,
            passes,
            annotated_passes,
            sub_epoch_batches,
            ..Schedule::default()
        },
    )
}

/// A plan, with its schedule.
fn plans() -> impl Strategy<Value = (Plan, Schedule)> {
    let batch = (1_u32..60, 1_u32..12, 1_u32..12).prop_map(|(chunk_frames, chunks, unit_batches)| Batch {
        chunk_frames,
        chunks,
        unit_batches,
        ..Batch::default()
    });
    (catalogue(8), prop::option::of(catalogue(12)), batch, schedule(), any::<u64>()).prop_map(
        |(annotated, machine, batch, schedule, seed)| {
            (Plan::new(annotated, machine, &batch, &schedule, seed).unwrap(), schedule)
        },
    )
}

/// Minimum number of rounds for a run with `slots` slots: with blocks, as many as hold all batches; with single
/// batches, counted stretch by stretch of the schedule.
fn fewest_rounds(plan: &Plan, schedule: &Schedule, slots: u64, size: RoundSize) -> u64 {
    if let RoundSize::Block(batches) = size {
        return total(plan).div_ceil(slots * u64::from(batches));
    }
    let [annotated, machine] = Source::ALL.map(|source| plan.total_batches(source));
    let sub_epochs = match schedule.interleave {
        Interleave::SubEpoch if annotated > 0 => {
            machine.div_ceil(u64::from(schedule.sub_epoch_batches)).max(1)
        }
        _ => 1,
    };
    let rounds = |total: u64| -> u64 {
        let share = |s: u64| total * s / sub_epochs;
        (0..sub_epochs).map(|s| (share(s + 1) - share(s)).div_ceil(slots)).sum()
    };
    rounds(annotated) + rounds(machine)
}

fn sizes() -> impl Strategy<Value = RoundSize> {
    prop_oneof![Just(RoundSize::Batch), (1_u32..30).prop_map(RoundSize::Block)]
}

fn total(plan: &Plan) -> u64 {
    Source::ALL.map(|source| plan.total_batches(source)).iter().sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn each_batch_counts_once_whatever_members_leave_or_contributions_are_lost(
        (plan, _) in plans(),
        events in prop::collection::vec(any::<RoundEvents>(), 0..60),
        size in sizes(),
        restart_every in 1_usize..20,
    ) {
        let mut position = Position::new(&plan);
        let mut audit = Audit::new(&plan);
        let mut committed_batches = [0_u64; 2];
        // After the random rounds no member leaves and no contribution is lost.
        let no_losses = (0b10_0110_u16, 0_u16);
        let bound = events.len() as u64 + total(&plan);
        let mut rounds = 0;
        for round_number in 0.. {
            let (there, lost) = events.get(round_number).copied().unwrap_or(no_losses);
            let members = chosen(there);
            let list: Vec<u32> = members.iter().copied().rev().collect();
            let Some(round) = position.assign(&plan, &list, size) else { break };
            rounds += 1;
            prop_assert!(rounds <= bound, "the run does not end");

            prop_assert_eq!(round.leases.keys().copied().collect::<BTreeSet<_>>(), members.clone());
            prop_assert_eq!(round.ahead.keys().copied().collect::<BTreeSet<_>>(), members.clone());
            for lease in round.leases.values().chain(round.ahead.values()).flatten() {
                prop_assert_eq!(plan.check_lease(lease), Ok(()));
            }
            let mut sources = round.leases.values().flatten().map(|lease| lease.source);
            let first = sources.next();
            prop_assert!(size != RoundSize::Batch || sources.all(|source| Some(source) == first));
            let sizes: Vec<u32> =
                round.leases.values().map(|l| l.iter().map(|lease| lease.batches).sum()).collect();
            prop_assert!(sizes.iter().all(|&batches| batches <= size.batches()));
            if !members.is_empty() {
                let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
                prop_assert!(most - least <= 1 && *most >= 1, "{:?}", sizes);
            }

            let contributed = members.difference(&chosen(lost)).copied().collect();
            let committed = position.commit(&plan, &round, &contributed).unwrap();
            committed.leases.iter().for_each(|lease| audit.record(lease));
            for lease in &committed.leases {
                committed_batches[lease.source.index()] += u64::from(lease.batches);
            }
            prop_assert_eq!(Source::ALL.map(|source| position.committed(source)), committed_batches);
            prop_assert_eq!(position.check(&plan), Ok(()));
            prop_assert!((0.0..=1.0).contains(&position.progress(&plan)));
            prop_assert_eq!(position.finished(&plan), position.assign(&plan, &list, RoundSize::Batch).is_none());

            if round_number % restart_every == 0 {
                let json = serde_json::to_string(&position).unwrap();
                position = serde_json::from_str(&json).unwrap();
                let findings = audit.findings(Extent::UpTo(&position));
                prop_assert!(findings.is_clean(), "{:?}", findings);
            }
        }
        prop_assert!(position.finished(&plan));
        prop_assert_eq!(position.committed_frames(), plan.total_frames());
        prop_assert_eq!(position.progress(&plan), 1.0);
        prop_assert_eq!(Source::ALL.iter().map(|&s| position.open(s).len()).sum::<usize>(), 0);
        let findings = audit.findings(Extent::WholeRun);
        prop_assert!(findings.is_clean(), "{:?}", findings);
        prop_assert_eq!(findings.committed, Source::ALL.map(|s| plan.total_batches(s)));
    }

    #[test]
    fn without_losses_a_run_takes_the_minimum_number_of_rounds(
        (plan, schedule) in plans(),
        slots in 1_usize..=10,
        size in sizes(),
    ) {
        let members = &SLOTS[..slots];
        let all: BTreeSet<u32> = members.iter().copied().collect();
        let mut position = Position::new(&plan);
        let mut rounds = 0;
        while let Some(round) = position.assign(&plan, members, size) {
            position.commit(&plan, &round, &all).unwrap();
            rounds += 1;
        }
        prop_assert_eq!(rounds, fewest_rounds(&plan, &schedule, slots as u64, size));
    }
}
