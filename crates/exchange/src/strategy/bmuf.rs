use super::{Deltas, gtc};
use crate::error::Error;
use crate::precision::Precision;
use crate::reducer::Summation;
use stentor_experiment::BmufWeights;

/// The mean of models, or of what they moved; of what they moved as signs, the sum that GTC makes.
pub(super) fn summation(deltas: Deltas, weights: BmufWeights) -> Result<Summation, Error> {
    match deltas {
        Deltas::Model => Ok(Summation::mean(weights)),
        Deltas::Bf16 => Ok(Summation::Mean { weights, precision: Precision::Bf16 }),
        Deltas::Threshold { tau } => gtc::summation(tau),
    }
}
