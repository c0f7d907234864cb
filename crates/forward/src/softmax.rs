use crate::activation::exp;
use crate::level::Level;

/// Partial sums, whatever the instructions: their number is part of the order of additions.
const LANES: usize = 16;

/// Replaces logits by log probabilities: x − max − ln Σ exp(x − max), so that no exponential is too large.
pub(crate) fn log_softmax(level: Level, logits: &mut [f32]) {
    match level {
        Level::Baseline => log_softmax_with(logits),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that the CPU has these instructions.
        Level::Avx2 => unsafe { log_softmax_avx2(logits) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that the CPU has these instructions.
        Level::Avx512 => unsafe { log_softmax_avx512(logits) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn log_softmax_avx2(logits: &mut [f32]) {
    log_softmax_with(logits);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl")]
fn log_softmax_avx512(logits: &mut [f32]) {
    log_softmax_with(logits);
}

#[inline(always)]
fn log_softmax_with(logits: &mut [f32]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (blocks, rest) = logits.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for block in blocks {
        for (sum, x) in sums.iter_mut().zip(block) {
            *sum += exp(x - max);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += exp(x - max);
    }
    let sum: f64 = sums.iter().map(|sum| f64::from(*sum)).sum();
    let subtracted = (f64::from(max) + sum.ln()) as f32;
    logits.iter_mut().for_each(|x| *x -= subtracted);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_however_large_the_logits_and_every_level_gives_the_same_bits() {
        for offset in [0.0, 300.0, -300.0] {
            let logits: Vec<f32> = (0..1003).map(|n| offset + (n * 7919 % 1000) as f32 / 50.0).collect();
            let exact: Vec<f64> = logits.iter().map(|x| f64::from(*x - offset)).collect();
            let total = exact.iter().map(|x| x.exp()).sum::<f64>().ln();
            let mut first: Option<Vec<f32>> = None;
            for level in Level::all() {
                let mut found = logits.clone();
                log_softmax(level, &mut found);
                let worst =
                    found.iter().zip(&exact).map(|(x, exact)| (f64::from(*x) - (exact - total)).abs());
                assert!(worst.fold(0.0, f64::max) < 5e-5, "{offset}");
                assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{level:?}");
            }
        }
    }

    #[test]
    fn a_logit_that_is_not_a_number_makes_every_probability_of_its_frame_so() {
        for level in Level::all() {
            let mut logits = vec![1.0; 40];
            logits[17] = f32::NAN;
            log_softmax(level, &mut logits);
            assert!(logits.iter().all(|x| x.is_nan()), "{level:?}");
        }
    }
}
