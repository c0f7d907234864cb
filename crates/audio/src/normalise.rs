use crate::Error;

/// Least standard deviation to divide by, in natural-log units; speech moves a log-mel bin by 2 to 4. A bin below it
/// contains no information (for example above the Nyquist frequency of a low-rate source) and is reported as dead.
pub const STD_FLOOR: f32 = 0.1;

/// Mean and variance of each dimension, accumulated one utterance at a time.
///
/// Two sets merge by the pairwise formula of Chan, Golub and LeVeque (1979), so that a million hours lose no digits.
/// Merging the same sets in the same order gives the same bits.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    count: u64,
    mean: Vec<f64>,
    /// Sum of squared deviations from the mean.
    spread: Vec<f64>,
}

impl Moments {
    /// Creates moments of no frames.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self { count: 0, mean: vec![0.0; dimension], spread: vec![0.0; dimension] }
    }

    /// Returns the moments of `frames`, `[frames, dimension]` row-major.
    #[must_use]
    pub fn of(frames: &[f32], dimension: usize) -> Self {
        let mut moments = Self::new(dimension);
        let count = frames.len() / dimension.max(1);
        if count == 0 {
            return moments;
        }
        for frame in frames.chunks_exact(dimension) {
            moments.mean.iter_mut().zip(frame).for_each(|(m, &x)| *m += f64::from(x));
        }
        moments.mean.iter_mut().for_each(|m| *m /= count as f64);
        for frame in frames.chunks_exact(dimension) {
            for ((spread, mean), &x) in moments.spread.iter_mut().zip(&moments.mean).zip(frame) {
                *spread += (f64::from(x) - mean).powi(2);
            }
        }
        moments.count = count as u64;
        moments
    }

    /// Adds another set of frames.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn merge(&mut self, other: &Moments) {
        assert_eq!(self.mean.len(), other.mean.len(), "moments of different dimensions");
        if other.count == 0 {
            return;
        }
        let total = self.count + other.count;
        let share = other.count as f64 / total as f64;
        for i in 0..self.mean.len() {
            let apart = other.mean[i] - self.mean[i];
            self.mean[i] += apart * share;
            self.spread[i] += other.spread[i] + apart * apart * self.count as f64 * share;
        }
        self.count = total;
    }

    /// Returns the number of frames so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Normalises each dimension to mean 0 and standard deviation 1 (over the training set).
#[derive(Debug, Clone, PartialEq)]
pub struct Normaliser {
    /// Mean of each dimension.
    pub mean: Vec<f32>,
    /// Standard deviation of each dimension, at least [`STD_FLOOR`].
    pub std: Vec<f32>,
    /// Dimensions whose standard deviation was below the floor.
    pub dead: Vec<usize>,
}

impl Normaliser {
    /// Computes mean and deviation from the moments of the training frames.
    ///
    /// # Errors
    /// [`Error::NoFrames`] if there are no frames.
    pub fn from_moments(moments: &Moments) -> Result<Self, Error> {
        if moments.count == 0 {
            return Err(Error::NoFrames);
        }
        let std: Vec<f32> = moments.spread.iter().map(|s| (s / moments.count as f64).sqrt() as f32).collect();
        Ok(Self {
            mean: moments.mean.iter().map(|&m| m as f32).collect(),
            dead: (0..std.len()).filter(|&i| std[i] < STD_FLOOR).collect(),
            std: std.into_iter().map(|s| s.max(STD_FLOOR)).collect(),
        })
    }
}
