use super::tau::Tau;
use crate::error::Error;
use stentor_experiment::Gtc;

/// What a round exchanges at this point of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// Whole vectors. Members suggest a threshold for the density that follows, if one follows.
    Dense {
        /// Density of the first round after the dense ones; absent if τ is fixed.
        next_density: Option<f64>,
    },
    /// Signs; τ follows this density.
    Density(f64),
    /// Signs with a fixed τ.
    Fixed(Tau),
}

impl Phase {
    /// Returns the share of values for which a threshold should be suggested; `None` if none should.
    #[must_use]
    pub fn aim(self) -> Option<f64> {
        match self {
            Phase::Dense { next_density } => next_density,
            Phase::Density(density) => Some(density),
            Phase::Fixed(_) => None,
        }
    }
}

/// Returns the phase at `progress`, the share of the run's frames that are committed (0 to 1).
///
/// Dense for the first `warmup_dense`, then a density that falls geometrically from `warmup_density` to `density` over
/// `warmup_falling`, then `density`. With a fixed τ there is no fall: the density follows from the gradients.
///
/// # Errors
/// [`Error::TauOutOfRange`] for an invalid fixed τ.
pub fn phase(settings: &Gtc, progress: f64) -> Result<Phase, Error> {
    let fixed = settings.tau.map(Tau::nearest).transpose()?;
    // A start below the target stays at the target.
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
