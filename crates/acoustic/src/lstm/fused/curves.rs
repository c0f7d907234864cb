//! The two curves of an LSTM cell.
//!
//! Everything here is inlined into loops compiled for AVX2 and FMA where the CPU has them (see `cell`), and written so
//! that the compiler turns it into vector instructions: no branches, no calls, no integer conversions.

/// How a product and a sum are rounded.
pub(super) trait Arithmetic {
    /// a · b + c.
    fn multiply_add(a: f32, b: f32, c: f32) -> f32;
}

/// One rounding: for CPUs with the instruction; elsewhere it would be a slow library call.
pub(super) struct Fused;

/// Two roundings.
pub(super) struct Separate;

impl Arithmetic for Fused {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Arithmetic for Separate {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// 1 / (1 + e⁻ˣ), within 2e-7. Not-a-number stays what it is.
#[inline(always)]
pub(super) fn sigmoid<A: Arithmetic>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<A>(-x))
}

/// tanh x = 2 σ(2x) − 1, within 4e-7 (absolute: near zero, small against the sums that it enters).
#[inline(always)]
pub(super) fn tanh<A: Arithmetic>(x: f32) -> f32 {
    2.0 / (1.0 + exp::<A>(-2.0 * x)) - 1.0
}

/// eˣ within 2e-7 of its value, x first brought into ±87 where e⁻ˣ and eˣ are normal numbers.
///
/// eˣ = 2ⁿ · eʳ with n the integer nearest to x / ln 2 and |r| ≤ ln 2 / 2, where seven terms of the series suffice.
#[inline(always)]
fn exp<A: Arithmetic>(x: f32) -> f32 {
    // Comparisons rather than min and max, which would turn not-a-number into a bound and hide a diverged model.
    let x = if x > 87.0 { 87.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    // Adding 1.5 · 2²³ leaves no room for a fraction: the sum's low bits are n.
    const SHIFT: f32 = 12_582_912.0;
    // ln 2 in two parts; the first has so few bits that n times it is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let shifted = A::multiply_add(x, std::f32::consts::LOG2_E, SHIFT);
    let n = shifted - SHIFT;
    let r = A::multiply_add(n, -LN2_HIGH, x);
    let r = A::multiply_add(n, -LN2_LOW, r);
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let mut sum = 1.0 / 5040.0;
    for term in series {
        sum = A::multiply_add(sum, r, term);
    }
    let power_of_two = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    sum * power_of_two
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(curve: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        let points = (-400_000..=400_000).map(|n| n as f32 * 2.5e-4);
        points.map(|x| (f64::from(curve(x)) - exact(f64::from(x))).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn sigmoid_and_tanh_follow_the_exact_curves() {
        let exact = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert!(worst(sigmoid::<Fused>, exact) < 2e-7);
        assert!(worst(sigmoid::<Separate>, exact) < 2e-7);
        assert!(worst(tanh::<Fused>, f64::tanh) < 4e-7);
        assert!(worst(tanh::<Separate>, f64::tanh) < 4e-7);
    }

    #[test]
    fn the_ends_of_the_number_line_give_the_limits() {
        for large in [100.0, 1e30, f32::MAX, f32::INFINITY] {
            assert_eq!((sigmoid::<Separate>(large), tanh::<Separate>(large)), (1.0, 1.0));
            assert!(sigmoid::<Separate>(-large) < 1e-37);
            assert_eq!(tanh::<Separate>(-large), -1.0);
        }
        assert_eq!((sigmoid::<Separate>(0.0), tanh::<Separate>(0.0)), (0.5, 0.0));
    }

    #[test]
    fn a_model_that_has_diverged_is_not_hidden() {
        assert!(sigmoid::<Fused>(f32::NAN).is_nan() && tanh::<Fused>(f32::NAN).is_nan());
        assert!(sigmoid::<Separate>(f32::NAN).is_nan() && tanh::<Separate>(f32::NAN).is_nan());
    }
}
