//! Sizes of messages, computed from their contents.

/// Bytes of a message in addition to its values: form, τ, three numbers, two parameters.
const HEADER: f64 = 15.0;
/// Size of the code relative to the entropy.
const OVERHEAD: f64 = 1.01;

/// Bytes of a sign message for `values` values, of which a share of `density` is sent at independent positions.
#[must_use]
pub fn signs_bytes(values: f64, density: f64) -> f64 {
    sum_bytes(values, density, 1)
}

/// Bytes of the exact sum of `contributors` sign messages at independent positions.
///
/// A count is then the difference of two nearly Poisson numbers, each with a mean of half the signs. Real updates
/// partly point in the same direction, so real sums are slightly smaller.
#[must_use]
pub fn sum_bytes(values: f64, density: f64, contributors: usize) -> f64 {
    let bits = if contributors <= 1 {
        entropy(&[1.0 - density, density / 2.0, density / 2.0])
    } else {
        sum_bits(&counts(density, contributors))
    };
    HEADER + OVERHEAD * values * bits / 8.0
}

/// Bits per value in the shorter of the encoder's two forms: gaps, signs and magnitudes of the nonzero values, or one
/// number per value. `counts` contains the shares of the counts −K to K.
fn sum_bits(counts: &[f64]) -> f64 {
    let reach = (counts.len() / 2) as i64;
    let shares = || (-reach..).zip(counts.iter().copied());
    let zero = counts[counts.len() / 2];
    let magnitudes = rice(&shares().filter(|&(n, _)| n != 0).map(|(n, p)| (n.unsigned_abs() - 1, p)));
    let sparse = entropy(&[zero, 1.0 - zero]) + (1.0 - zero) + magnitudes;
    let dense = rice(&shares().map(|(n, p)| (2 * n.unsigned_abs() - u64::from(n < 0), p)));
    sparse.min(dense)
}

/// Bits per number of the best Rice code for numbers with these shares.
fn rice(numbers: &(impl Iterator<Item = (u64, f64)> + Clone)) -> f64 {
    let bits =
        |k: u32| -> f64 { numbers.clone().map(|(n, p)| p * ((n >> k) + 1 + u64::from(k)) as f64).sum() };
    (0..16).map(bits).fold(f64::INFINITY, f64::min)
}

/// Share of nonzero values in the sum of `contributors` sign messages.
#[must_use]
pub fn sum_density(density: f64, contributors: usize) -> f64 {
    match contributors {
        0 | 1 => density,
        _ => {
            let counts = counts(density, contributors);
            1.0 - counts[counts.len() / 2]
        }
    }
}

fn entropy(shares: &[f64]) -> f64 {
    shares.iter().filter(|&&p| p > 0.0).map(|p| -p * p.log2()).sum()
}

/// Shares of the counts −K to K in a sum. The numbers of positive and negative signs are binomial, which is close to
/// Poisson at GTC's densities, and always in a sum of many.
fn counts(density: f64, contributors: usize) -> Vec<f64> {
    let mean = density * contributors as f64 / 2.0;
    let reach = (mean + 8.0 * mean.sqrt() + 8.0).min(contributors as f64).ceil() as usize;
    let mut share = (-mean).exp();
    let mut one_way = Vec::with_capacity(reach + 1);
    for k in 0..=reach {
        one_way.push(share);
        share *= mean / (k + 1) as f64;
    }
    let mut counts = vec![0.0; 2 * reach + 1];
    for (up, p) in one_way.iter().enumerate() {
        for (down, q) in one_way.iter().enumerate() {
            counts[reach + up - down] += p * q;
        }
    }
    counts
}
