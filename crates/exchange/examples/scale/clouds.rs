//! Synthetic data: classes that are clouds around several points each, so that a linear model does not do.

use crate::common::Numbers;
use rayon::prelude::*;

/// Points of a class.
const POINTS: usize = 3;
/// Samples of a batch.
const BATCH: usize = 8;
/// Batches that are only looked at.
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
        let mut numbers = Numbers(20);
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
        let mut numbers = Numbers(seed.wrapping_mul(0x9e6c_63d0_676a_9a99));
        let mut sample = || {
            let point = (numbers.next() % self.points.len() as u64) as usize;
            let noise = normal(&mut numbers, self.points[point].len());
            let inputs = self.points[point].iter().zip(noise).map(|(p, n)| p + 0.9 * n).collect();
            (inputs, point % self.classes)
        };
        (0..count).map(|_| sample()).collect()
    }
}

/// Values of a nearly normal distribution: sums of twelve uniform ones.
fn normal(numbers: &mut Numbers, count: usize) -> Vec<f32> {
    (0..count).map(|_| (0..12).map(|_| numbers.uniform()).sum::<f64>() as f32 - 6.0).collect()
}
