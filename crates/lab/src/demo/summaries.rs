//! What each program wrote with `--json`. Of training, only the keys that are used here: others are ignored, and a
//! missing key is an error.

use super::figures::Rates;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;
use stentor_evaluate::Figures;

/// The keys of `stentor train --json` that are used here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct TrainSummary {
    pub(crate) frames: u64,
    pub(crate) seconds: f64,
    pub(crate) bytes_per_frame: f64,
    pub(crate) peak_rss_mb: TrainMemory,
    /// Frame error of the model that was kept, in percent of frames, over senones.
    #[serde(default)]
    pub(crate) dev_frame_error: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(crate) struct TrainMemory {
    pub(crate) coordinator: f64,
    pub(crate) worker: f64,
}

/// The error rates of an evaluation; the demo's test set has phones, so that all of them are known.
pub(crate) fn rates(evaluation: &Figures) -> Result<Rates> {
    let known = |name: &str, rate: Option<f64>| {
        rate.with_context(|| format!("the evaluation has no {name} error rate"))
    };
    Ok(Rates {
        fer: known("frame", evaluation.fer)?,
        fer_speech: known("speech frame", evaluation.fer_speech)?,
        per: known("phone", evaluation.per)?,
    })
}

/// Reads the JSON that a program wrote.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} lacks a figure", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_figure_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.json");
        std::fs::write(&path, r#"{"frames": 1, "bytes_per_frame": 2.0}"#).unwrap();
        let error = format!("{:#}", read::<TrainSummary>(&path).unwrap_err());
        assert!(error.contains("train.json") && error.contains("seconds"), "{error}");
        let evaluation = Figures { fer: Some(50.0), ..Figures::default() };
        let error = rates(&evaluation).unwrap_err().to_string();
        assert_eq!(error, "the evaluation has no speech frame error rate");
    }
}
