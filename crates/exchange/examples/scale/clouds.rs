//! Synthetic data: each class consists of clouds around several points, so that a linear model is not sufficient.

use crate::common::Numbers;
use rayon::prelude::*;

/// Number of points of a class.
const POINTS: usize = 3;
/// Number of samples in a batch.
const BATCH: usize = 8;
/// Number of batches that are held out for evaluation.
const HELD_OUT: usize = 256;

pub(crate) struct Clouds {
    /// The same batches for every strategy.
    pub(crate) batches: Vec<Samples>,
    pub(crate) held_out: Samples,
}

struct Points {
    points: Vec<Vec<f32>>,
    classes: usize,
}

/// Inputs and classes of some samples.
pub(crate) type Samples = Vec<(Vec<f32>, usize)>;

impl Clouds {
    pub(crate) fn new(inputs: usize, classes: usize, batches: usize) -> Self {
        let mut numbers = Numbers::new(20);
        let points = (0..classes * POINTS).map(|_| normal(&mut numbers, inputs)).collect();
        let points = Points { points, classes };
        Self {
            batches: (0..batches as u64)
                .into_par_iter()
                .map(|number| points.samples(number, BATCH))
                .collect(),
            held_out: points.samples(u64::MAX, BATCH * HELD_OUT),
        }
    }
}

impl Points {
    fn samples(&self, seed: u64, count: usize) -> Samples {
        let mut numbers = Numbers::new(seed.wrapping_mul(0x9e6c_63d0_676a_9a99));
        let mut sample = || {
            let point = (numbers.next() % self.points.len() as u64) as usize;
            let noise = normal(&mut numbers, self.points[point].len());
            let inputs = self.points[point].iter().zip(noise).map(|(p, n)| p + 0.9 * n).collect();
            (inputs, point % self.classes)
        };
        (0..count).map(|_| sample()).collect()
    }
}

/// Returns values of a nearly normal distribution: sums of twelve uniform ones.
fn normal(numbers: &mut Numbers, count: usize) -> Vec<f32> {
    (0..count).map(|_| (0..12).map(|_| numbers.uniform()).sum::<f64>() as f32 - 6.0).collect()
}
