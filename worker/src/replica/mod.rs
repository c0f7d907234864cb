//! A worker's copy of the model, and its side of the exchange.

mod block;
mod residual;
#[cfg(test)]
mod tests;

pub(crate) use block::Block;
pub(crate) use residual::{Coded, Residual};

use crate::Error;
use crate::learned::Rate;
use crate::reducers::RangeSum;
use std::ops::Range;
use std::sync::Arc;
use stentor_acoustic::{
    AcousticModel, Batch, Objective, Optimizer, Score, Tensor, annotated_objective, build_optimizer,
    clip_to_norm, machine_labeled_objective, mean_gradient, scale_gradient,
};
use stentor_exchange::{decode_dense, digest_f32, gtc};
use stentor_experiment::{Experiment, GtcApply, Source, Strategy};
use stentor_proto::v1::encoding::Kind;

/// A worker's copy of the model, and its side of the exchange.
///
/// Between rounds all replicas have the same bits (two-tier: the replicas of a group, until the group exchange). Only
/// the residuals are a worker's own, and the optimiser if each worker makes its own steps.
pub(crate) struct Replica {
    pub(crate) model: Box<dyn AcousticModel>,
    pub(crate) optimizer: Box<dyn Optimizer>,
    pub(crate) strategy: Strategy,
    /// Residual of gradients or updates: GTC, two-tier.
    pub(crate) residual: Option<Residual>,
    /// The block-momentum filter: BMUF, two-tier.
    pub(crate) block: Option<Block>,
    annotated: Box<dyn Objective>,
    machine_labeled: Box<dyn Objective>,
    experiment: Arc<Experiment>,
    /// The contribution to the open round.
    vector: Vector,
}

/// What a round without a block contributes.
enum Vector {
    /// No batch was computed.
    Nothing,
    /// The model's gradient.
    Gradient,
    /// A step of the worker's own optimiser.
    Step(Vec<f32>),
}

impl Replica {
    pub(crate) fn new(
        model: Box<dyn AcousticModel>,
        experiment: &Arc<Experiment>,
        strategy: Strategy,
    ) -> Self {
        let parameters = model.parameters();
        let mut replica = Self {
            optimizer: build_optimizer(&experiment.optimizer, parameters.len(), parameters.device()),
            strategy,
            residual: None,
            block: None,
            annotated: annotated_objective(&experiment.objective),
            machine_labeled: machine_labeled_objective(&experiment.objective),
            experiment: Arc::clone(experiment),
            vector: Vector::Nothing,
            model,
        };
        replica.take_sides();
        replica
    }

    /// Initialises the state of the strategy in force.
    fn take_sides(&mut self) {
        let exchange = &self.experiment.exchange;
        let thresholds = matches!(self.strategy, Strategy::Gtc | Strategy::TwoTier);
        let averages = matches!(self.strategy, Strategy::Bmuf | Strategy::TwoTier);
        self.residual = thresholds.then(|| Residual::new(self.len(), exchange.gtc.residual_clip));
        self.block = averages.then(|| Block::new(&exchange.bmuf, self.model.parameters().to_host()));
    }

    /// Prepares for a round. If the strategy has changed, initialises its state, with the parameters to deploy and a
    /// new optimiser. Then moves to the look-ahead point for the round's block momentum.
    pub(crate) fn begin(&mut self, strategy: Strategy, encoding: &Kind) -> Result<(), Error> {
        if strategy != self.strategy {
            if let Some(block) = &self.block {
                self.model.parameters().load_host(block.filter.deployed())?;
            }
            self.strategy = strategy;
            self.optimizer.load_state(&stentor_acoustic::OptimizerState::default())?;
            self.take_sides();
        }
        // With two tiers the model is ahead of the block's start by what the group has learned since then.
        if let (Strategy::Bmuf, Kind::Block(block), Some(side)) = (strategy, encoding, &mut self.block) {
            side.look_ahead(block.momentum, self.model.parameters())?;
        }
        self.vector = Vector::Nothing;
        Ok(())
    }

    /// Whether updates of the worker's own optimiser are thresholded.
    fn thresholds_updates(&self) -> bool {
        self.residual.is_some() && self.experiment.thresholds() == GtcApply::Update
    }

