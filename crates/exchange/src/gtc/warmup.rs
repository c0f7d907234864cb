use super::tau::Tau;
use crate::error::Error;
use stentor_experiment::Gtc;

/// What a round exchanges, as the run goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// Whole vectors. Members suggest a threshold for the density that follows, where one will.
    Dense {
        /// Density of the first round after the dense ones; absent where τ is fixed.
        next_density: Option<f64>,
    },
    /// Signs of a τ that follows this density.
    Density(f64),
    /// Signs of a fixed τ.
    Fixed(Tau),
}

impl Phase {
    /// Share of values that a threshold is to be suggested for; absent where none is.
    #[must_use]
    pub fn aim(self) -> Option<f64> {
        match self {
            Phase::Dense { next_density } => next_density,
            Phase::Density(density) => Some(density),
            Phase::Fixed(_) => None,
        }
    }
}

/// The phase at `progress`, the share of the run's frames that are committed (0 to 1).
///
/// Dense for the first `warmup_dense`, then a density that falls from `warmup_density` to `density` by the
/// same factor in each frame over `warmup_falling`, then `density`. A fixed τ has no fall: its density is
/// what the gradients make it.
///
/// # Errors
/// [`Error::TauOutOfRange`] for a fixed τ that cannot be one.
pub fn phase(settings: &Gtc, progress: f64) -> Result<Phase, Error> {
    let fixed = settings.tau.map(Tau::nearest).transpose()?;
    // A fall that would rise stays level.
    let first = settings.warmup_density.max(settings.density);
    if progress < settings.warmup_dense {
        let after = if settings.warmup_falling > 0.0 { first } else { settings.density };
        return Ok(Phase::Dense { next_density: fixed.is_none().then_some(after) });
    }
    if let Some(tau) = fixed {
        return Ok(Phase::Fixed(tau));
    }
    let past_dense = progress - settings.warmup_dense;
    if past_dense >= settings.warmup_falling {
        return Ok(Phase::Density(settings.density));
    }
    let fallen = past_dense / settings.warmup_falling;
    Ok(Phase::Density(first * (settings.density / first).powf(fallen)))
}
