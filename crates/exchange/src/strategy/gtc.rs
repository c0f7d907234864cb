//! Gradient threshold compression (Strom 2015): every batch, signs of ±τ of gradients or of the updates of each
//! worker's optimiser; the rest is kept for later rounds.

use super::residual::Residual;
use super::{Coded, Decision, Encoding, Learner, Member, Memory, Rate, Standing, Update};
use crate::error::Error;
use crate::gtc::{Phase, Tau, phase};
use crate::reducer::Summation;
use std::ops::Range;
use stentor_experiment::{Experiment, GtcApply};

#[derive(Debug)]
pub(super) struct Gtc;

impl Decision for Gtc {
    fn keeps_residual(&self) -> bool {
        true
    }

    fn encoding(&self, now: &Standing<'_>, _batches: Option<u64>) -> Encoding {
        // Residuals are applied to the model before another strategy begins, or before a member leaves with its own.
        if now.switching || (now.leaving && !now.memory.flushed) {
            return Encoding::Dense { density: 0.0 };
        }
        match phase(&now.settings.gtc, now.progress) {
            Ok(Phase::Fixed(tau)) => Encoding::Threshold { tau: tau.get(), density: 0.0 },
            Ok(Phase::Density(density)) => match now.memory.tau.of(now.source) {
                Some(tau) => Encoding::Threshold { tau, density },
                // The first round shows how large the values are.
                None => Encoding::Dense { density },
            },
            // A fixed threshold out of range was rejected when the experiment was read.
            Ok(phase @ Phase::Dense { .. }) => Encoding::Dense { density: phase.aim().unwrap_or(0.0) },
            Err(_) => Encoding::Dense { density: 0.0 },
        }
    }

    fn closed(&self, encoding: &Encoding, memory: &mut Memory) -> bool {
        memory.flushed = encoding.is_whole();
        memory.flushed
    }
}

/// Returns the sum of signs as counts.
pub(super) fn summation(tau: f32) -> Result<Summation, Error> {
    Ok(Summation::Signs { tau: Tau::exact(tau)? })
}

pub(super) struct GtcMember {
    residual: Residual,
    /// Whether the updates of this worker's optimiser are thresholded.
    updates: bool,
    /// Whether gradients are multiplied by their source's factor on the learning rate before they are thresholded.
    scales: bool,
    /// The step of this worker's optimiser in this round.
    step: Option<Vec<f32>>,
}

impl GtcMember {
    pub(super) fn new<L: Learner>(experiment: &Experiment, learner: &L) -> Self {
        Self {
            residual: Residual::new(learner.values(), experiment.exchange.gtc.residual_clip),
            updates: experiment.thresholds() == GtcApply::Update,
            scales: experiment.scales_gradients(),
            step: None,
        }
    }

    fn code(&mut self, encoding: &Encoding, vector: &[f32], ranges: &[Range<usize>]) -> Result<Coded, Error> {
        let residual = &mut self.residual;
        match *encoding {
            Encoding::Dense { density } => {
                let suggested_tau = residual.suggest(vector, density);
                Ok(Coded { suggested_tau, ..residual.flush(vector, ranges) })
            }
            Encoding::Threshold { tau, density } => {
                let suggested_tau = residual.suggest(vector, density);
                Ok(Coded { suggested_tau, ..residual.threshold(vector, tau, ranges)? })
            }
            Encoding::Block { .. } => Err(encoding.unexpected(EXPECTED)),
        }
    }
}

const EXPECTED: &str = "signs or whole vectors";

impl<L: Learner> Member<L> for GtcMember {
    /// An optimiser runs before the sum if updates are exchanged, and after it if gradients are.
    fn steps_alone(&self) -> bool {
        self.updates
    }

    fn begin(&mut self, _encoding: &Encoding, _learner: &mut L) -> Result<(), L::Error> {
        self.step = None;
        Ok(())
    }

    fn learn(&mut self, learner: &mut L, rate: Rate) -> Result<(), L::Error> {
        if self.updates {
            self.step = Some(learner.step(rate.whole())?);
        } else if self.scales && rate.multiplier != 1.0 {
            learner.scale_gradient(rate.multiplier)?;
        }
        Ok(())
    }

    fn contribute(
        &mut self,
        encoding: &Encoding,
        learner: &L,
        ranges: &[Range<usize>],
    ) -> Result<Coded, L::Error> {
        let coded = match self.step.take() {
            Some(step) => self.code(encoding, &step, ranges),
            None => learner.with_gradient(|gradient| self.code(encoding, gradient, ranges)),
        };
        Ok(coded?)
    }

    fn apply(&mut self, update: &Update<'_>, learner: &mut L) -> Result<(), L::Error> {
        if update.encoding.is_block() {
            return Err(update.encoding.unexpected(EXPECTED).into());
        }
        if update.counted {
            self.residual.adopt();
        }
        if update.is_empty() {
            Ok(())
        } else if self.updates {
            Ok(learner.change_parameters(|values| update.add_scaled(values, 1.0))??)
        } else {
            update.descend(if self.scales { update.rate.base } else { update.rate.whole() }, learner)
        }
    }

    fn own(&self) -> Vec<(&'static str, &[f32])> {
        vec![(RESIDUAL, &self.residual.kept)]
    }

    fn own_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        vec![(RESIDUAL, &mut self.residual.kept)]
    }
}

/// Name in checkpoints.
const RESIDUAL: &str = "residual";
