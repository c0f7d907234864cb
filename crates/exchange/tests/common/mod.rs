//! Seeded numbers for tests and measurements.

use stentor_random::{SplitMix64, unit_interval};

/// Numbers of a seed, and gradients made of them.
pub(crate) struct Numbers(SplitMix64);

#[allow(dead_code, reason = "not every test needs all of it")]
impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in 0 to 1, 1 excluded.
    pub(crate) fn uniform(&mut self) -> f64 {
        unit_interval(self.next())
    }

    /// `len` values of a Laplace distribution of scale `scale`: peaked with long tails, as gradients are.
    pub(crate) fn gradient(&mut self, len: usize, scale: f32) -> Vec<f32> {
        (0..len)
            .map(|_| {
                let u = self.uniform() - 0.5;
                (-u.signum() * (1.0 - 2.0 * u.abs()).max(1e-300).ln()) as f32 * scale
            })
            .collect()
    }
}

/// Returns the entropy in bits of a vector of `values` values of which `sent` are sent, each with a random sign, at
/// random indices.
#[allow(dead_code, reason = "not every test needs all of it")]
pub(crate) fn entropy_bits(values: usize, sent: u64) -> f64 {
    let share = sent as f64 / values as f64;
    let h = |p: f64| if p <= 0.0 { 0.0 } else { -p * p.log2() };
    values as f64 * (h(share) + h(1.0 - share)) + sent as f64
}
