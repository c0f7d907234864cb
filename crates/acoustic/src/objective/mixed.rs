use super::{Given, HardLabels, Loss, Objective, TopK};
use crate::error::Error;

/// Hard and soft labels together: w × hard + (1 − w) × soft. The hard label decides whether a frame is correct.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixed {
    /// The hard labels' weight w, 0 to 1.
    pub hard_weight: f64,
    /// The soft part.
    pub soft: TopK,
}

impl Objective for Mixed {
    fn name(&self) -> &'static str {
        "hard labels and top-k"
    }

    fn loss(&self, given: &Given<'_>) -> Result<Loss, Error> {
        let hard = HardLabels.loss(given)?;
        let soft = self.soft.loss(given)?;
        let sum = hard
            .sum
            .f_mul_scalar(self.hard_weight)?
            .f_add(&soft.sum.f_mul_scalar(1.0 - self.hard_weight)?)?;
        Ok(Loss { sum, ..hard })
    }
}
