//! The error rates of a model.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use stentor_evaluate::{Figures, RecognitionFigures};

/// Error rates, in percent; on the test set unless they are of dev.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// Of frames, including silence.
    pub(crate) fer: f64,
    /// Of frames of speech.
    pub(crate) fer_speech: f64,
    /// Of phones.
    pub(crate) per: f64,
    /// Of words; absent if no words were recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wer: Option<f64>,
    /// Of the words of dev, on which the recogniser's scales were chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dev_wer: Option<f64>,
}

impl Rates {
    /// Those of an evaluation and of the words that were recognised. The demo's test set has phones, and texts, so that all
    /// of them are known.
    pub(crate) fn of(evaluation: &Figures, recognition: Option<&RecognitionFigures>) -> Result<Self> {
        let known = |name: &str, rate: Option<f64>| {
            rate.with_context(|| format!("the evaluation has no {name} error rate"))
        };
        let wer = recognition.map(|found| known("word", found.wer)).transpose()?;
        Ok(Self {
            fer: known("frame", evaluation.fer)?,
            fer_speech: known("speech frame", evaluation.fer_speech)?,
            per: known("phone", evaluation.per)?,
            wer,
            dev_wer: recognition.and_then(|found| found.dev_wer),
        })
    }

    /// Means over seeds; of words only where all seeds have them.
    pub(crate) fn mean(seeds: &[Rates]) -> Self {
        let mean = |of: fn(&Rates) -> f64| seeds.iter().map(of).sum::<f64>() / seeds.len().max(1) as f64;
        let of_known = |of: fn(&Rates) -> Option<f64>| {
            let known = seeds.iter().map(of).collect::<Option<Vec<f64>>>()?;
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Self {
            fer: mean(|rates| rates.fer),
            fer_speech: mean(|rates| rates.fer_speech),
            per: mean(|rates| rates.per),
            wer: of_known(|rates| rates.wer),
            dev_wer: of_known(|rates| rates.dev_wer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_rate_is_named() {
        let evaluation = Figures { fer: Some(50.0), ..Figures::default() };
        let error = Rates::of(&evaluation, None).unwrap_err().to_string();
        assert_eq!(error, "the evaluation has no speech frame error rate");
        let evaluation = Figures { fer_speech: Some(55.0), per: Some(45.0), ..evaluation };
        let error = Rates::of(&evaluation, Some(&RecognitionFigures::default())).unwrap_err().to_string();
        assert_eq!(error, "the evaluation has no word error rate");
        assert_eq!(Rates::of(&evaluation, None).unwrap().wer, None);
    }

    #[test]
    fn words_have_a_mean_only_if_all_seeds_recognised_them() {
        let of = |fer, wer| Rates { fer, wer, ..Rates::default() };
        let mean = Rates::mean(&[of(40.0, Some(60.0)), of(60.0, Some(70.0))]);
        assert_eq!((mean.fer, mean.wer, mean.dev_wer), (50.0, Some(65.0), None));
        assert_eq!(Rates::mean(&[of(40.0, Some(60.0)), of(60.0, None)]).wer, None);
    }
}