    /// Whether gradients are thresholded after multiplication by their source's factor on the learning rate.
    fn scales_gradients(&self) -> bool {
        self.residual.is_some() && self.experiment.scales_gradients()
    }

    /// Whether the optimiser's state is the worker's own, rather than the same on every replica.
    pub(crate) fn steps_alone(&self) -> bool {
        self.block.is_some() || self.thresholds_updates()
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.model.parameters().len()
    }

    /// Digest of the model's parameters, which are the same on every replica between rounds.
    pub(crate) fn digest(&self) -> u64 {
        self.model.parameters().with_host(digest_f32)
    }

    /// 2-norm of the worker's residuals, which are part of no replica's parameters.
    pub(crate) fn kept_norm(&self) -> f64 {
        let of_blocks = self.block.as_ref().and_then(|block| block.residual.as_ref());
        self.residual.iter().chain(of_blocks).map(|r| r.norm().powi(2)).sum::<f64>().sqrt()
    }

    /// Runs the forward and backward pass over a batch; returns its score and the gradient's norm before clipping. The
    /// whole `rate` is used if the worker makes its own steps; only its multiplier if gradients are scaled before
    /// thresholding.
    pub(crate) fn learn(&mut self, batch: &Batch, source: Source, rate: Rate) -> Result<(Score, f64), Error> {
        let objective = match source {
            Source::Annotated => &self.annotated,
            Source::MachineLabeled => &self.machine_labeled,
        };
        let score = mean_gradient(self.model.as_ref(), batch, objective.as_ref())?;
        let gradient = self.model.parameters().gradient();
        let norm = clip_to_norm(gradient, self.experiment.optimizer.clip_norm)?;
        if !(score.is_finite() && norm.is_finite()) {
            return Ok((score, norm));
        }
        if self.thresholds_updates() {
            let step = self.optimizer.update(gradient, rate.whole())?;
            self.vector = Vector::Step(host(&step));
        } else if self.strategy == Strategy::Bmuf {
            let step = self.optimizer.update(gradient, rate.whole())?;
            self.model.parameters().add(&step)?;
        } else {
            self.take_gradient(rate)?;
        }
        Ok((score, norm))
    }

    /// Uses a given gradient as if a batch had produced it.
    pub(crate) fn pretend(&mut self, fill: impl FnOnce(&mut [f32]), rate: Rate) -> Result<(), Error> {
        self.model.parameters().change_host_gradient(fill)?;
        self.take_gradient(rate)
    }

    /// Makes the model's gradient the round's contribution.
    fn take_gradient(&mut self, rate: Rate) -> Result<(), Error> {
        if self.scales_gradients() && rate.multiplier != 1.0 {
            scale_gradient(self.model.parameters().gradient(), rate.multiplier)?;
        }
        self.vector = Vector::Gradient;
        Ok(())
    }

    /// Encodes the result of the round's batches. No state changes before [`apply`](Self::apply).
    pub(crate) fn contribute(&mut self, encoding: &Kind, ranges: &[Range<usize>]) -> Result<Coded, Error> {
        let parameters = self.model.parameters();
        if let Kind::Block(block) = encoding {
            let side = self.block.as_mut().ok_or_else(|| unexpected(self.strategy, "a block"))?;
            return side.contribute(block, parameters, self.optimizer.as_ref(), ranges);
        }
        let (residual, strategy) = (&mut self.residual, self.strategy);
        let code = |vector: &[f32]| match (encoding, residual) {
            (Kind::Dense(dense), Some(residual)) => {
                let suggested_tau = residual.suggest(vector, dense.density);
                Ok(Coded { suggested_tau, ..residual.flush(vector, ranges) })
            }
            (Kind::Threshold(threshold), Some(residual)) => {
                let suggested_tau = residual.suggest(vector, threshold.density);
                Ok(Coded { suggested_tau, ..residual.threshold(vector, threshold.tau, ranges)? })
            }
            (Kind::Dense(_), None) => Ok(Coded::whole(&[vector], ranges)),
            _ => Err(unexpected(strategy, "a threshold")),
        };
        match &self.vector {
            Vector::Nothing => Ok(Coded::default()),
            Vector::Gradient => parameters.with_host_gradient(code),
            Vector::Step(step) => code(step),
        }
    }

