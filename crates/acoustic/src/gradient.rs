use crate::batch::Batch;
use crate::error::Error;
use crate::model::AcousticModel;
use crate::objective::{LossSum, Objective};

/// How a batch went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Loss summed over the frames that count, in nats.
    pub loss: f64,
    /// Frames that count.
    pub frames: i64,
    /// Frames whose most probable senone is the target's.
    pub correct: i64,
}

impl Score {
    /// False where the loss overflowed or is not a number: the batch must not be used.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }

    /// Mean loss of a frame, in nats.
    #[must_use]
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.frames.max(1) as f64
    }

    fn of(sum: &LossSum) -> Result<Self, Error> {
        Ok(Self { loss: sum.loss.f_double_value(&[])?, frames: sum.frames, correct: sum.correct })
    }
}

/// Leaves the gradient of the batch's mean loss over valid frames in the model's flat gradient, replacing what was there.
///
/// # Errors
/// As the model's and the objective's. A loss that is not finite is no error: see [`Score::is_finite`].
pub fn mean_gradient(
    model: &dyn AcousticModel,
    batch: &Batch,
    objective: &dyn Objective,
) -> Result<Score, Error> {
    let outputs = model.forward(&batch.features, &batch.lengths)?;
    let sum = objective.loss(&outputs, &batch.targets)?;
    let score = Score::of(&sum)?;
    let mean = sum.loss.f_div_scalar(score.frames.max(1) as f64)?;
    model.parameters().zero_grad();
    model.backward(outputs, &mean)?;
    Ok(score)
}

/// The batch's score, without a gradient.
///
/// # Errors
/// As the model's and the objective's.
pub fn score(model: &dyn AcousticModel, batch: &Batch, objective: &dyn Objective) -> Result<Score, Error> {
    tch::no_grad(|| {
        let outputs = model.forward(&batch.features, &batch.lengths)?;
        Score::of(&objective.loss(&outputs, &batch.targets)?)
    })
}
