use super::residual::{Coded, Residual};
use crate::Error;
use std::ops::Range;
use stentor_acoustic::{Optimizer, OptimizerState, ParameterVector};
use stentor_exchange::{BlockMomentum, Tau, decode_dense, gtc};
use stentor_experiment::{BlockDeltas, BlockMoments, Bmuf, BmufMomentum};
use stentor_proto::v1::encoding::{Block as Encoding, Deltas};

/// A worker's side of blockwise model-update filtering (BMUF).
pub(crate) struct Block {
    pub(crate) filter: BlockMomentum,
    pub(crate) kind: BmufMomentum,
    moments: BlockMoments,
    /// The residual of compressed differences; `None` if whole models are sent.
    pub(crate) residual: Option<Residual>,
    /// Frames learned since the last group exchange (two-tier).
    pub(crate) frames: u64,
}

impl Block {
    pub(crate) fn new(settings: &Bmuf, initial: Vec<f32>) -> Self {
        let len = initial.len();
        Self {
            filter: BlockMomentum::new(initial, settings.kind),
            kind: settings.kind,
            moments: settings.moments,
            residual: (settings.deltas != BlockDeltas::F32).then(|| Residual::new(len, 0.0)),
            frames: 0,
        }
    }

    /// Encodes the result of the block, with the optimiser's vectors if they are averaged.
    pub(crate) fn contribute(
        &mut self,
        encoding: &Encoding,
        parameters: &ParameterVector,
        optimizer: &dyn Optimizer,
        ranges: &[Range<usize>],
    ) -> Result<Coded, Error> {
        let filter = &self.filter;
        let moved = || parameters.with_host(|end| filter.moved(end));
        let (deltas, density) = (encoding.deltas(), encoding.density);
        match (deltas, &mut self.residual) {
            (Deltas::Model, residual) => {
                let moments = match self.moments {
                    BlockMoments::Average => optimizer.state().vectors,
                    BlockMoments::Keep | BlockMoments::Reset => Vec::new(),
                };
                let mut coded = parameters.with_host(|end| {
                    let vectors: Vec<&[f32]> =
                        std::iter::once(end).chain(moments.iter().map(|(_, v)| v.as_slice())).collect();
                    Coded::whole(&vectors, ranges)
                });
                if let Some(residual) = residual.as_mut().filter(|_| density > 0.0) {
                    coded.suggested_tau = residual.suggest(&moved()?, density);
                }
                Ok(coded)
            }
            (Deltas::Bf16, Some(residual)) => residual.halve(&moved()?, ranges),
            (Deltas::Threshold, Some(residual)) => {
                let moved = moved()?;
                let suggested_tau = residual.suggest(&moved, density);
                Ok(Coded { suggested_tau, ..residual.threshold(&moved, encoding.tau, ranges)? })
            }
            (deltas, _) => {
                Err(Error::Protocol(format!("expected blocks as in the experiment, found {deltas:?}")))
            }
        }
    }

    /// Filters the mean of all blocks and moves the model to the start of the next block.
    pub(crate) fn close(
        &mut self,
        encoding: &Encoding,
        sums: &[(Range<usize>, &[u8])],
        parameters: &ParameterVector,
        optimizer: &mut dyn Optimizer,
    ) -> Result<(), Error> {
        let len = parameters.len();
        let (eta, zeta) = (encoding.momentum, encoding.learning_rate);
        match encoding.deltas() {
            Deltas::Model => {
                let mut vectors = vec![vec![0.0; len]];
                for (range, payload) in sums {
                    let sections = payload.len() / 4 / range.len().max(1);
                    vectors.resize_with(sections.max(1), || vec![0.0; len]);
                    let values = decode_dense(payload, sections * range.len())?;
                    for (vector, part) in vectors.iter_mut().zip(values.chunks_exact(range.len().max(1))) {
                        vector[range.clone()].copy_from_slice(part);
                    }
                }
                self.filter.close(&vectors[0], eta, zeta)?;
                let state = optimizer.state();
                if self.moments == BlockMoments::Average && vectors.len() == 1 + state.vectors.len() {
                    let named = state.vectors.iter().map(|(name, _)| name.clone()).zip(vectors.drain(1..));
                    optimizer.load_state(&OptimizerState { vectors: named.collect(), ..state })?;
                }
            }
            Deltas::Bf16 | Deltas::Unspecified => {
                let mut moved = vec![0.0; len];
                for (range, payload) in sums {
                    moved[range.clone()].copy_from_slice(&decode_dense(payload, range.len())?);
                }
                self.filter.close_delta(&moved, eta, zeta)?;
            }
            Deltas::Threshold => {
                Tau::exact(encoding.tau)?;
                let mut moved = vec![0.0; len];
                for (range, payload) in sums {
                    gtc::decode_mean(payload, &mut moved[range.clone()])?;
                }
                self.filter.close_delta(&moved, eta, zeta)?;
            }
        }
        parameters.load_host(self.filter.start())?;
        if self.moments == BlockMoments::Reset {
            optimizer.load_state(&OptimizerState::default())?;
        }
        self.frames = 0;
        Ok(())
    }

    /// Moves the start of the next block to the look-ahead point for its own η, which changes with the number of
    /// members.
    pub(crate) fn look_ahead(&mut self, eta: f64, parameters: &ParameterVector) -> Result<(), Error> {
        if self.kind == BmufMomentum::Nesterov && self.filter.look_ahead_eta() != eta {
            self.filter.look_ahead(eta)?;
            parameters.load_host(self.filter.start())?;
        }
        Ok(())
    }
}
