//! `stentor lm`: n-gram language models from text, as ARPA files.

mod estimate;
mod files;
mod measure;
mod mix;

#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::Subcommand;

/// What is done with language models.
#[derive(Debug, Subcommand)]
pub(crate) enum Lm {
    /// Estimate a model from text, with modified Kneser-Ney smoothing.
    Estimate(estimate::Args),
    /// Measure how well a model predicts a text.
    Perplexity(measure::Args),
    /// Mix models of the same words by linear interpolation.
    Mix(mix::Args),
}

pub(crate) fn run(lm: &Lm) -> Result<()> {
    match lm {
        Lm::Estimate(arguments) => estimate::run(arguments),
        Lm::Perplexity(arguments) => measure::run(arguments),
        Lm::Mix(arguments) => mix::run(arguments),
    }
}
