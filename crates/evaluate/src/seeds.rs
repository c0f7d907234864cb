//! Several runs of the same experiment with different seeds.

use serde::{Deserialize, Serialize};

/// Mean and spread of one figure over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Number of runs.
    pub seeds: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1); absent for a single run.
    pub deviation: Option<f64>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

impl Spread {
    /// Computes mean and spread; `None` without values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        (!values.is_empty()).then(|| Self {
            seeds: values.len(),
            mean,
            deviation: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_run_has_a_mean_but_no_deviation() {
        let one = Spread::of([50.0]).unwrap();
        assert_eq!((one.mean, one.deviation, one.seeds), (50.0, None, 1));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn three_runs_have_both() {
        let three = Spread::of([49.0, 50.0, 51.0]).unwrap();
        assert_eq!((three.mean, three.deviation, three.min, three.max), (50.0, Some(1.0), 49.0, 51.0));
    }
}
