//! All-reduce of whole gradients: every batch; one replicated optimiser after the mean.

use super::{Coded, Decision, Encoding, Learner, Member, Memory, Rate, Standing, Update};
use crate::error::Error;
use crate::reducer::Summation;
use std::ops::Range;
use stentor_experiment::{BmufWeights, Experiment};

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

/// Returns the mean of whole gradients or updates, weighted by frames.
pub(super) fn summation() -> Summation {
    Summation::mean(BmufWeights::Frames)
}

pub(super) struct DenseMember;

impl DenseMember {
    pub(super) fn new<L: Learner>(_experiment: &Experiment, _learner: &L) -> Self {
        Self
    }
}

impl<L: Learner> Member<L> for DenseMember {
    fn steps_alone(&self) -> bool {
        false
    }

    fn learn(&mut self, _learner: &mut L, _rate: Rate) -> Result<(), L::Error> {
        Ok(())
    }

    fn contribute(
        &mut self,
        encoding: &Encoding,
        learner: &L,
        ranges: &[Range<usize>],
    ) -> Result<Coded, L::Error> {
        check(encoding)?;
        Ok(learner.with_gradient(|gradient| Coded::whole(&[gradient], ranges)))
    }

    fn apply(&mut self, update: &Update<'_>, learner: &mut L) -> Result<(), L::Error> {
        check(&update.encoding)?;
        if update.is_empty() { Ok(()) } else { update.descend(update.rate.whole(), learner) }
    }
}

fn check(encoding: &Encoding) -> Result<(), Error> {
    if encoding.is_whole() { Ok(()) } else { Err(encoding.unexpected("whole gradients")) }
}
