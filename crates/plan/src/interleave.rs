use stentor_experiment::{Interleave, Source};

/// Numbers of batches, indexed by [`Source::index`].
pub(crate) type BySource = [u64; 2];

/// The source that comes next, and how many of its batches may follow each other before the other source is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) source: Source,
    pub(crate) batches: u64,
}

/// The stretch that starts or continues after `committed` of `total` batches; `None` when all are committed.
///
/// It depends only on the committed batches: batches whose contribution was lost are still due, and no member can
/// change the order.
pub(crate) fn stretch(
    interleave: Interleave,
    sub_epoch_batches: u32,
    total: BySource,
    committed: BySource,
) -> Option<Stretch> {
    const A: usize = Source::Annotated as usize;
    const M: usize = Source::MachineLabeled as usize;
    let left = [total[A].saturating_sub(committed[A]), total[M].saturating_sub(committed[M])];
    let all_of = |source: Source| Stretch { source, batches: left[source.index()] };
    match (left[A], left[M]) {
        (0, 0) => return None,
        (_, 0) => return Some(all_of(Source::Annotated)),
        (0, _) => return Some(all_of(Source::MachineLabeled)),
        _ => {}
    }
    Some(match interleave {
        Interleave::Segregated => all_of(Source::MachineLabeled),
        Interleave::Batch => {
            // Compares c_M / T_M with c_A / T_A without division.
            let machine = u128::from(committed[M]) * u128::from(total[A]);
            let annotated = u128::from(committed[A]) * u128::from(total[M]);
            all_of(if machine <= annotated { Source::MachineLabeled } else { Source::Annotated })
        }
        Interleave::SubEpoch => {
            let sub_epochs = total[M].div_ceil(u64::from(sub_epoch_batches.max(1)));
            let done = |s: usize| sub_epochs_done(sub_epochs, total[s], committed[s]);
            let source = if done(M) <= done(A) { Source::MachineLabeled } else { Source::Annotated };
            let current = done(source.index());
            let quota = share(total[source.index()], current + 1, sub_epochs);
            Stretch { source, batches: quota - committed[source.index()] }
        }
    })
}

/// Number of batches that must be committed before sub-epoch number `sub_epoch` (from 0) begins: ⌊T·s/S⌋.
fn share(total: u64, sub_epoch: u64, sub_epochs: u64) -> u64 {
    (u128::from(total) * u128::from(sub_epoch) / u128::from(sub_epochs)) as u64
}

/// The largest s with ⌊T·s/S⌋ ≤ `committed` < T: ⌊T·s/S⌋ ≤ c holds exactly if s < (c + 1)·S/T.
fn sub_epochs_done(sub_epochs: u64, total: u64, committed: u64) -> u64 {
    let done = ((u128::from(committed) + 1) * u128::from(sub_epochs)).div_ceil(u128::from(total)) - 1;
    (done as u64).min(sub_epochs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn walk(
        interleave: Interleave,
        sub_epoch_batches: u32,
        total: BySource,
        round: u64,
    ) -> Vec<(Source, u64)> {
        let mut committed = [0, 0];
        let mut rounds = Vec::new();
        while let Some(next) = stretch(interleave, sub_epoch_batches, total, committed) {
            let batches = next.batches.min(round);
            assert!(batches > 0);
            committed[next.source.index()] += batches;
            rounds.push((next.source, batches));
        }
        assert_eq!(committed, total);
        rounds
    }

    use Source::{Annotated as A, MachineLabeled as M};

    #[test]
    fn a_sub_epoch_is_machine_labeled_batches_and_then_the_annotated_share() {
        let rounds = walk(Interleave::SubEpoch, 4, [5, 10], 3);
        // S = ceil(10 / 4) = 3: machine-labeled until 3, 6, 10, annotated until 1, 3, 5.
        assert_eq!(rounds, [(M, 3), (A, 1), (M, 3), (A, 2), (M, 3), (M, 1), (A, 2)]);
    }

    #[test]
    fn segregated_runs_through_one_source_and_then_the_other() {
        assert_eq!(walk(Interleave::Segregated, 4, [3, 5], 2), [(M, 2), (M, 2), (M, 1), (A, 2), (A, 1)]);
    }

    #[test]
    fn batch_by_batch_no_source_runs_ahead_of_its_proportion_by_more_than_a_round() {
        let total = [30, 100];
        let mut committed = [0_u64, 0];
        for (source, batches) in walk(Interleave::Batch, 64, total, 2) {
            committed[source.index()] += batches;
            let ahead = committed[1] as f64 / 100.0 - committed[0] as f64 / 30.0;
            assert!(ahead.abs() <= 2.0 / 30.0 + 1e-9, "{committed:?}");
        }
    }

    #[test]
    fn without_machine_labeled_data_all_rounds_are_annotated() {
        for interleave in [Interleave::SubEpoch, Interleave::Batch, Interleave::Segregated] {
            assert_eq!(walk(interleave, 4, [5, 0], 2), [(A, 2), (A, 2), (A, 1)]);
        }
    }

    fn interleave() -> impl Strategy<Value = Interleave> {
        prop_oneof![Just(Interleave::SubEpoch), Just(Interleave::Batch), Just(Interleave::Segregated)]
    }

    proptest! {
        #[test]
        fn every_batch_gets_its_turn(
            interleave in interleave(),
            sub_epoch_batches in 1_u32..50,
            total in [0_u64..300, 0_u64..300],
            round in 1_u64..40,
        ) {
            let rounds = walk(interleave, sub_epoch_batches, total, round);
            let mut batches = BTreeMap::<Source, u64>::new();
            rounds.iter().for_each(|(source, n)| *batches.entry(*source).or_default() += n);
            prop_assert_eq!(batches.get(&A).copied().unwrap_or(0), total[0]);
            prop_assert_eq!(batches.get(&M).copied().unwrap_or(0), total[1]);
        }

        #[test]
        fn sub_epoch_quotas_are_reached_one_after_the_other(
            sub_epoch_batches in 1_u32..50,
            total in [1_u64..300, 1_u64..300],
            round in 1_u64..40,
        ) {
            let sub_epochs = total[1].div_ceil(u64::from(sub_epoch_batches));
            let mut committed = [0_u64, 0];
            let mut sub_epoch = 0;
            for (source, batches) in walk(Interleave::SubEpoch, sub_epoch_batches, total, round) {
                // Step by step by the definition, in place of the closed form.
                loop {
                    let quota = |s: usize| total[s] * (sub_epoch + 1) / sub_epochs;
                    if committed[1] < quota(1) {
                        prop_assert_eq!(source, M);
                        prop_assert_eq!(batches, round.min(quota(1) - committed[1]));
                    } else if committed[0] < quota(0) {
                        prop_assert_eq!(source, A);
                        prop_assert_eq!(batches, round.min(quota(0) - committed[0]));
                    } else {
                        sub_epoch += 1;
                        continue;
                    }
                    break;
                }
                committed[source.index()] += batches;
            }
        }

        #[test]
        fn huge_numbers_do_not_overflow(
            interleave in interleave(),
            sub_epoch_batches: u32,
            total in [1_u64..=u64::MAX, 1_u64..=u64::MAX],
            part in [0.0_f64..1.0, 0.0_f64..1.0],
        ) {
            let committed = [0, 1].map(|s| ((total[s] as f64 * part[s]) as u64).min(total[s] - 1));
            let next = stretch(interleave, sub_epoch_batches, total, committed).unwrap();
            prop_assert!(next.batches >= 1);
            prop_assert!(next.batches <= total[next.source.index()] - committed[next.source.index()]);
        }
    }
}
