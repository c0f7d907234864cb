use std::collections::{BTreeMap, VecDeque};
use stentor_exchange::{Deltas, Encoding};
use stentor_rounds::Slot;

/// The 2-norms of recent contributions, against which those of a round are held.
///
/// A contribution is set aside if its norm is beyond the median of this round's and recent norms plus `mads` times their median
/// absolute deviation (MAD). One member, or fewer than half, can move neither far. The MAD counts as a tenth of the median at
/// least, so that members whose norms hardly differ are not held to that. If every contribution of a round is beyond the limit,
/// the model or the data has changed, and none is set aside. The first rounds of few members are not enough to judge by.
///
/// Whatever the others are: a norm whose square is no finite `f32` is beyond what an optimiser can compute with.
#[derive(Debug, Default)]
pub(super) struct Norms {
    /// By kind of vector: gradients, models and differences of models have different lengths.
    recent: BTreeMap<Kind, VecDeque<f64>>,
    lineage: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Gradient,
    Model,
    Difference,
}

/// A contribution that is set aside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outlier {
    pub(super) slot: Slot,
    pub(super) norm: f64,
    pub(super) limit: f64,
    pub(super) median: f64,
}

/// Maximum number of norms that are kept.
const REMEMBERED: usize = 256;
/// Minimum number of norms to judge by.
const ENOUGH: usize = 4;
/// The MAD counts as at least this share of the median.
const LEAST_SPREAD: f64 = 0.1;

impl Kind {
    pub(super) fn of(encoding: &Encoding) -> Self {
        match encoding {
            Encoding::Block { deltas: Deltas::Model, .. } => Kind::Model,
            Encoding::Block { .. } => Kind::Difference,
            Encoding::Dense { .. } | Encoding::Threshold { .. } => Kind::Gradient,
        }
    }
}

impl Norms {
    /// Judges the norms of a round's contributions, by slot. If none is to be set aside, they are recorded.
    pub(super) fn judge(
        &mut self,
        mads: f64,
        lineage: u64,
        kind: Kind,
        norms: &BTreeMap<Slot, f64>,
    ) -> Result<(), Outlier> {
        // A fall-back begins with another model.
        if std::mem::replace(&mut self.lineage, lineage) != lineage {
            self.recent.clear();
        }
        let recent = self.recent.entry(kind).or_default();
        // A vector of zeros says nothing about the others.
        let present: Vec<f64> = norms.values().copied().filter(|norm| *norm > 0.0).collect();
        let pool: Vec<f64> = recent.iter().chain(&present).copied().filter(|norm| norm.is_finite()).collect();
        let largest = norms.iter().max_by(|one, other| one.1.total_cmp(other.1));
        let most = f64::from(f32::MAX).sqrt();
        if let Some((&slot, &norm)) = largest {
            let (median, limit) = limit(pool, mads).unwrap_or((0.0, most));
            let limit = if present.iter().all(|norm| *norm > limit) { most } else { limit.min(most) };
            if norm > limit || norm.is_nan() {
                return Err(Outlier { slot, norm, limit, median });
            }
        }
        recent.extend(present);
        let excess = recent.len().saturating_sub(REMEMBERED);
        recent.drain(..excess);
        Ok(())
    }
}

/// The median of the norms and the largest one that is not set aside; `None` without enough of them, or if `mads` is 0.
fn limit(mut norms: Vec<f64>, mads: f64) -> Option<(f64, f64)> {
    if norms.len() < ENOUGH || mads == 0.0 {
        return None;
    }
    let median = median(&mut norms);
    let mut deviations: Vec<f64> = norms.iter().map(|norm| (norm - median).abs()).collect();
    let spread = self::median(&mut deviations).max(LEAST_SPREAD * median);
    Some((median, median + mads * spread))
}

/// The upper median of an even number.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judge(norms: &mut Norms, round: &[f64]) -> Result<(), Outlier> {
        let by_slot = (0..).zip(round.iter().copied()).collect();
        norms.judge(100.0, 1, Kind::Gradient, &by_slot)
    }

    #[test]
    fn one_contribution_far_beyond_the_others_is_set_aside_by_its_slot() {
        let mut norms = Norms::default();
        let outlier = judge(&mut norms, &[1.0, 1.2, 3e6, 0.9]).unwrap_err();
        assert_eq!((outlier.slot, outlier.norm, outlier.median), (2, 3e6, 1.2));
        judge(&mut norms, &[1.0, 1.2, 9.0, 0.9]).unwrap();
    }

    #[test]
    fn of_two_members_one_is_set_aside_only_by_what_was_before() {
        let mut norms = Norms::default();
        judge(&mut norms, &[1.0, 1e6]).unwrap();
        let mut norms = Norms::default();
        for _ in 0..3 {
            judge(&mut norms, &[1.0, 1.1]).unwrap();
        }
        assert_eq!(judge(&mut norms, &[1.0, 1e6]).unwrap_err().slot, 1);
        // One that sends next to nothing makes nobody else an outlier.
        judge(&mut norms, &[1.0, 1e-30]).unwrap();
        judge(&mut norms, &[1.0, 0.0]).unwrap();
    }

    #[test]
    fn what_all_share_is_nobodys_fault() {
        let mut norms = Norms::default();
        for _ in 0..5 {
            judge(&mut norms, &[1.0, 1.1, 0.9]).unwrap();
        }
        judge(&mut norms, &[1e6, 2e6, 3e6]).unwrap();
    }

    #[test]
    fn a_norm_that_no_optimiser_can_square_is_set_aside_in_the_first_round_and_of_a_lone_member() {
        for round in [&[3e38][..], &[1.0, 3e38], &[f64::NAN]] {
            let outlier = judge(&mut Norms::default(), round).unwrap_err();
            assert_eq!(outlier.slot as usize, round.len() - 1);
        }
        let off = Norms::default().judge(0.0, 1, Kind::Gradient, &(0..).zip([1.0, 2.0, 1e9, 1.0]).collect());
        off.unwrap();
    }

    #[test]
    fn other_vectors_and_another_lineage_are_judged_apart() {
        let mut norms = Norms::default();
        for _ in 0..5 {
            judge(&mut norms, &[1.0, 1.1]).unwrap();
        }
        let far = (0..).zip([1.0, 1e6]).collect();
        norms.judge(100.0, 1, Kind::Model, &far).unwrap();
        norms.judge(100.0, 2, Kind::Gradient, &far).unwrap();
    }

    proptest! {
        #[test]
        fn whatever_fewer_than_half_send_the_others_are_never_set_aside(
            honest in prop::collection::vec(prop::collection::vec(0.5f64..2.0, 4..8), 1..20),
            lies in prop::collection::vec(prop::collection::vec(prop_oneof![
                Just(f64::INFINITY), Just(f64::NAN), Just(0.0), Just(1e-300), 1e-9f64..1e40,
            ], 0..3), 20),
        ) {
            let mut norms = Norms::default();
            for (honest, lies) in honest.iter().zip(&lies) {
                let mut round: BTreeMap<Slot, f64> = (0..).zip(honest.iter().copied()).collect();
                round.extend((100..).zip(lies.iter().copied()));
                // Whoever is set aside leaves, and the others stage once more.
                while let Err(outlier) = norms.judge(100.0, 1, Kind::Gradient, &round) {
                    prop_assert!(outlier.slot >= 100, "{outlier:?} of {round:?}");
                    round.remove(&outlier.slot);
                }
                prop_assert!(round.values().all(|norm| *norm < 1000.0), "{round:?}");
            }
        }
    }
}
