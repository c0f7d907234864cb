use crate::io::BatchScore;
use std::collections::BTreeMap;
use stentor_experiment::Source;
use stentor_scores::{FRAMES, LOSS_SUM, Sums};

/// What was counted in a round's batches.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Learned {
    pub(crate) sums: Sums,
    pub(crate) by_source: BTreeMap<Source, Sums>,
    /// Gradient norm of the last batch.
    pub(crate) gradient_norm: f64,
}

impl Learned {
    /// Frames that were learned from.
    pub(crate) fn frames(&self) -> u64 {
        self.sums.count(FRAMES)
    }

    /// Adds a batch. Returns false if its loss or gradient is not finite: then everything learned in the round is void. The
    /// coordinator is told, refuses the contribution, and decides what to do.
    pub(crate) fn add(&mut self, source: Source, score: &BatchScore) -> bool {
        let gradient_norm = score.gradient_norm;
        if !score.is_finite() {
            let mut sums = Sums::default();
            sums.add(LOSS_SUM, f64::NAN);
            *self = Self { sums, gradient_norm, ..Self::default() };
            return false;
        }
        self.gradient_norm = gradient_norm;
        self.sums.merge(&score.sums);
        self.by_source.entry(source).or_default().merge(&score.sums);
        true
    }
}
