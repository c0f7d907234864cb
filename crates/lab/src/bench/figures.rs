//! Figures as JSON.

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::path::Path;

/// The figures of a benchmark; each of its parts adds its own.
pub(super) type Figures = Map<String, Value>;

/// Writes the figures to the file of `--json`.
pub(super) fn write(file: Option<&Path>, figures: &Figures) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let text = serde_json::to_string_pretty(figures)? + "\n";
    std::fs::write(file, text).with_context(|| format!("cannot write the figures to {}", file.display()))
}

/// A number in a tree of figures; `path` has the keys joined with slashes.
pub(super) fn number(figures: &Value, path: &str) -> Result<f64> {
    let found = path.split('/').try_fold(figures, |value, key| value.get(key));
    found.and_then(Value::as_f64).with_context(|| format!("the figures have no number at `{path}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_found_by_path_and_a_missing_one_is_named() {
        let figures = json!({"bits_vs_entropy": {"0.001": 1.01}});
        assert_eq!(number(&figures, "bits_vs_entropy/0.001").unwrap(), 1.01);
        let error = number(&figures, "bits_vs_entropy/0.1").unwrap_err().to_string();
        assert!(error.contains("bits_vs_entropy/0.1"), "{error}");
    }
}
