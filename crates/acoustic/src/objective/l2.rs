use super::{Given, Loss, Needs, Objective};
use crate::error::Error;
use tch::{Kind, Tensor};

/// Another objective with an L2 penalty on weights: ½ λ Σ w² over all matrices of the model, not over its biases.
pub(crate) struct L2 {
    /// The objective that compares outputs with targets.
    pub(crate) objective: Box<dyn Objective>,
    /// The penalty's weight λ.
    pub(crate) weight: f64,
}

impl Objective for L2 {
    fn name(&self) -> &'static str {
        self.objective.name()
    }

    fn needs(&self) -> Needs {
        Needs { weights: true, ..self.objective.needs() }
    }

    fn loss(&self, given: &Given<'_>) -> Result<Loss, Error> {
        let loss = self.objective.loss(given)?;
        let parameters = given.weights(self.name())?;
        let matrices =
            parameters.slots().iter().zip(parameters.views()).filter(|(slot, _)| slot.shape.len() > 1);
        let squares =
            matrices.map(|(_, view)| view.f_square()?.f_sum(Kind::Float)).collect::<Result<Vec<_>, _>>()?;
        let penalty = Tensor::f_stack(&squares, 0)?.f_sum(Kind::Float)?.f_mul_scalar(0.5 * self.weight)?;
        let penalty = match &loss.penalty {
            Some(other) => penalty.f_add(other)?,
            None => penalty,
        };
        Ok(Loss { penalty: Some(penalty), ..loss })
    }
}
