//! Objectives of training: sums, over the frames or the sequences of a batch, that compare a model's outputs with
//! targets.

mod hard;
mod l2;
mod mixed;
mod top_k;

pub use hard::HardLabels;
pub(crate) use l2::L2;
pub use mixed::Mixed;
pub use top_k::TopK;

use crate::error::Error;
use crate::model::Outputs;
use crate::parameters::ParameterVector;
use crate::pass::InnerLayers;
use crate::supervision::Targets;
use tch::{Kind, Tensor};

/// Inputs of an objective besides logits and targets. It receives only what it requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Whether it uses inner layers, of the model and of the teacher.
    pub inner_layers: InnerLayers,
    /// Whether it uses the outputs of another model for the same features.
    pub teacher: bool,
    /// Whether it uses the model's weights.
    pub weights: bool,
    /// Whether each sequence of a batch must be a whole utterance.
    pub whole_utterances: bool,
}

/// An objective's input for a batch.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The model's outputs; inner layers only if [requested](Needs::inner_layers).
    pub outputs: &'a Outputs,
    /// The targets.
    pub targets: &'a Targets,
    /// Number of frames of each sequence, including contexts but not padding.
    pub lengths: &'a [i64],
    teacher: Option<&'a Outputs>,
    weights: Option<&'a ParameterVector>,
}

impl<'a> Given<'a> {
    /// Outputs and targets only.
    #[must_use]
    pub fn new(outputs: &'a Outputs, targets: &'a Targets, lengths: &'a [i64]) -> Self {
        Self { outputs, targets, lengths, teacher: None, weights: None }
    }

    pub(crate) fn with(self, teacher: Option<&'a Outputs>, weights: Option<&'a ParameterVector>) -> Self {
        Self { teacher, weights, ..self }
    }

    /// Returns the teacher's outputs, without a gradient.
    ///
    /// # Errors
    /// [`Error::Unmet`] for an objective that did not [request them](Needs::teacher).
    pub fn teacher(&self, objective: &'static str) -> Result<&'a Outputs, Error> {
        self.teacher.ok_or(Error::Unmet { objective, need: "a teacher's outputs" })
    }

    /// Returns the model's parameters, whose [views](ParameterVector::view) are the leaves of the backward pass.
    ///
    /// # Errors
    /// [`Error::Unmet`] for an objective that did not [request them](Needs::weights).
    pub fn weights(&self, objective: &'static str) -> Result<&'a ParameterVector, Error> {
        self.weights.ok_or(Error::Unmet { objective, need: "the model's weights" })
    }
}

/// The unit over which a loss is summed: the gradient is that of the mean over all units that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossUnit {
    /// Frames that count in the loss.
    Frame,
    /// Sequences of the batch.
    Sequence,
}

/// The loss of a batch.
#[derive(Debug)]
pub struct Loss {
    /// Sum over all units, in nats, a scalar, differentiable.
    pub sum: Tensor,
    /// The unit: frame or sequence.
    pub unit: LossUnit,
    /// Number of units.
    pub units: i64,
    /// Number of frames that count in the loss.
    pub frames: i64,
    /// Number of frames whose most probable senone is the target.
    pub correct: i64,
    /// A penalty on weights, a scalar, differentiable. It is added once to the mean loss of a batch of any size, and
    /// reported separately.
    pub penalty: Option<Tensor>,
}

/// A training objective.
pub trait Objective: Send {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// Returns the inputs that it needs.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Computes the loss of a batch.
    ///
    /// # Errors
    /// [`Error::MissingTargets`] if the batch lacks the required labels, [`Error::Shape`] if sizes disagree.
    fn loss(&self, given: &Given<'_>) -> Result<Loss, Error>;
}

/// The objective on annotated batches: hard labels, mixed with the teacher's soft labels if the experiment gives them a
/// weight, and the penalty on weights.
#[must_use]
pub fn annotated_objective(settings: &stentor_experiment::Objective) -> Box<dyn Objective> {
    let objective: Box<dyn Objective> = if settings.hard_weight < 1.0 {
        Box::new(Mixed {
            hard_weight: settings.hard_weight,
            soft: TopK { residual_mass: settings.residual_mass },
        })
    } else {
        Box::new(HardLabels)
    };
    penalised(objective, settings)
}

/// The objective on machine-labeled batches: the teacher's soft labels, and the penalty on weights.
#[must_use]
pub fn machine_labeled_objective(settings: &stentor_experiment::Objective) -> Box<dyn Objective> {
    penalised(Box::new(TopK { residual_mass: settings.residual_mass }), settings)
}

/// Adds the penalty on weights, if the experiment has one.
fn penalised(objective: Box<dyn Objective>, settings: &stentor_experiment::Objective) -> Box<dyn Objective> {
    if settings.l2 > 0.0 { Box::new(L2 { objective, weight: settings.l2 }) } else { objective }
}

/// Sums the masked per-frame losses and counts correct frames; all `[batch, frames]`, `best` being the expected senone.
fn masked_sum(loss: &Tensor, logits: &Tensor, best: &Tensor, mask: &Tensor) -> Result<Loss, Error> {
    let sum = loss.f_mul(mask)?.f_sum(Kind::Float)?;
    let hits =
        tch::no_grad(|| logits.f_argmax(-1, false)?.f_eq_tensor(best)?.f_to_kind(Kind::Float)?.f_mul(mask))?;
    let count = |t: &Tensor| Ok::<i64, Error>(t.f_sum(Kind::Double)?.f_double_value(&[])? as i64);
    let frames = count(mask)?;
    let correct = count(&hits)?;
    Ok(Loss { sum, unit: LossUnit::Frame, units: frames, frames, correct, penalty: None })
}

/// Checks that logits are `[batch, frames, senones]` and the mask `[batch, frames]`; returns (batch, frames, senones).
fn check_sizes(outputs: &Outputs, targets: &Targets) -> Result<(i64, i64, i64), Error> {
    let size = outputs.logits.size();
    let [batch, frames, senones] = size[..] else {
        return Err(Error::shape("logits", "[batch, frames, senones]", format!("{size:?}")));
    };
    check_size("mask", &targets.mask, &[batch, frames])?;
    Ok((batch, frames, senones))
}

fn check_size(what: &str, tensor: &Tensor, expected: &[i64]) -> Result<(), Error> {
    let found = tensor.size();
    if found == expected {
        Ok(())
    } else {
        Err(Error::shape(what, format!("{expected:?}"), format!("{found:?}")))
    }
}

#[cfg(test)]
mod tests;
