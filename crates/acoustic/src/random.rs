//! A counter-based generator: the n-th number of a stream is a pure function of (seed, stream, n).
//!
//! Initial parameters come from here rather than from libtorch, so that every worker computes the same bits whatever
//! its build, device or thread count, and so that one parameter's values do not depend on which others exist.

use stentor_random::{mix, nth};

/// A stream of numbers named by a seed and a text, such as a parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: u64,
}

impl Stream {
    /// A stream for callers that draw no numbers.
    pub(crate) const ZERO: Self = Self { key: 0 };

    /// The stream with this seed and name.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        Self { key: mix(seed ^ 0x7374_656e_746f_7221) }.named(name)
    }

    /// The substream with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { key: name.bytes().fold(self.key, |key, byte| mix(key ^ u64::from(byte))) }
    }

    /// The n-th 64 random bits.
    #[must_use]
    pub fn bits(&self, n: u64) -> u64 {
        nth(self.key, n)
    }

    /// The n-th number, uniform in `[0, 1)`.
    #[must_use]
    pub fn unit(&self, n: u64) -> f64 {
        // An f64 in [0, 1) has 53 bits.
        (self.bits(n) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The n-th number, uniform in `[-bound, bound)`.
    #[must_use]
    pub fn uniform(&self, n: u64, bound: f32) -> f32 {
        // An f32 in [0, 1) has 24 bits.
        let unit = (self.bits(n) >> 40) as f32 / (1u32 << 24) as f32;
        bound * (2.0 * unit - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_uniform_and_stays_within_its_bound() {
        let stream = Stream::new(1, "layer.0.forward.input_weight");
        let count = 100_000u64;
        let values: Vec<f64> = (0..count).map(|n| f64::from(stream.uniform(n, 0.5))).collect();
        assert!(values.iter().all(|v| (-0.5..0.5).contains(v)));
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / count as f64;
        assert!(mean.abs() < 0.004, "mean {mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.001, "variance {variance}");
    }

    #[test]
    fn seed_name_and_counter_each_change_the_number() {
        let base = Stream::new(1, "a").bits(0);
        assert_ne!(base, Stream::new(2, "a").bits(0));
        assert_ne!(base, Stream::new(1, "b").bits(0));
        assert_ne!(base, Stream::new(1, "a").bits(1));
    }

    #[test]
    fn the_numbers_never_change_from_one_version_to_the_next() {
        // If they changed silently, old runs could not be repeated.
        let stream = Stream::new(7, "output.weight");
        assert_eq!([stream.bits(0), stream.bits(1)], PINNED);
    }

    const PINNED: [u64; 2] = [1_125_536_011_180_643_386, 17_217_447_541_662_991_974];
}
