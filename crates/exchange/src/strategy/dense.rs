//! All-reduce of whole gradients: every batch, one replicated optimiser after the mean.

use super::{Decision, Encoding, Memory, Standing};
use crate::reducer::Summation;
use stentor_experiment::BmufWeights;

#[derive(Debug)]
pub(super) struct Dense;

impl Decision for Dense {
    fn encoding(&self, _now: &Standing<'_>, _batches: Option<u64>) -> Encoding {
        Encoding::Dense { density: 0.0 }
    }

    fn closed(&self, _encoding: &Encoding, _memory: &mut Memory) -> bool {
        true
    }
}

/// The mean of whole gradients, or updates, weighted by frames.
pub(super) fn summation() -> Summation {
    Summation::mean(BmufWeights::Frames)
}
