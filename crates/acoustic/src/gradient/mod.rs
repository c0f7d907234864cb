//! The gradient of a batch.

use crate::batch::{Batch, Extent};
use crate::error::Error;
use crate::masks::Masks;
use crate::model::AcousticModel;
use crate::objective::{Given, Loss, LossUnit, Objective};
use crate::pass::{Dropout, Mode, Pass};

/// The loss of a batch and the counts that go with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Loss summed over all units, in nats, without the penalty.
    pub loss: f64,
    /// The unit: frame or sequence.
    pub unit: LossUnit,
    /// Number of units.
    pub units: i64,
    /// Number of frames that count in the loss.
    pub frames: i64,
    /// Number of frames whose most probable senone is the target.
    pub correct: i64,
    /// The penalty on weights, added once to the mean loss; 0 without a penalty.
    pub penalty: f64,
}

impl Score {
    /// The score of zero frames, for losses that are summed over frames.
    pub const NO_FRAMES: Self =
        Self { loss: 0.0, unit: LossUnit::Frame, units: 0, frames: 0, correct: 0, penalty: 0.0 };

    /// False if loss or penalty is infinite or NaN: the batch must not be used.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.penalty.is_finite()
    }

    /// Mean loss per unit, in nats, without the penalty.
    #[must_use]
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.units.max(1) as f64
    }

    fn of(loss: &Loss) -> Result<Self, Error> {
        let penalty = loss.penalty.as_ref().map_or(Ok(0.0), |penalty| penalty.f_double_value(&[]))?;
        let Loss { unit, units, frames, correct, .. } = *loss;
        Ok(Self { loss: loss.sum.f_double_value(&[])?, unit, units, frames, correct, penalty })
    }
}

/// Inputs of a training step besides model, batch and objective.
#[derive(Clone, Copy, Default)]
pub struct Conditions<'a> {
    /// The dropout of the forward pass.
    pub dropout: Dropout,
    /// What the model does not see of the features. A teacher sees all of them.
    pub masks: Masks,
    /// The teacher whose outputs an objective may use; it is only used for inference.
    pub teacher: Option<&'a dyn AcousticModel>,
}

/// Computes the gradient of the batch's mean loss over all units, plus the penalty, and stores it in the model's flat
/// gradient, replacing the previous contents.
///
/// # Errors
/// Errors of the model and of the objective; [`Error::Unmet`] for an objective that needs a teacher or whole utterances
/// if they are not available. A loss that is not finite is not an error: see [`Score::is_finite`].
pub fn mean_gradient(
    model: &dyn AcousticModel,
    batch: &Batch,
    objective: &dyn Objective,
    conditions: &Conditions<'_>,
) -> Result<Score, Error> {
    let needs = objective.needs();
    if needs.whole_utterances && batch.extent != Extent::Utterances {
        return Err(Error::Unmet { objective: objective.name(), need: "whole utterances" });
    }
    let teacher = match (needs.teacher, conditions.teacher) {
        (false, _) => None,
        (true, None) => {
            return Err(Error::Unmet { objective: objective.name(), need: "a teacher's outputs" });
        }
        (true, Some(teacher)) => {
            let pass = Pass { inner: needs.inner_layers, mode: Mode::Evaluate };
            let outputs = tch::no_grad(|| teacher.forward_with(&batch.features, &batch.lengths, pass))?;
            Some(outputs)
        }
    };
    let pass = Pass { inner: needs.inner_layers, mode: Mode::Train(conditions.dropout) };
    let masked = conditions.masks.applied(&batch.features, &batch.lengths)?;
    let features = masked.as_ref().unwrap_or(&batch.features);
    let outputs = model.forward_with(features, &batch.lengths, pass)?;
    let weights = needs.weights.then(|| model.parameters());
    let given = Given::new(&outputs, &batch.targets, &batch.lengths).with(teacher.as_ref(), weights);
    let loss = objective.loss(&given)?;
    let score = Score::of(&loss)?;
    let mut mean = loss.sum.f_div_scalar(score.units.max(1) as f64)?;
    if let Some(penalty) = &loss.penalty {
        mean = mean.f_add(penalty)?;
    }
    model.parameters().zero_grad();
    model.backward(outputs, &mean)?;
    Ok(score)
}

#[cfg(test)]
mod needs_tests;
#[cfg(test)]
mod tests;
