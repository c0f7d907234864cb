//! A worker's copy of the model and its side of the exchange.

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

/// A worker's copy of the model and its side of the exchange.
///
/// Between rounds all replicas hold the same bits (two-tier: those of a group, until the groups meet). What a worker has
/// alone is its residuals and, where each worker steps by itself, its optimiser.
pub(crate) struct Replica {
    pub(crate) model: Box<dyn AcousticModel>,
    pub(crate) optimizer: Box<dyn Optimizer>,
    pub(crate) strategy: Strategy,
    /// Gradients or updates that were kept back: GTC, two-tier.
    pub(crate) residual: Option<Residual>,
    /// The block-momentum filter: BMUF, two-tier.
    pub(crate) block: Option<Block>,
    annotated: Box<dyn Objective>,
    machine_labeled: Box<dyn Objective>,
    experiment: Arc<Experiment>,
    /// What the open round is to contribute.
    vector: Vector,
}

/// What a round without a block contributes.
enum Vector {
    /// No batch was done.
    Nothing,
    /// The model's gradient.
    Gradient,
    /// A step of the own optimiser.
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

    /// What the strategy in force keeps, from its beginning.
    fn take_sides(&mut self) {
        let exchange = &self.experiment.exchange;
        let thresholds = matches!(self.strategy, Strategy::Gtc | Strategy::TwoTier);
        let averages = matches!(self.strategy, Strategy::Bmuf | Strategy::TwoTier);
        self.residual = thresholds.then(|| Residual::new(self.len(), exchange.gtc.residual_clip));
        self.block = averages.then(|| Block::new(&exchange.bmuf, self.model.parameters().to_host()));
    }

    /// Prepares for a round: takes another strategy's side where it has changed, from the parameters to deploy and with a
    /// fresh optimiser, and looks ahead with the round's own block momentum.
    pub(crate) fn begin(&mut self, strategy: Strategy, encoding: &Kind) -> Result<(), Error> {
        if strategy != self.strategy {
            if let Some(block) = &self.block {
                self.model.parameters().load_host(block.filter.deployed())?;
            }
            self.strategy = strategy;
            self.optimizer.load_state(&stentor_acoustic::OptimizerState::default())?;
            self.take_sides();
        }
        // In two-tier the model is ahead of the block's start by what the group has learned since.
        if let (Strategy::Bmuf, Kind::Block(block), Some(side)) = (strategy, encoding, &mut self.block) {
            side.look_ahead(block.momentum, self.model.parameters())?;
        }
        self.vector = Vector::Nothing;
        Ok(())
    }

    /// Whether what is thresholded are updates of the own optimiser.
    fn thresholds_updates(&self) -> bool {
        self.residual.is_some() && self.experiment.thresholds() == GtcApply::Update
    }

    /// Whether what is thresholded are gradients times their source's factor on the learning rate.
    fn scales_gradients(&self) -> bool {
        self.residual.is_some() && self.experiment.scales_gradients()
    }

    /// Whether the optimiser's state is one of this worker's own, rather than the same on every replica.
    pub(crate) fn steps_alone(&self) -> bool {
        self.block.is_some() || self.thresholds_updates()
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.model.parameters().len()
    }

    /// Digest of the parameters as they are on every replica between rounds.
    pub(crate) fn digest(&self) -> u64 {
        self.model.parameters().with_host(digest_f32)
    }

    /// 2-norm of what this worker alone keeps back: it is in no replica's parameters.
    pub(crate) fn kept_norm(&self) -> f64 {
        let of_blocks = self.block.as_ref().and_then(|block| block.residual.as_ref());
        self.residual.iter().chain(of_blocks).map(|r| r.norm().powi(2)).sum::<f64>().sqrt()
    }

    /// Goes forward and backward over a batch; returns its score and the gradient's norm before clipping. The whole `rate` is used
    /// where the worker steps alone, its multiplier alone where gradients are thresholded with it.
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

    /// Takes a given gradient as if a batch had come to it.
    pub(crate) fn pretend(&mut self, fill: impl FnOnce(&mut [f32]), rate: Rate) -> Result<(), Error> {
        self.model.parameters().change_host_gradient(fill)?;
        self.take_gradient(rate)
    }

    /// The model's gradient is what the round contributes.
    fn take_gradient(&mut self, rate: Rate) -> Result<(), Error> {
        if self.scales_gradients() && rate.multiplier != 1.0 {
            scale_gradient(self.model.parameters().gradient(), rate.multiplier)?;
        }
        self.vector = Vector::Gradient;
        Ok(())
    }

    /// Codes what the round's batches came to. Nothing of it is adopted before [`apply`](Self::apply).
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

    /// Takes a round's update in: the same bits on every replica.
    ///
    /// `counted`: whether this worker's contribution is in it. `frames`: behind the update. `rate`: of the round's source, used where
    /// the optimiser is replicated; where gradients were thresholded with their own multiplier, its base alone.
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
        // A step that is nothing but a multiple of the mean is taken in one pass, and of signs only where they are.
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

    /// The parameters to deploy: with BMUF W, not the look-ahead point that the worker trains from.
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
    Error::Protocol(format!("{what} was asked for in a run that exchanges by {}", strategy.name()))
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
