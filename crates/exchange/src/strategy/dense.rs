use crate::reducer::Summation;
use stentor_experiment::BmufWeights;

/// The mean of whole gradients, or updates, weighted by frames.
pub(super) fn summation() -> Summation {
    Summation::mean(BmufWeights::Frames)
}
