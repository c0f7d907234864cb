use super::{HardLabels, LossSum, Objective, Targets, TopK};
use crate::error::Error;
use crate::model::Outputs;

/// Hard and soft labels together: w × hard + (1 − w) × soft. Frames count as correct by the hard label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixed {
    /// The hard labels' weight w, 0 to 1.
    pub hard_weight: f64,
    /// The soft part.
    pub soft: TopK,
}

impl Objective for Mixed {
    fn loss(&self, outputs: &Outputs, targets: &Targets) -> Result<LossSum, Error> {
        let hard = HardLabels.loss(outputs, targets)?;
        let soft = self.soft.loss(outputs, targets)?;
        let loss = hard
            .loss
            .f_mul_scalar(self.hard_weight)?
            .f_add(&soft.loss.f_mul_scalar(1.0 - self.hard_weight)?)?;
        Ok(LossSum { loss, ..hard })
    }
}
