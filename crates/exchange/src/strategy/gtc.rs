//! Gradient threshold compression (Strom 2015): every batch, signs of ±τ of gradients or of the own optimiser's updates; the
//! rest is kept for the next round.

use super::{Decision, Encoding, Memory, Standing};
use crate::error::Error;
use crate::gtc::{Phase, Tau, phase};
use crate::reducer::Summation;

#[derive(Debug)]
pub(super) struct Gtc;

impl Decision for Gtc {
    fn keeps_residual(&self) -> bool {
        true
    }

    fn encoding(&self, now: &Standing<'_>, _batches: Option<u64>) -> Encoding {
        // What residuals hold goes into the model before another strategy begins, or somebody takes one away.
        if now.switching || (now.leaving && !now.memory.flushed) {
            return Encoding::Dense { density: 0.0 };
        }
        match phase(&now.settings.gtc, now.progress) {
            Ok(Phase::Fixed(tau)) => Encoding::Threshold { tau: tau.get(), density: 0.0 },
            Ok(Phase::Density(density)) => match now.memory.tau.of(now.source) {
                Some(tau) => Encoding::Threshold { tau, density },
                // A first round shows how large the values are.
                None => Encoding::Dense { density },
            },
            // A fixed threshold out of range was refused when the experiment was read.
            Ok(phase @ Phase::Dense { .. }) => Encoding::Dense { density: phase.aim().unwrap_or(0.0) },
            Err(_) => Encoding::Dense { density: 0.0 },
        }
    }

    fn closed(&self, encoding: &Encoding, memory: &mut Memory) -> bool {
        memory.flushed = encoding.is_whole();
        memory.flushed
    }
}

/// The sum of signs, which are counted.
pub(super) fn summation(tau: f32) -> Result<Summation, Error> {
    Ok(Summation::Signs { tau: Tau::exact(tau)? })
}
