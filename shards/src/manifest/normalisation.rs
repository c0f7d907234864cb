use half::f16;
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of each value of a frame over a training set.
///
/// A model trained on a feature set adopts the set's normalisation. From then on it belongs to the model, is stored in
/// its checkpoints, and is applied to every set that the model is used on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// `[dimension]`
    pub mean: Vec<f32>,
    /// `[dimension]`, above 0.
    pub std: Vec<f32>,
}

impl Normalisation {
    /// Normalises `features`, `[frames × dimension]`: (x − mean) / std, in the same layout.
    #[must_use]
    pub fn apply(&self, features: &[f16]) -> Vec<f32> {
        let scale: Vec<f32> = self.std.iter().map(|s| 1.0 / s).collect();
        let mut normalised = Vec::with_capacity(features.len());
        for frame in features.chunks_exact(self.mean.len().max(1)) {
            let values = frame.iter().zip(&self.mean).zip(&scale);
            normalised.extend(values.map(|((x, mean), scale)| (x.to_f32() - mean) * scale));
        }
        normalised
    }

    /// Returns why it cannot be used for frames of `dimension` values, or `None` if it can.
    #[must_use]
    pub fn flaw(&self, dimension: usize) -> Option<String> {
        let Normalisation { mean, std } = self;
        if mean.len() != dimension || std.len() != dimension {
            let (means, stds) = (mean.len(), std.len());
            return Some(format!(
                "the normalisation has {means} means and {stds} deviations, expected {dimension}"
            ));
        }
        let sound = mean.iter().all(|m| m.is_finite()) && std.iter().all(|s| s.is_finite() && *s > 0.0);
        (!sound).then(|| "the normalisation must be finite, with deviations above 0".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_of_a_frame_has_its_own_mean_and_deviation() {
        let normalisation = Normalisation { mean: vec![1.0, -2.0], std: vec![2.0, 0.5] };
        let features: Vec<f16> = [3.0, -2.0, 1.0, 0.0].map(f16::from_f32).to_vec();
        assert_eq!(normalisation.apply(&features), [1.0, 0.0, 0.0, 4.0]);
    }

    #[test]
    fn one_that_does_not_fit_or_would_divide_by_zero_is_named() {
        let flaw = |mean: &[f32], std: &[f32]| {
            Normalisation { mean: mean.to_vec(), std: std.to_vec() }.flaw(2).unwrap_or_default()
        };
        assert_eq!(flaw(&[0.0, 1.0], &[1.0, 1.0]), "");
        assert!(flaw(&[0.0], &[1.0, 1.0]).contains("1 means and 2 deviations, expected 2"));
        assert!(flaw(&[0.0, f32::NAN], &[1.0, 1.0]).contains("finite"));
        assert!(flaw(&[0.0, 1.0], &[1.0, 0.0]).contains("above 0"));
    }
}
