//! Weights of a mixture, chosen on a text.

use crate::interpolate::CommonWords;
use crate::text::for_each_sentence;
use crate::{Error, Model, WordId};
use serde::Serialize;
use std::io::BufRead;

/// Iterations end when the log probability per word rises by less than this, in natural logarithms.
const PRECISION: f64 = 1e-9;
/// Most iterations.
const MAX_ITERATIONS: usize = 1000;
/// log10 of the least probability, so that no mixture is 0.
const LEAST: f64 = -300.0;

/// Weights that make a held-out text the most probable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weights {
    /// One for each model; their sum is 1.
    pub weights: Vec<f64>,
    /// Perplexity of the text with these weights, over the words that the models know and ends of sentences.
    pub perplexity: f64,
    /// Iterations that were needed.
    pub iterations: usize,
}

/// The weights of an exact linear interpolation, by expectation maximisation (Jelinek and Mercer 1980): each new weight is
/// the mean over the words of the text of λ_i p_i / Σ_j λ_j p_j.
///
/// # Errors
/// Those of reading a text; [`Error::DifferentVocabularies`]; [`Error::Weights`] without a model.
pub fn tune_weights(models: &[&Model], text: impl BufRead) -> Result<Weights, Error> {
    if models.is_empty() {
        return Err(Error::Weights { models: 0, found: Vec::new() });
    }
    let probabilities = probabilities(models, text)?;
    let words = probabilities.chunks_exact(models.len());
    let number = words.len() as f64;
    let mut weights = vec![1.0 / models.len() as f64; models.len()];
    let mut before = f64::NEG_INFINITY;
    let mut iterations = 0;
    loop {
        iterations += 1;
        let mut shares = vec![0.0; models.len()];
        let mut log_prob = 0.0;
        for word in words.clone() {
            let mixed: f64 = weights.iter().zip(word).map(|(weight, p)| weight * p).sum();
            log_prob += mixed.ln() / number;
            for ((share, weight), p) in shares.iter_mut().zip(&weights).zip(word) {
                *share += weight * p / mixed;
            }
        }
        if log_prob - before < PRECISION || iterations == MAX_ITERATIONS {
            return Ok(Weights { weights, perplexity: (-log_prob).exp(), iterations });
        }
        before = log_prob;
        let sum: f64 = shares.iter().sum();
        weights = shares.into_iter().map(|share| share / sum).collect();
    }
}

/// The probability of each known word and each end of a sentence by each model, word by word.
fn probabilities(models: &[&Model], text: impl BufRead) -> Result<Vec<f64>, Error> {
    let words = CommonWords::of(models)?;
    let unknown = words.vocabulary.unknown();
    let mut probabilities = Vec::new();
    for_each_sentence(text, |sentence| {
        let mut states: Vec<_> = models.iter().map(|model| model.start()).collect();
        let ids = sentence.iter().map(|word| words.vocabulary.id(word).filter(|id| Some(*id) != unknown));
        for word in ids.chain([Some(WordId::END)]) {
            for (index, (model, state)) in models.iter().zip(&mut states).enumerate() {
                match word {
                    Some(word) => {
                        let (next, log_prob) = model.advance(*state, words.own(index, word));
                        probabilities.push(10_f64.powf(log_prob.max(LEAST)));
                        *state = next;
                    }
                    None => *state = model.empty(),
                }
            }
        }
        Ok(())
    })?;
    Ok(probabilities)
}
