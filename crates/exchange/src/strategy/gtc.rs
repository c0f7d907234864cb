use crate::error::Error;
use crate::gtc::Tau;
use crate::reducer::Summation;

/// The sum of signs, which are counted.
pub(super) fn summation(tau: f32) -> Result<Summation, Error> {
    Ok(Summation::Signs { tau: Tau::exact(tau)? })
}
