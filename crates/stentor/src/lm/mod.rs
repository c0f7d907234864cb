//! `stentor lm`: n-gram language models from text, as ARPA files.

mod estimate;
mod files;
mod measure;
mod mix;
mod training_text;

#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::Subcommand;

/// What is done with language models.
#[derive(Debug, Subcommand)]
pub(crate) enum Lm {
    /// Write normalised text: of files, or of a prepared corpus without dev and test.
    Text(training_text::Args),
    /// Estimate a model from text, with modified Kneser-Ney smoothing.
    Estimate(estimate::Args),
    /// Measure how well a model predicts a text.
    Perplexity(measure::Args),
    /// Mix models of the same words by linear interpolation.
    Mix(mix::Args),
}

pub(crate) fn run(lm: &Lm) -> Result<()> {
    match lm {
        Lm::Text(arguments) => training_text::run(arguments),
        Lm::Estimate(arguments) => estimate::run(arguments),
        Lm::Perplexity(arguments) => measure::run(arguments),
        Lm::Mix(arguments) => mix::run(arguments),
    }
}
