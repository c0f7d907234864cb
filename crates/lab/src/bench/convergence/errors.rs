//! Frame errors of training with GTC by density, for the tables of other benchmarks.

use super::cases;
use super::results::run_of;
use crate::bench::figures::number;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

/// Frame error on dev by density of GTC.
#[derive(Debug, Default, PartialEq)]
pub(in crate::bench) struct Errors(Vec<(f64, f64)>);

impl Errors {
    /// Reads the figures that `bench convergence --json FILE` wrote.
    pub(in crate::bench) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let figures: Value =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
        Self::of(&figures).with_context(|| {
            format!("{}: expected the figures of `cargo xtask bench convergence`", file.display())
        })
    }

    fn of(figures: &Value) -> Result<Self> {
        let error =
            |case: cases::Case| Ok((case.density(), number(run_of(figures, &case)?, "dev_frame_error")?));
        cases::of_each_density().map(error).collect::<Result<_>>().map(Self)
    }

    /// The frame error in percent of training at this density; `None` if it was not trained.
    pub(in crate::bench) fn at(&self, density: f64) -> Option<f64> {
        let near = |known: f64| (known - density).abs() < 1e-9;
        self.0.iter().find_map(|&(known, error)| near(known).then_some(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(density: Option<f64>, error: f64) -> Value {
        json!({"strategy": "gtc", "workers": 4, "gtc_density_percent": density, "dev_frame_error": error})
    }

    #[test]
    fn each_density_of_the_link_bench_has_the_error_of_its_own_training() {
        let runs = [run(None, 62.0), run(Some(0.1), 63.7), run(Some(1.0), 62.8), run(Some(3.0), 62.1)];
        let errors = Errors::of(&json!({ "runs": runs })).unwrap();
        assert_eq!(
            [0.001, 0.01, 0.03, 0.1].map(|density| errors.at(density)),
            [Some(63.7), Some(62.8), Some(62.1), Some(62.0)]
        );
        assert_eq!((errors.at(0.02), Errors::default().at(0.1)), (None, None));
    }

    #[test]
    fn figures_of_another_benchmark_are_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"link": {}}"#).unwrap();
        let error = format!("{:#}", Errors::read(file.path()).unwrap_err());
        assert!(error.contains("expected the figures of `cargo xtask bench convergence`"), "{error}");
    }
}
