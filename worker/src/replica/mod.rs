//! A worker's copy of the model, and its side of the exchange.

#[cfg(test)]
mod tests;
mod trainer;

pub(crate) use trainer::Trainer;

use crate::Error;
use crate::reducers::RangeSum;
use std::ops::Range;
use std::sync::Arc;
use stentor_acoustic::random::Stream;
use stentor_acoustic::{
    AcousticModel, AfterApply, Batch, Conditions, Dropout, Masks, Objective, ParameterVector, Score,
    annotated_objective, clip_to_norm, machine_labeled_objective, mean_gradient,
};
use stentor_exchange::strategy::{Coded, Learner, Member, Rate, Update, member};
use stentor_exchange::{Encoding, digest_f32};
use stentor_experiment::{Experiment, Source, Strategy};
use stentor_plan::Lease;

/// A worker's copy of the model, and its side of the exchange.
///
/// Between rounds all replicas have the same bits (two-tier: the replicas of a group, until the group exchange). Only
/// the residuals are a worker's own, and the optimiser if each worker makes its own steps.
pub(crate) struct Replica {
    pub(crate) trainer: Trainer,
    /// The worker's side of the strategy in force.
    pub(crate) member: Box<dyn Member<Trainer>>,
    strategy: Strategy,
    annotated: Box<dyn Objective>,
    machine_labeled: Box<dyn Objective>,
    experiment: Arc<Experiment>,
}

impl Replica {
    pub(crate) fn new(
        model: Box<dyn AcousticModel>,
        experiment: &Arc<Experiment>,
        strategy: Strategy,
    ) -> Self {
        Self::with(model, experiment, strategy, Vec::new())
    }

    /// A replica to whose parameters `after_apply` is applied after every update.
    pub(crate) fn with(
        model: Box<dyn AcousticModel>,
        experiment: &Arc<Experiment>,
        strategy: Strategy,
        after_apply: Vec<Box<dyn AfterApply>>,
    ) -> Self {
        let trainer = Trainer::new(model, experiment, after_apply);
        Self {
            member: member(strategy, experiment, &trainer),
            trainer,
            strategy,
            annotated: annotated_objective(&experiment.objective),
            machine_labeled: machine_labeled_objective(&experiment.objective),
            experiment: Arc::clone(experiment),
        }
    }

    /// Prepares for a round. If the strategy has changed, starts its side from the parameters to deploy, with a new optimiser.
    pub(crate) fn begin(&mut self, strategy: Strategy, encoding: &Encoding) -> Result<(), Error> {
        if strategy != self.strategy {
            if let Some(deployed) = self.member.deployed() {
                self.trainer.load_parameters(deployed)?;
            }
            self.trainer.reset_optimizer()?;
            self.member = member(strategy, &self.experiment, &self.trainer);
            self.strategy = strategy;
        }
        self.member.begin(encoding, &mut self.trainer)?;
        // This may have moved the parameters to another starting point.
        self.trainer.project()
    }

    pub(crate) fn parameters(&self) -> &ParameterVector {
        self.trainer.parameters()
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.parameters().len()
    }

    /// Digest of the model's parameters, which are the same on every replica between rounds.
    pub(crate) fn digest(&self) -> u64 {
        self.parameters().with_host(digest_f32)
    }

    /// 2-norm of the worker's residuals, which are part of no replica's parameters.
    pub(crate) fn kept_norm(&self) -> f64 {
        let norm = |kept: &[f32]| kept.iter().map(|r| f64::from(*r).powi(2)).sum::<f64>().sqrt();
        self.member.own().iter().map(|(_, kept)| norm(kept).powi(2)).sum::<f64>().sqrt()
    }

    /// Makes a forward and backward pass over a batch, the first one of `lease`; returns its score and the gradient's norm before
    /// clipping. If either is not finite, the replica does not learn from the batch.
    pub(crate) fn learn(&mut self, batch: &Batch, lease: &Lease, rate: Rate) -> Result<(Score, f64), Error> {
        let objective = match lease.source {
            Source::Annotated => &self.annotated,
            Source::MachineLabeled => &self.machine_labeled,
        };
        let conditions = Conditions { dropout: self.dropout(lease), masks: self.masks(lease), teacher: None };
        let score = mean_gradient(self.trainer.model.as_ref(), batch, objective.as_ref(), &conditions)?;
        let norm = clip_to_norm(self.parameters().gradient(), self.experiment.optimizer.clip_norm)?;
        if score.is_finite() && norm.is_finite() {
            self.member.learn(&mut self.trainer, rate)?;
        }
        Ok((score, norm))
    }