    /// Applies a round's update, which gives the same bits on every replica.
    ///
    /// `counted`: whether it contains this worker's contribution. `frames`: number of frames in the update. `rate`:
    /// that of the round's source, used if the optimiser is replicated; if gradients were scaled before thresholding,
    /// only its base is used.
    pub(crate) fn apply(
        &mut self,
        encoding: &Kind,
        sums: &[RangeSum],
        counted: bool,
        frames: u64,
        rate: Rate,
    ) -> Result<(), Error> {
        let residual = match encoding {
            Kind::Block(block) if block.deltas() != stentor_proto::v1::encoding::Deltas::Model => {
                self.block.as_mut().and_then(|block| block.residual.as_mut())
            }
            Kind::Block(_) => None,
            Kind::Dense(_) | Kind::Threshold(_) => self.residual.as_mut(),
        };
        residual.filter(|_| counted).into_iter().for_each(Residual::adopt);
        let sums: Vec<(Range<usize>, &[u8])> =
            sums.iter().map(|sum| (sum.range.clone(), &*sum.payload)).collect();
        if sums.iter().all(|(_, payload)| payload.is_empty()) {
            return Ok(());
        }
        let parameters = self.model.parameters();
        if let Kind::Block(block) = encoding {
            let side = self.block.as_mut().ok_or_else(|| unexpected(self.strategy, "a block"))?;
            return side.close(block, &sums, parameters, self.optimizer.as_mut());
        }
        if let Some(block) = &mut self.block {
            block.frames += frames;
        }
        let updates = self.thresholds_updates();
        let learning_rate = if self.scales_gradients() { rate.base } else { rate.whole() };
        // A step that is a plain multiple of the mean is applied in one pass; with signs, only to the values that were
        // sent.
        let factor = if updates { Some(1.0) } else { self.optimizer.plain_factor(learning_rate) };
        if let Some(factor) = factor {
            return parameters.change_host(|values| {
                for (range, payload) in &sums {
                    let part = &mut values[range.clone()];
                    match encoding {
                        Kind::Threshold(_) => drop(gtc::add_scaled(payload, part, factor)?),
                        _ => stentor_exchange::add_scaled_dense(payload, part, factor)?,
                    }
                }
                Ok(())
            })?;
        }
        let mut mean = vec![0.0; parameters.len()];
        for (range, payload) in &sums {
            let part = &mut mean[range.clone()];
            match encoding {
                Kind::Threshold(_) => drop(gtc::decode_mean(payload, part)?),
                _ => part.copy_from_slice(&decode_dense(payload, part.len())?),
            }
        }
        let mean = device_vector(&mean, self.model.as_ref())?;
        parameters.add(&self.optimizer.update(&mean, learning_rate)?)?;
        Ok(())
    }

    /// The parameters to deploy: with BMUF W, not the look-ahead point where the worker's block starts.
    pub(crate) fn deployed(&self) -> Vec<f32> {
        match &self.block {
            Some(block) => block.filter.deployed().to_vec(),
            None => self.model.parameters().to_host(),
        }
    }

    /// Runs `f` with the parameters to deploy in the model.
    pub(crate) fn with_deployed<T>(
        &self,
        f: impl FnOnce(&dyn AcousticModel) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(block) = &self.block else { return f(self.model.as_ref()) };
        self.model.parameters().load_host(block.filter.deployed())?;
        let result = f(self.model.as_ref());
        self.model.parameters().load_host(block.filter.start())?;
        result
    }
}

fn unexpected(strategy: Strategy, what: &str) -> Error {
    Error::Protocol(format!(
        "the coordinator requested {what}, but this run exchanges by {}",
        strategy.name()
    ))
}

fn host(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    let len = values.len();
    tensor.to_device(stentor_acoustic::Device::Cpu).copy_data(&mut values, len);
    values
}

fn device_vector(values: &[f32], model: &dyn AcousticModel) -> Result<Tensor, Error> {
    let device = model.parameters().device();
    Tensor::f_from_slice(values)
        .and_then(|t| t.f_to_device(device))
        .map_err(|e| Error::Acoustic(stentor_acoustic::Error::from(e)))
}
