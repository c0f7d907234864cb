//! The `--json` output of each program. For training, only the keys that are used here: others are ignored, and a
//! missing key is an error.

use anyhow::{Context, Result};
use serde::Deserialize;
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
    }
}