    /// The dropout of the first batch of a lease; it is the same whenever the batch is computed, and by any worker.
    fn dropout(&self, lease: &Lease) -> Dropout {
        Dropout { rate: self.experiment.model.dropout, random: self.random("dropout", lease) }
    }

    /// The masks of the first batch of a lease, likewise.
    fn masks(&self, lease: &Lease) -> Masks {
        let Experiment { augment, features, .. } = &*self.experiment;
        Masks::new(*augment, features.mel_bins as usize, self.random("augment", lease))
    }

    /// The random numbers of the first batch of a lease, for one use.
    fn random(&self, name: &str, lease: &Lease) -> Stream {
        let Lease { source, pass, unit, first_batch, .. } = lease;
        let name = format!("{name} {} {pass} {unit} {first_batch}", source.name());
        Stream::new(self.experiment.run.seed, &name)
    }

    /// Learns from a given gradient as if a batch had come to it.
    pub(crate) fn pretend(&mut self, fill: impl FnOnce(&mut [f32]), rate: Rate) -> Result<(), Error> {
        self.parameters().change_host_gradient(fill)?;
        self.member.learn(&mut self.trainer, rate)
    }

    /// Encodes the contribution of the round's batches. The replica's state does not change before [`apply`](Self::apply).
    pub(crate) fn contribute(
        &mut self,
        encoding: &Encoding,
        ranges: &[Range<usize>],
    ) -> Result<Coded, Error> {
        self.member.contribute(encoding, &self.trainer, ranges)
    }

    /// Applies a round's update, which gives the same bits on every replica.
    ///
    /// `counted`: whether it contains this worker's contribution. `frames`: number of frames in the update. `rate`:
    /// that of the round's source, used if the optimiser is replicated; if gradients were scaled before thresholding,
    /// only its base is used.
    pub(crate) fn apply(
        &mut self,
        encoding: Encoding,
        sums: &[RangeSum],
        counted: bool,
        frames: u64,
        rate: Rate,
    ) -> Result<(), Error> {
        let sums: Vec<(Range<usize>, &[u8])> =
            sums.iter().map(|sum| (sum.range.clone(), &*sum.payload)).collect();
        let update = Update { encoding, sums: &sums, counted, frames, rate };
        let changes = !update.is_empty();
        self.member.apply(&update, &mut self.trainer)?;
        if changes { self.after_apply(&encoding) } else { Ok(()) }
    }

    /// Updates the state of what is done after updates, if all replicas have the same parameters, and applies it. With two tiers
    /// the groups have the same parameters only after they have exchanged models.
    fn after_apply(&mut self, encoding: &Encoding) -> Result<(), Error> {
        if self.trainer.after_apply.is_empty() {
            return Ok(());
        }
        if self.strategy == Strategy::TwoTier && !encoding.is_block() {
            return self.trainer.project();
        }
        let deployed = self.deployed();
        for hook in &mut self.trainer.after_apply {
            hook.advance(&deployed)?;
        }
        self.project()
    }

    /// Applies to all copies of the parameters what is done after updates.
    pub(crate) fn project(&mut self) -> Result<(), Error> {
        let after_apply = &self.trainer.after_apply;
        if after_apply.is_empty() {
            return Ok(());
        }
        self.member.change_deployed(&mut |parameters: &mut [f32]| trainer::project(after_apply, parameters));
        if let Some(start) = self.member.start() {
            self.trainer.load_parameters(start)?;
        }
        self.trainer.project()
    }

    /// The parameters to deploy: with BMUF W, not the look-ahead point where the worker's block starts.
    pub(crate) fn deployed(&self) -> Vec<f32> {
        self.member.deployed().map_or_else(|| self.parameters().to_host(), <[f32]>::to_vec)
    }

    /// Runs `f` with the parameters to deploy in the model.
    pub(crate) fn with_deployed<T>(
        &self,
        f: impl FnOnce(&dyn AcousticModel) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let model = self.trainer.model.as_ref();
        let (Some(deployed), Some(start)) = (self.member.deployed(), self.member.start()) else {
            return f(model);
        };
        model.parameters().load_host(deployed)?;
        let result = f(model);
        model.parameters().load_host(start)?;
        self.trainer.project()?;
        result
    }
}
