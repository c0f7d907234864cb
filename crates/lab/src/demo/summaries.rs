//! The keys that are used of what each program wrote with `--json`. Other keys are ignored; a missing key is an error.

use super::figures::Rates;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

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

/// The keys of `stentor label --json` that are used here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(crate) struct LabelSummary {
    pub(crate) bytes_per_frame: f64,
    pub(crate) frames_per_s: f64,
    pub(crate) peak_rss_mb: f64,
}

/// The keys of `stentor evaluate --json` that are used here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Evaluation {
    #[serde(flatten)]
    pub(crate) rates: Rates,
    /// Hours of audio that the model labels per second.
    pub(crate) audio_hours_per_s: Option<f64>,
    pub(crate) phones: PhoneErrors,
    /// What the phones were compared with: `alignment`, or `frames` if the test set has nothing better.
    #[serde(default)]
    pub(crate) phone_reference: Option<String>,
    /// Differences to the baseline in each error rate, for the report.
    pub(crate) differences: Vec<Difference>,
    /// Errors by group of the test set, passed on unchanged.
    pub(crate) by_group: serde_json::Value,
}

/// The counts for the phone error rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhoneErrors {
    pub(crate) reference: u64,
    pub(crate) substitutions: u64,
    pub(crate) insertions: u64,
    pub(crate) deletions: u64,
}

impl std::iter::Sum for PhoneErrors {
    fn sum<I: Iterator<Item = Self>>(errors: I) -> Self {
        errors.fold(Self::default(), |a, b| Self {
            reference: a.reference + b.reference,
            substitutions: a.substitutions + b.substitutions,
            insertions: a.insertions + b.insertions,
            deletions: a.deletions + b.deletions,
        })
    }
}

/// A difference in one error rate, with its uncertainty, passed on unchanged.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Difference {
    pub(crate) measure: String,
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, serde_json::Value>,
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
        let path = folder.path().join("evaluate.json");
        std::fs::write(
            &path,
            r#"{"fer": 1.0, "per": 2.0, "audio_hours_per_s": null, "differences": [], "by_group": {"groups": {}},
            "phones": {"reference": 1, "substitutions": 0, "insertions": 0, "deletions": 0}}"#,
        )
        .unwrap();
        let error = format!("{:#}", read::<Evaluation>(&path).unwrap_err());
        assert!(error.contains("evaluate.json") && error.contains("fer_speech"), "{error}");
    }
}
