use super::{Given, Loss, Objective, check_size, check_sizes, masked_sum};
use crate::error::Error;

/// Cross entropy against the alignment: −log q of the aligned senone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardLabels;

impl Objective for HardLabels {
    fn name(&self) -> &'static str {
        "hard labels"
    }

    fn loss(&self, given: &Given<'_>) -> Result<Loss, Error> {
        let (outputs, targets) = (given.outputs, given.targets);
        let (batch, frames, _) = check_sizes(outputs, targets)?;
        let hard = targets
            .supervision
            .hard()
            .ok_or(Error::MissingTargets { objective: self.name(), missing: "an alignment" })?;
        check_size("hard labels", hard, &[batch, frames])?;
        let log_q = outputs.logits.f_log_softmax(-1, None)?;
        let loss = log_q.f_gather(-1, &hard.f_unsqueeze(-1)?, false)?.f_squeeze_dim(-1)?.f_neg()?;
        masked_sum(&loss, &outputs.logits, hard, &targets.mask)
    }
}
