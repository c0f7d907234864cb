use super::{Given, Loss, Objective, check_size, check_sizes, masked_sum};
use crate::error::Error;
use stentor_experiment::ResidualMass;
use tch::Kind;

/// Cross entropy against the teacher's k most probable senones: −Σ p log q, whose gradient with respect to the logits
/// is q − p.
///
/// A setting decides how the probability that was not kept is treated, because the kept part alone is a biased estimate
/// of the teacher (arXiv 2503.16870). A target as wide as the senone set is never built: with the residual r spread
/// evenly over the other V − k senones, −Σ p log q = −Σ_kept (p − u) log q − u Σ_all log q, where u = r / (V − k).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopK {
    /// Treatment of the probability that was not kept.
    pub residual_mass: ResidualMass,
}

impl Objective for TopK {
    fn name(&self) -> &'static str {
        "top-k"
    }

    fn loss(&self, given: &Given<'_>) -> Result<Loss, Error> {
        let (outputs, targets) = (given.outputs, given.targets);
        let (batch, frames, senones) = check_sizes(outputs, targets)?;
        let soft = targets
            .supervision
            .soft()
            .ok_or(Error::MissingTargets { objective: self.name(), missing: "the teacher's soft labels" })?;
        let k = soft.ids.size().last().copied().unwrap_or(0);
        if !(1..=senones).contains(&k) {
            return Err(Error::shape("kept senones of a frame", format!("1 to {senones}"), k));
        }
        check_size("soft labels' ids", &soft.ids, &[batch, frames, k])?;
        check_size("soft labels' probabilities", &soft.probabilities, &[batch, frames, k])?;

        let log_q = outputs.logits.f_log_softmax(-1, None)?;
        let kept_log_q = log_q.f_gather(-1, &soft.ids, false)?;
        let kept_mass = soft.probabilities.f_sum_dim_intlist([-1i64].as_slice(), true, Kind::Float)?;
        // Padding frames contain zeros, and quantised labels may sum to slightly more than one.
        let scaled =
            |mass: &tch::Tensor| soft.probabilities.f_div(&mass.f_clamp_min(f64::from(f32::MIN_POSITIVE))?);
        let sum = [-1i64];
        let loss = if self.residual_mass == ResidualMass::Renormalise || k == senones {
            scaled(&kept_mass)?
                .f_mul(&kept_log_q)?
                .f_sum_dim_intlist(sum.as_slice(), false, Kind::Float)?
                .f_neg()?
        } else {
            let p = scaled(&kept_mass.f_clamp_min(1.0)?)?;
            let share =
                kept_mass.f_neg()?.f_add_scalar(1.0)?.f_clamp_min(0.0)?.f_div_scalar((senones - k) as f64)?;
            let kept = p.f_sub(&share)?.f_mul(&kept_log_q)?;
            let kept = kept.f_sum_dim_intlist(sum.as_slice(), false, Kind::Float)?;
            let all = log_q.f_sum_dim_intlist(sum.as_slice(), false, Kind::Float)?;
            kept.f_add(&all.f_mul(&share.f_squeeze_dim(-1)?)?)?.f_neg()?
        };
        masked_sum(&loss, &outputs.logits, &soft.ids.f_select(-1, 0)?, &targets.mask)
    }
}
