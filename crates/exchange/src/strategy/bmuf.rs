//! Blockwise model-update filtering (Chen & Huo 2016): each member trains independently for a block of batches, and the
//! mean of the models passes through a momentum filter.

use super::residual::Residual;
use super::{
    Coded, Decision, Deltas, Encoding, Learner, Member, Memory, Rate, Shared, Standing, Update, gtc,
};
use crate::bmuf::{BlockMomentum, BlockParts, short_block_momentum};
use crate::dense::decode_dense;
use crate::error::Error;
use crate::precision::Precision;
use crate::reducer::Summation;
use std::ops::Range;
use stentor_experiment::{BlockDeltas, BlockMoments, BmufMomentum, BmufWeights, Exchange, Experiment};

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

/// Returns the encoding of a block. `models`: number of averaged models; `batches`: number of their batches, of `full`
/// in a complete block.
pub(super) fn block(now: &Standing<'_>, models: usize, batches: u64, full: u64) -> Encoding {
    let bmuf = &now.settings.bmuf;
    let (deltas, density) = match (bmuf.deltas, now.memory.block_tau) {
        (BlockDeltas::F32, _) => (Deltas::Model, 0.0),
        (BlockDeltas::Bf16, _) => (Deltas::Bf16, 0.0),
        // The first block shows how large the differences are.
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

/// Returns the mean of models or of differences; for differences as signs, the sum as in GTC.
pub(super) fn summation(deltas: Deltas, weights: BmufWeights) -> Result<Summation, Error> {
    match deltas {
        Deltas::Model => Ok(Summation::mean(weights)),
        Deltas::Bf16 => Ok(Summation::Mean { weights, precision: Precision::Bf16 }),
        Deltas::Threshold { tau } => gtc::summation(tau),
    }
}

pub(super) struct BmufMember {
    filter: BlockMomentum,
    kind: BmufMomentum,
    moments: BlockMoments,
    /// The residual of compressed differences; `None` if whole models are sent.
    residual: Option<Residual>,
}

impl BmufMember {
    /// Block momentum starts from the learner's parameters.
    pub(super) fn new<L: Learner>(experiment: &Experiment, learner: &L) -> Self {
        let settings = &experiment.exchange.bmuf;
        let initial = learner.with_parameters(<[f32]>::to_vec);
        Self {
            filter: BlockMomentum::new(initial, settings.kind),
            kind: settings.kind,
            moments: settings.moments,
            residual: (settings.deltas != BlockDeltas::F32).then(|| Residual::new(learner.values(), 0.0)),
        }
    }

    /// Filters the mean of models; if optimiser state is averaged too, it is replaced by its mean.
    fn close_models<L: Learner>(
        &mut self,
        update: &Update<'_>,
        (eta, zeta): (f64, f64),
        learner: &mut L,
    ) -> Result<(), L::Error> {
        let mut vectors = sections(update, learner.values())?;
        self.filter.close(&vectors[0], eta, zeta)?;
        if self.moments == BlockMoments::Average {
            learner.load_moments(vectors.split_off(1))?;
        }
        Ok(())
    }
}

const EXPECTED: &str = "blocks as set by `exchange.bmuf.deltas`";

impl<L: Learner> Member<L> for BmufMember {
    fn steps_alone(&self) -> bool {
        true
    }

    /// Moves the start of the block to the look-ahead point of the current η, which differs if members have changed.
    fn begin(&mut self, encoding: &Encoding, learner: &mut L) -> Result<(), L::Error> {
        if let Encoding::Block { momentum, .. } = *encoding
            && self.kind == BmufMomentum::Nesterov
            && self.filter.look_ahead_eta() != momentum
        {
            self.filter.look_ahead(momentum)?;
            learner.load_parameters(self.filter.start())?;
        }
        Ok(())
    }

    fn learn(&mut self, learner: &mut L, rate: Rate) -> Result<(), L::Error> {
        learner.descend(rate.whole())
    }

    /// Includes the optimiser's vectors if they are averaged.
    fn contribute(
        &mut self,
        encoding: &Encoding,
        learner: &L,
        ranges: &[Range<usize>],
    ) -> Result<Coded, L::Error> {
        let Encoding::Block { deltas, density, .. } = *encoding else {
            return Err(encoding.unexpected(EXPECTED).into());
        };
        let filter = &self.filter;
        let moved = || learner.with_parameters(|end| filter.moved(end));
        match (deltas, &mut self.residual) {
            (Deltas::Model, residual) => {
                let moments = match self.moments {
                    BlockMoments::Average => learner.moments(),
                    BlockMoments::Keep | BlockMoments::Reset => Vec::new(),
                };
                let mut coded = learner.with_parameters(|end| {
                    let moments = moments.iter().map(Vec::as_slice);
                    let vectors: Vec<&[f32]> = std::iter::once(end).chain(moments).collect();
                    Coded::whole(&vectors, ranges)
                });
                if let Some(residual) = residual.as_mut().filter(|_| density > 0.0) {
                    coded.suggested_tau = residual.suggest(&moved()?, density);
                }
                Ok(coded)
            }
            (Deltas::Bf16, Some(residual)) => Ok(residual.halve(&moved()?, ranges)?),
            (Deltas::Threshold { tau }, Some(residual)) => {
                let moved = moved()?;
                let suggested_tau = residual.suggest(&moved, density);
                Ok(Coded { suggested_tau, ..residual.threshold(&moved, tau, ranges)? })
            }
            (Deltas::Bf16 | Deltas::Threshold { .. }, None) => Err(encoding.unexpected(EXPECTED).into()),
        }
    }

    /// Filters the mean of all blocks and sets the model to where the next block starts.
    fn apply(&mut self, update: &Update<'_>, learner: &mut L) -> Result<(), L::Error> {
        let Encoding::Block { momentum, learning_rate, deltas, .. } = update.encoding else {
            return Err(update.encoding.unexpected(EXPECTED).into());
        };
        if let Some(residual) = self.residual.as_mut().filter(|_| update.counted && deltas != Deltas::Model) {
            residual.adopt();
        }
        if update.is_empty() {
            return Ok(());
        }
        match deltas {
            Deltas::Model => self.close_models(update, (momentum, learning_rate), learner)?,
            Deltas::Bf16 | Deltas::Threshold { .. } => {
                self.filter.close_delta(&update.mean(learner.values())?, momentum, learning_rate)?;
            }
        }
        learner.load_parameters(self.filter.start())?;
        if self.moments == BlockMoments::Reset {
            learner.reset_optimizer()?;
        }
        Ok(())
    }

    /// W, not the look-ahead point from which the worker trains.
    fn deployed(&self) -> Option<&[f32]> {
        Some(self.filter.deployed())
    }

    fn change_deployed(&mut self, f: &mut dyn FnMut(&mut [f32])) {
        self.filter.change_deployed(f);
    }

    fn start(&self) -> Option<&[f32]> {
        Some(self.filter.start())
    }

    fn own(&self) -> Vec<(&'static str, &[f32])> {
        self.residual.iter().map(|residual| (RESIDUAL, residual.kept.as_slice())).collect()
    }

    fn own_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        self.residual.iter_mut().map(|residual| (RESIDUAL, residual.kept.as_mut_slice())).collect()
    }

    fn shared(&self) -> Shared {
        Shared {
            vectors: [(DELTA.to_owned(), self.filter.delta().to_vec())].into(),
            numbers: [(LOOK_AHEAD.to_owned(), self.filter.look_ahead_eta())].into(),
        }
    }

    fn restore(&mut self, shared: &mut Shared, learner: &mut L) -> Result<(), L::Error> {
        let w = learner.with_parameters(<[f32]>::to_vec);
        let (delta, look_ahead_eta) = (shared.take_vector(DELTA)?, shared.number(LOOK_AHEAD)?);
        self.filter = BlockMomentum::from_parts(BlockParts { w, delta, look_ahead_eta }, self.kind)?;
        learner.load_parameters(self.filter.start())
    }
}

/// Name in checkpoints.
const RESIDUAL: &str = "block.residual";
const DELTA: &str = "block.delta";
const LOOK_AHEAD: &str = "block.look_ahead_eta";

/// Returns the means of the models and of the vectors sent with them; each payload contains them one after another.
fn sections(update: &Update<'_>, values: usize) -> Result<Vec<Vec<f32>>, Error> {
    let mut vectors = vec![vec![0.0; values]];
    for (range, payload) in update.sums {
        let sections = payload.len() / 4 / range.len().max(1);
        vectors.resize_with(sections.max(1), || vec![0.0; values]);
        let decoded = decode_dense(payload, sections * range.len())?;
        for (vector, part) in vectors.iter_mut().zip(decoded.chunks_exact(range.len().max(1))) {
            vector[range.clone()].copy_from_slice(part);
        }
    }
    Ok(vectors)
}
