//! The `--json` output of each program.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;

/// Reads the JSON that a program wrote.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} lacks a figure", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_runlog::Summary;

    #[test]
    fn a_missing_figure_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.json");
        std::fs::write(&path, r#"{"run": "a", "strategy": "gtc", "checkpoint": "c", "rounds": 1}"#).unwrap();
        let error = format!("{:#}", read::<Summary>(&path).unwrap_err());
        assert!(error.contains("train.json") && error.contains("frames"), "{error}");
    }
}
