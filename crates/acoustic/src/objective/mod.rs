//! What training minimises: a sum over valid frames of a model's outputs against targets.

mod hard;
mod mixed;
mod top_k;

pub use hard::HardLabels;
pub use mixed::Mixed;
pub use top_k::TopK;

use crate::error::Error;
use crate::model::Outputs;
use tch::{Kind, Tensor};

/// Soft labels: the k most probable senones of each frame, as kept by the labeler.
#[derive(Debug)]
pub struct Soft {
    /// Senone ids by descending probability, `[batch, frames, k]` i64; distinct within a frame.
    pub ids: Tensor,
    /// Their probabilities as kept, not renormalised, `[batch, frames, k]` f32.
    pub probabilities: Tensor,
}

/// What a batch is compared with. Where nothing is known of a frame (padding, context), the mask is 0.
#[derive(Debug)]
pub struct Targets {
    /// Senone id of each frame, `[batch, frames]` i64.
    pub hard: Option<Tensor>,
    /// The teacher's posteriors.
    pub soft: Option<Soft>,
    /// 1 for a frame that counts, else 0; `[batch, frames]` f32.
    pub mask: Tensor,
}

/// A loss summed over the frames that count.
#[derive(Debug)]
pub struct LossSum {
    /// Sum in nats, a scalar, differentiable.
    pub loss: Tensor,
    /// Frames that count.
    pub frames: i64,
    /// Frames whose most probable senone is the target's.
    pub correct: i64,
}

/// Something to minimise.
///
/// It sees logits and, if the forward pass kept them, inner layers. One that looks at weights holds shallow clones of
/// the model's [`views`](crate::ParameterVector::views): they are the leaves that the backward pass differentiates.
pub trait Objective: Send {
    /// The loss of these outputs.
    ///
    /// # Errors
    /// [`Error::MissingTargets`] where the batch lacks what is compared, [`Error::Shape`] where sizes disagree.
    fn loss(&self, outputs: &Outputs, targets: &Targets) -> Result<LossSum, Error>;
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
fn masked_sum(loss: &Tensor, logits: &Tensor, best: &Tensor, mask: &Tensor) -> Result<LossSum, Error> {
    let sum = loss.f_mul(mask)?.f_sum(Kind::Float)?;
    let hits =
        tch::no_grad(|| logits.f_argmax(-1, false)?.f_eq_tensor(best)?.f_to_kind(Kind::Float)?.f_mul(mask))?;
    let count = |t: &Tensor| Ok::<i64, Error>(t.f_sum(Kind::Double)?.f_double_value(&[])? as i64);
    Ok(LossSum { loss: sum, frames: count(mask)?, correct: count(&hits)? })
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
