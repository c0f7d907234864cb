//! The functions of an LSTM cell and of the softmax, without calls into a library, so that the compiler can compute several
//! values side by side and every CPU gives the same bits.

/// 1 / (1 + e⁻ˣ), within 2e-7.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh x = 2 σ(2x) − 1, within 4e-7 (absolute: near zero, this is small compared with the sums that it enters).
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    2.0 / (1.0 + exp(-2.0 * x)) - 1.0
}

/// eˣ within a relative error of 2e-7; x is first clamped to ±87, where e⁻ˣ and eˣ are normal numbers. NaN stays NaN.
///
/// eˣ = 2ⁿ · eʳ with n the integer nearest to x / ln 2 and |r| ≤ ln 2 / 2, where seven terms of the series suffice.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2²³ leaves no bits for a fraction: the sum's low bits are n.
    const SHIFT: f32 = 12_582_912.0;
    // ln 2 in two parts; the first part has so few bits that its product with n is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const TERMS: [f32; 8] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let x = x.clamp(-87.0, 87.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, SHIFT);
    let n = shifted - SHIFT;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    let mut sum = TERMS[0];
    for term in &TERMS[1..] {
        sum = sum.mul_add(r, *term);
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1f32.to_bits()));
    sum * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_tanh_and_exp_follow_the_exact_curves() {
        for n in -100_000..=100_000 {
            let x = n as f32 * 1e-3;
            let exact = f64::from(x);
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp())).abs() < 2e-7, "{x}");
            assert!((f64::from(tanh(x)) - exact.tanh()).abs() < 4e-7, "{x}");
            let clamped = exact.clamp(-87.0, 87.0).exp();
            assert!((f64::from(exp(x)) / clamped - 1.0).abs() < 2e-7, "{x}");
        }
    }

    #[test]
    fn infinities_give_the_limits_and_nan_stays_nan() {
        for large in [100.0, 1e30, f32::MAX, f32::INFINITY] {
            assert_eq!((sigmoid(large), tanh(large), tanh(-large)), (1.0, 1.0, -1.0));
            assert!(sigmoid(-large) < 1e-37 && exp(-large) < 1e-37);
        }
        assert_eq!((sigmoid(0.0), tanh(0.0), exp(0.0)), (0.5, 0.0, 1.0));
        assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && exp(f32::NAN).is_nan());
    }
}
