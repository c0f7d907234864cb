//! What training minimises: a sum, over the frames or the sequences of a batch, of a model's outputs against targets.

mod hard;
mod mixed;
mod top_k;

pub use hard::HardLabels;
pub use mixed::Mixed;
pub use top_k::TopK;

use crate::error::Error;
use crate::model::Outputs;
use crate::parameters::ParameterVector;
use crate::pass::InnerLayers;
use crate::supervision::Targets;
use tch::{Kind, Tensor};

/// What an objective needs besides logits and targets. What it does not ask for it does not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Whether it looks at inner layers, of the model and of the teacher.
    pub inner_layers: InnerLayers,
    /// Whether it compares with the outputs of another model on the same features.
    pub teacher: bool,
    /// Whether it looks at the model's weights.
    pub weights: bool,
    /// Whether each sequence of a batch must be a whole utterance.
    pub whole_utterances: bool,
}

/// What an objective is given of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The model's outputs; inner layers only if [asked for](Needs::inner_layers).
    pub outputs: &'a Outputs,
    /// What they are compared with.
    pub targets: &'a Targets,
    /// Frames of each sequence, contexts included, padding not.
    pub lengths: &'a [i64],
    teacher: Option<&'a Outputs>,
    weights: Option<&'a ParameterVector>,
}

impl<'a> Given<'a> {
    /// Outputs and targets alone.
    #[must_use]
    pub fn new(outputs: &'a Outputs, targets: &'a Targets, lengths: &'a [i64]) -> Self {
        Self { outputs, targets, lengths, teacher: None, weights: None }
    }

    pub(crate) fn with(self, teacher: Option<&'a Outputs>, weights: Option<&'a ParameterVector>) -> Self {
        Self { teacher, weights, ..self }
    }

    /// The teacher's outputs, without a gradient.
    ///
    /// # Errors
    /// [`Error::Unmet`] for an objective that did not [ask for them](Needs::teacher).
    pub fn teacher(&self, objective: &'static str) -> Result<&'a Outputs, Error> {
        self.teacher.ok_or(Error::Unmet { objective, need: "a teacher's outputs" })
    }

    /// The model's parameters, whose [views](ParameterVector::view) are the leaves that the backward pass differentiates.
    ///
    /// # Errors
    /// [`Error::Unmet`] for an objective that did not [ask for them](Needs::weights).
    pub fn weights(&self, objective: &'static str) -> Result<&'a ParameterVector, Error> {
        self.weights.ok_or(Error::Unmet { objective, need: "the model's weights" })
    }
}

/// What a loss is summed over: the gradient is that of its mean over as many of these as count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossUnit {
    /// The frames that count.
    Frame,
    /// The sequences of the batch.
    Sequence,
}

/// The loss of a batch.
#[derive(Debug)]
pub struct Loss {
    /// Sum over all units, in nats, a scalar, differentiable.
    pub sum: Tensor,
    /// What it is summed over.
    pub unit: LossUnit,
    /// How many of these there are.
    pub units: i64,
    /// Frames that count.
    pub frames: i64,
    /// Frames whose most probable senone is the target's.
    pub correct: i64,
    /// A penalty on weights, a scalar, differentiable. It is added once to the mean loss of a batch, however large the batch
    /// is, and is reported apart.
    pub penalty: Option<Tensor>,
}

/// Something to minimise.
pub trait Objective: Send {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// What it needs.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The loss of a batch.
    ///
    /// # Errors
    /// [`Error::MissingTargets`] where the batch lacks the labels that are compared, [`Error::Shape`] where sizes disagree.
    fn loss(&self, given: &Given<'_>) -> Result<Loss, Error>;
}

/// The objective on annotated batches: hard labels, mixed with the teacher's where the experiment weighs them.
#[must_use]
pub fn annotated_objective(settings: &stentor_experiment::Objective) -> Box<dyn Objective> {
    if settings.hard_weight < 1.0 {
        Box::new(Mixed {
            hard_weight: settings.hard_weight,
            soft: TopK { residual_mass: settings.residual_mass },
        })
    } else {
        Box::new(HardLabels)
    }
}

/// The objective on machine-labeled batches: the teacher's soft labels.
#[must_use]
pub fn machine_labeled_objective(settings: &stentor_experiment::Objective) -> Box<dyn Objective> {
    Box::new(TopK { residual_mass: settings.residual_mass })
}

/// Sums the masked per-frame losses and counts hits; all `[batch, frames]`, `best` being the expected senone.
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
