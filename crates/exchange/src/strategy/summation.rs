use super::{Encoding, bmuf, dense, gtc};
use crate::error::Error;
use crate::reducer::Summation;
use stentor_experiment::BmufWeights;

impl Encoding {
    /// Returns the kind of sum of the contributions; `weights`: how models are weighted in the mean of a block.
    ///
    /// # Errors
    /// [`Error::TauOutOfRange`] and [`Error::TauNotExact`] for an invalid τ.
    pub fn summation(&self, weights: BmufWeights) -> Result<Summation, Error> {
        match *self {
            Encoding::Dense { .. } => Ok(dense::summation()),
            Encoding::Threshold { tau, .. } => gtc::summation(tau),
            Encoding::Block { deltas, .. } => bmuf::summation(deltas, weights),
        }
    }
}
