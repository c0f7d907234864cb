//! Blocks: many batches for each member, of both sources.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod small;

use small::{batches, one_pass, plan, run};
use std::collections::BTreeSet;
use stentor_experiment::{Interleave, Schedule, Source};
use stentor_plan::{Lease, Position, RoundPlan, RoundSize};

#[test]
fn a_block_is_dealt_as_so_many_rounds_of_one_batch() {
    let plan = plan(9, 0, &one_pass());
    let singles = run(&plan, &[1, 2, 3], RoundSize::Batch);
    let blocks = run(&plan, &[1, 2, 3], RoundSize::Block(6));
    assert_eq!(blocks.len(), 2);
    for slot in [1, 2, 3] {
        let units = |rounds: &[RoundPlan]| {
            let mut units: Vec<u64> = rounds.iter().flat_map(|r| &r.leases[&slot]).map(|l| l.unit).collect();
            units.dedup();
            units
        };
        assert_eq!(units(&singles), units(&blocks));
    }
    // Six batches: one whole unit and half of the next.
    assert_eq!(blocks[0].leases[&1].iter().map(|l| l.batches).collect::<Vec<_>>(), [4, 2]);
}

/// A slot's work batch by batch, in the order of computation.
fn work(rounds: &[RoundPlan], slot: u32) -> Vec<Lease> {
    let one = |lease: &Lease| {
        let lease = *lease;
        (lease.first_batch..lease.first_batch + lease.batches).map(move |first_batch| Lease {
            first_batch,
            batches: 1,
            ..lease
        })
    };
    rounds.iter().flat_map(|round| &round.leases[&slot]).flat_map(one).collect()
}

const INTERLEAVES: [Interleave; 3] = [Interleave::SubEpoch, Interleave::Batch, Interleave::Segregated];

#[test]
fn a_block_spans_sources_and_is_dealt_as_so_many_rounds_of_one_batch() {
    // Stretches of 12 and 6 batches, which two or three slots share evenly; blocks of 5 may begin and end within a
    // stretch.
    for (interleave, members) in INTERLEAVES.into_iter().flat_map(|i| [(i, &[0, 1][..]), (i, &[2, 3, 9])]) {
        let plan = plan(6, 12, &Schedule { interleave, sub_epoch_batches: 12, ..one_pass() });
        let singles = run(&plan, members, RoundSize::Batch);
        let blocks = run(&plan, members, RoundSize::Block(5));
        for &slot in members {
            assert_eq!(work(&blocks, slot), work(&singles, slot), "{interleave:?}, {members:?}, slot {slot}");
        }
        let both = |round: &&RoundPlan| {
            Source::ALL.iter().all(|&s| round.leases.values().flatten().any(|lease| lease.source == s))
        };
        assert!(blocks.iter().filter(both).count() > 0, "{interleave:?}: no block has both sources");
    }
}

#[test]
fn every_block_is_full_but_the_last_one_also_where_stretches_have_too_few_batches_for_all() {
    // A sub-epoch is 10 machine-labeled batches and one or two annotated ones, for up to 7 slots.
    for (interleave, slots) in INTERLEAVES.into_iter().flat_map(|i| (1..=7).map(move |n| (i, n))) {
        let plan = plan(2, 15, &Schedule { interleave, sub_epoch_batches: 10, ..one_pass() });
        let members: Vec<u32> = (0..slots).collect();
        let rounds = run(&plan, &members, RoundSize::Block(4));
        let (last, full) = rounds.split_last().unwrap();
        for round in full {
            assert!(round.leases.values().all(|l| batches(l) == 4), "{interleave:?}, {slots}: {round:?}");
        }
        let sizes = last.leases.values().map(|l| batches(l));
        assert!(
            sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1,
            "{interleave:?}, {slots}: {last:?}"
        );
    }
}

#[test]
fn a_lost_block_of_both_sources_returns_to_both_ledgers() {
    let schedule = Schedule { sub_epoch_batches: 4, ..one_pass() };
    let plan = plan(2, 4, &schedule);
    let mut position = Position::new(&plan);
    let round = position.assign(&plan, &[0, 1], RoundSize::Block(6)).unwrap();
    let committed = position.commit(&plan, &round, &BTreeSet::from([1])).unwrap();
    assert_eq!(committed.leases, round.leases[&1]);
    let of = |leases: &[Lease], source| -> u32 {
        leases.iter().filter(|lease| lease.source == source).map(|lease| lease.batches).sum()
    };
    for source in Source::ALL {
        let mine = of(&round.leases[&1], source);
        assert!(mine > 0);
        assert_eq!(position.committed(source), u64::from(mine));
        assert!(of(&position.open(source), source) >= of(&round.leases[&0], source));
    }
    position.check(&plan).unwrap();
}
