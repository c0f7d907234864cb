//! The error rates of a model.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use stentor_evaluate::Figures;

/// Error rates on the test set, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// Of frames, including silence.
    pub(crate) fer: f64,
    /// Of frames of speech.
    pub(crate) fer_speech: f64,
    /// Of phones.
    pub(crate) per: f64,
}

impl Rates {
    /// Those of an evaluation; the demo's test set has phones, so that all of them are known.
    pub(crate) fn of(evaluation: &Figures) -> Result<Self> {
        let known = |name: &str, rate: Option<f64>| {
            rate.with_context(|| format!("the evaluation has no {name} error rate"))
        };
        Ok(Self {
            fer: known("frame", evaluation.fer)?,
            fer_speech: known("speech frame", evaluation.fer_speech)?,
            per: known("phone", evaluation.per)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_rate_is_named() {
        let evaluation = Figures { fer: Some(50.0), ..Figures::default() };
        let error = Rates::of(&evaluation).unwrap_err().to_string();
        assert_eq!(error, "the evaluation has no speech frame error rate");
    }
}
