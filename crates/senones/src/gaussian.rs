//! Frames as one Gaussian with a diagonal covariance.

use std::f64::consts::TAU;

/// Count, sum and sum of squares of frames: all that the likelihood of these frames under their own Gaussian needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    count: f64,
    sum: Box<[f64]>,
    squares: Box<[f64]>,
}

impl Gaussian {
    /// No frame yet, of `dimension` values each.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        let zeros = || vec![0.0; dimension].into_boxed_slice();
        Self { count: 0.0, sum: zeros(), squares: zeros() }
    }

    /// Number of frames.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Values of a frame.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.sum.len()
    }

    /// Sum of the frames, `[dimension]`.
    #[must_use]
    pub fn sum(&self) -> &[f64] {
        &self.sum
    }

    /// Sum of the squares of the frames' values, `[dimension]`.
    #[must_use]
    pub fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// Adds a frame, `[dimension]`.
    pub fn add_frame(&mut self, frame: &[f32]) {
        debug_assert_eq!(frame.len(), self.dimension());
        self.count += 1.0;
        for ((sum, square), &value) in self.sum.iter_mut().zip(&mut self.squares).zip(frame) {
            let value = f64::from(value);
            *sum += value;
            *square += value * value;
        }
    }

    /// Adds the frames of another set.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(other.dimension(), self.dimension());
        self.count += other.count;
        self.sum.iter_mut().zip(&other.sum).for_each(|(a, b)| *a += b);
        self.squares.iter_mut().zip(&other.squares).for_each(|(a, b)| *a += b);
    }

    /// The frames of all these sets together.
    pub(crate) fn sum_of<'a>(dimension: usize, sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::new(dimension);
        sets.into_iter().for_each(|set| all.merge(set));
        all
    }

    /// Natural logarithm of the frames' likelihood under the diagonal Gaussian that makes it largest, among those with no
    /// variance below `variance_floor`, which must be above 0.
    ///
    /// With n frames, their means μ and variances σ²: −½ Σ_d n (ln 2π v_d + σ²_d / v_d), v_d = max(σ²_d, floor). Without a
    /// floor this is Young, Odell & Woodland 1994, equation 1. It is a maximum, so frames in two sets with a Gaussian each are
    /// never less likely than with one for all.
    #[must_use]
    pub fn log_likelihood(&self, variance_floor: f64) -> f64 {
        if self.count <= 0.0 {
            return 0.0;
        }
        let part = |(sum, square): (&f64, &f64)| {
            let mean = sum / self.count;
            // Rounding may leave a difference below 0.
            let variance = (square / self.count - mean * mean).max(0.0);
            let floored = variance.max(variance_floor);
            (TAU * floored).ln() + variance / floored
        };
        -0.5 * self.count * self.sum.iter().zip(&self.squares).map(part).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(frames: &[Vec<f32>]) -> Gaussian {
        let mut gaussian = Gaussian::new(2);
        frames.iter().for_each(|frame| gaussian.add_frame(frame));
        gaussian
    }

    /// The likelihood as its definition has it, frame by frame.
    fn by_definition(frames: &[Vec<f32>], floor: f64) -> f64 {
        let n = frames.len() as f64;
        let density = |place: usize| {
            let values: Vec<f64> = frames.iter().map(|frame| f64::from(frame[place])).collect();
            let mean = values.iter().sum::<f64>() / n;
            let variance = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).max(floor);
            values.iter().map(|x| -0.5 * ((TAU * variance).ln() + (x - mean).powi(2) / variance)).sum::<f64>()
        };
        density(0) + density(1)
    }

    fn frames() -> impl Strategy<Value = Vec<Vec<f32>>> {
        prop::collection::vec(prop::collection::vec(-4.0f32..4.0, 2), 1..20)
    }

    #[test]
    fn no_frames_have_a_likelihood_of_1() {
        assert_eq!(Gaussian::new(3).log_likelihood(0.01), 0.0);
    }

    proptest! {
        #[test]
        fn the_likelihood_is_that_of_the_frames_under_their_gaussian(frames in frames(), floor in 0.001f64..2.0) {
            let (ours, expected) = (of(&frames).log_likelihood(floor), by_definition(&frames, floor));
            prop_assert!((ours - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{ours} {expected}");
        }

        #[test]
        fn two_gaussians_are_never_worse_than_one(a in frames(), b in frames(), floor in 0.001f64..2.0) {
            let (a, b) = (of(&a), of(&b));
            let both = Gaussian::sum_of(2, [&a, &b]);
            let gain = a.log_likelihood(floor) + b.log_likelihood(floor) - both.log_likelihood(floor);
            prop_assert!(gain > -1e-6, "{gain}");
        }
    }
}
