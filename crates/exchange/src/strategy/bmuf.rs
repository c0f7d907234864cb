//! Blockwise model-update filtering (Chen & Huo 2016): each member trains by itself for a block of batches, and the mean of the
//! models passes through a momentum filter.

use super::{Decision, Deltas, Encoding, Memory, Standing, gtc};
use crate::bmuf::short_block_momentum;
use crate::error::Error;
use crate::precision::Precision;
use crate::reducer::Summation;
use stentor_experiment::{BlockDeltas, BmufWeights, Exchange};

#[derive(Debug)]
pub(super) struct Bmuf;

impl Decision for Bmuf {
    fn block(&self, settings: &Exchange) -> Option<u32> {
        Some(settings.bmuf.block)
    }

    fn keeps_filter(&self) -> bool {
        true
    }

    fn encoding(&self, now: &Standing<'_>, batches: Option<u64>) -> Encoding {
        let full = u64::from(now.settings.bmuf.block) * now.members as u64;
        block(now, now.members, batches.unwrap_or_default(), full)
    }

    fn closed(&self, _encoding: &Encoding, _memory: &mut Memory) -> bool {
        true
    }
}

/// `models`: how many are averaged; `batches`: behind them, of `full` in a block that is not cut short.
pub(super) fn block(now: &Standing<'_>, models: usize, batches: u64, full: u64) -> Encoding {
    let bmuf = &now.settings.bmuf;
    let (deltas, density) = match (bmuf.deltas, now.memory.block_tau) {
        (BlockDeltas::F32, _) => (Deltas::Model, 0.0),
        (BlockDeltas::Bf16, _) => (Deltas::Bf16, 0.0),
        // A first block shows how large the differences are.
        (BlockDeltas::Threshold, None) => (Deltas::Model, bmuf.delta_density),
        (BlockDeltas::Threshold, Some(tau)) => (Deltas::Threshold { tau }, bmuf.delta_density),
    };
    let momentum = bmuf.momentum_for(models, now.progress);
    Encoding::Block {
        momentum: short_block_momentum(momentum, batches, full),
        learning_rate: bmuf.learning_rate,
        deltas,
        density,
    }
}

/// The mean of models, or of what they moved; of what they moved as signs, the sum that GTC makes.
pub(super) fn summation(deltas: Deltas, weights: BmufWeights) -> Result<Summation, Error> {
    match deltas {
        Deltas::Model => Ok(Summation::mean(weights)),
        Deltas::Bf16 => Ok(Summation::Mean { weights, precision: Precision::Bf16 }),
        Deltas::Threshold { tau } => gtc::summation(tau),
    }
}
