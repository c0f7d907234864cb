//! A vector of a few f32 values for SIMD arithmetic, and the two activation functions of an LSTM cell on it.
//!
//! The compiler does not vectorise a cell step, which uses nine arrays at once, so the wide form is written with
//! intrinsics. Everything is inlined into functions that are compiled for the instructions used (see `cell`), without
//! intermediate closures and iterators, so that this also works at low optimisation levels.

#[cfg(target_arch = "x86_64")]
pub(super) use wide::Wide;

/// `LANES` values.
pub(super) trait Vector: Copy {
    /// Number of lanes.
    const LANES: usize;
    /// The same value in every lane.
    fn splat(value: f32) -> Self;
    /// Loads the values at `at`.
    fn load(values: &[f32], at: usize) -> Self;
    /// Stores the values at `at`.
    fn store(self, values: &mut [f32], at: usize);
    /// a + b.
    fn add(self, b: Self) -> Self;
    /// a − b.
    fn subtract(self, b: Self) -> Self;
    /// a · b.
    fn multiply(self, b: Self) -> Self;
    /// a / b.
    fn divide(self, b: Self) -> Self;
    /// a · b + c.
    fn multiply_add(self, b: Self, c: Self) -> Self;
    /// The value clamped to ±`limit`; NaN stays NaN, so that a model that has diverged is detected.
    fn within(self, limit: Self) -> Self;
    /// 2ⁿ, where n is the low nine bits of the value's representation, as a signed number.
    fn power_of_two(self) -> Self;
}

/// 1 / (1 + e⁻ˣ), within 2e-7.
#[inline(always)]
pub(super) fn sigmoid<V: Vector>(x: V) -> V {
    let one = V::splat(1.0);
    one.divide(one.add(exp(x.multiply(V::splat(-1.0)))))
}

/// tanh x = 2 σ(2x) − 1, within 4e-7 (absolute: near zero, this is small compared with the sums that it enters).
#[inline(always)]
pub(super) fn tanh<V: Vector>(x: V) -> V {
    let one = V::splat(1.0);
    V::splat(2.0).divide(one.add(exp(x.multiply(V::splat(-2.0))))).subtract(one)
}

/// eˣ within a relative error of 2e-7; x is first clamped to ±87, where e⁻ˣ and eˣ are normal numbers.
///
/// eˣ = 2ⁿ · eʳ with n the integer nearest to x / ln 2 and |r| ≤ ln 2 / 2, where seven terms of the series suffice.
#[inline(always)]
fn exp<V: Vector>(x: V) -> V {
    // Adding 1.5 · 2²³ leaves no bits for a fraction: the sum's low bits are n.
    const SHIFT: f32 = 12_582_912.0;
    // ln 2 in two parts; the first part has so few bits that its product with n is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.within(V::splat(87.0));
    let shifted = x.multiply_add(V::splat(std::f32::consts::LOG2_E), V::splat(SHIFT));
    let n = shifted.subtract(V::splat(SHIFT));
    let r = n.multiply_add(V::splat(-LN2_HIGH), x);
    let r = n.multiply_add(V::splat(-LN2_LOW), r);
    let sum = V::splat(1.0 / 5040.0).multiply_add(r, V::splat(1.0 / 720.0));
    let sum = sum.multiply_add(r, V::splat(1.0 / 120.0)).multiply_add(r, V::splat(1.0 / 24.0));
    let sum = sum.multiply_add(r, V::splat(1.0 / 6.0)).multiply_add(r, V::splat(0.5));
    let sum = sum.multiply_add(r, V::splat(1.0)).multiply_add(r, V::splat(1.0));
    sum.multiply(shifted.power_of_two())
}

/// One value. With `FUSED`, a product and a sum are rounded once, as in the wide form; without it they are rounded
/// twice, for CPUs on which fused multiply-add is a slow library call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Single<const FUSED: bool>(f32);

impl<const FUSED: bool> Vector for Single<FUSED> {
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(value)
    }

    #[inline(always)]
    fn load(values: &[f32], at: usize) -> Self {
        Self(values[at])
    }

    #[inline(always)]
    fn store(self, values: &mut [f32], at: usize) {
        values[at] = self.0;
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(self.0 + b.0)
    }

    #[inline(always)]
    fn subtract(self, b: Self) -> Self {
        Self(self.0 - b.0)
    }

    #[inline(always)]
    fn multiply(self, b: Self) -> Self {
        Self(self.0 * b.0)
    }

    #[inline(always)]
    fn divide(self, b: Self) -> Self {
        Self(self.0 / b.0)
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, c: Self) -> Self {
        Self(if FUSED { self.0.mul_add(b.0, c.0) } else { self.0 * b.0 + c.0 })
    }

    #[inline(always)]
    fn within(self, limit: Self) -> Self {
        Self(self.0.clamp(-limit.0, limit.0))
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(f32::from_bits((self.0.to_bits() << 23).wrapping_add(1.0f32.to_bits())))
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::Vector;
    use std::arch::x86_64::*;

    /// Eight values in an AVX register. Used only inside functions compiled for AVX2 and FMA, which are called only if
    /// the CPU has both: every SAFETY comment below relies on that.
    #[derive(Debug, Clone, Copy)]
    pub(in crate::lstm::fused) struct Wide(__m256);

    impl Vector for Wide {
        const LANES: usize = 8;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: the CPU has AVX2 and FMA, see the type.
            Self(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        fn load(values: &[f32], at: usize) -> Self {
            let block = &values[at..at + Self::LANES];
            // SAFETY: the CPU has AVX2 and FMA, see the type; `block` is eight readable values, of any alignment.
            Self(unsafe { _mm256_loadu_ps(block.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, values: &mut [f32], at: usize) {
            let block = &mut values[at..at + Self::LANES];
            // SAFETY: the CPU has AVX2 and FMA, see the type; `block` is eight writable values, of any alignment.
            unsafe { _mm256_storeu_ps(block.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn add(self, b: Self) -> Self {
            // SAFETY: the CPU has AVX2 and FMA, see the type.
            Self(unsafe { _mm256_add_ps(self.0, b.0) })
        }

        #[inline(always)]
        fn subtract(self, b: Self) -> Self {
            // SAFETY: the CPU has AVX2 and FMA, see the type.
            Self(unsafe { _mm256_sub_ps(self.0, b.0) })
        }

        #[inline(always)]
        fn multiply(self, b: Self) -> Self {
            // SAFETY: the CPU has AVX2 and FMA, see the type.
            Self(unsafe { _mm256_mul_ps(self.0, b.0) })
        }

        #[inline(always)]
        fn divide(self, b: Self) -> Self {
            // SAFETY: the CPU has AVX2 and FMA, see the type.
            Self(unsafe { _mm256_div_ps(self.0, b.0) })
        }

        #[inline(always)]
        fn multiply_add(self, b: Self, c: Self) -> Self {
            // SAFETY: the CPU has AVX2 and FMA, see the type.
            Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
        }

        #[inline(always)]
        fn within(self, limit: Self) -> Self {
            // SAFETY: the CPU has AVX2 and FMA, see the type. If one operand is NaN, these two instructions return the
            // second one.
            Self(unsafe {
                let below = _mm256_min_ps(limit.0, self.0);
                _mm256_max_ps(_mm256_sub_ps(_mm256_setzero_ps(), limit.0), below)
            })
        }

        #[inline(always)]
        fn power_of_two(self) -> Self {
            // SAFETY: the CPU has AVX2 and FMA, see the type.
            Self(unsafe {
                let n = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.0));
                let one = _mm256_castps_si256(_mm256_set1_ps(1.0));
                _mm256_castsi256_ps(_mm256_add_epi32(n, one))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evaluates a function on a vector with the same value in every lane; all results must be equal.
    fn over<V: Vector>(curve: impl Fn(V) -> V, x: f32) -> f32 {
        let mut values = vec![0.0; V::LANES];
        curve(V::splat(x)).store(&mut values, 0);
        assert!(values.iter().all(|v| v.to_bits() == values[0].to_bits()));
        values[0]
    }

    /// One of our functions, the exact one, and the largest difference allowed.
    type Curve = (Box<dyn Fn(f32) -> f32>, fn(f64) -> f64, f64);

    fn curves<V: Vector>() -> [Curve; 2] {
        let exact: fn(f64) -> f64 = |x| 1.0 / (1.0 + (-x).exp());
        [
            (Box::new(|x| over::<V>(sigmoid, x)), exact, 2e-7),
            (Box::new(|x| over::<V>(tanh, x)), f64::tanh, 4e-7),
        ]
    }

    fn all_forms() -> Vec<[Curve; 2]> {
        let mut forms = vec![curves::<Single<false>>(), curves::<Single<true>>()];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            forms.push(curves::<Wide>());
        }
        forms
    }

    #[test]
    fn sigmoid_and_tanh_follow_the_exact_curves() {
        for (curve, exact, bound) in all_forms().into_iter().flatten() {
            for n in -100_000..=100_000 {
                let x = n as f32 * 1e-3;
                let error = (f64::from(curve(x)) - exact(f64::from(x))).abs();
                assert!(error < bound, "{x}: off by {error}");
            }
        }
    }

    #[test]
    fn infinities_give_the_limits_and_nan_stays_nan() {
        for [(sigmoid, ..), (tanh, ..)] in all_forms() {
            for large in [100.0, 1e30, f32::MAX, f32::INFINITY] {
                assert_eq!((sigmoid(large), tanh(large), tanh(-large)), (1.0, 1.0, -1.0));
                assert!(sigmoid(-large) < 1e-37);
            }
            assert_eq!((sigmoid(0.0), tanh(0.0)), (0.5, 0.0));
            assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_wide_form_gives_the_same_bits_as_the_single_one() {
        if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
            return;
        }
        let stream = crate::random::Stream::new(1, "vector");
        let values: Vec<f32> = (0..8_000).map(|n| stream.uniform(n, 20.0)).collect();
        for at in (0..values.len()).step_by(8) {
            let mut wide = [0.0; 8];
            tanh(sigmoid(Wide::load(&values, at))).store(&mut wide, 0);
            for (lane, wide) in wide.iter().enumerate() {
                let mut single = [0.0];
                tanh(sigmoid(Single::<true>::load(&values, at + lane))).store(&mut single, 0);
                assert_eq!(single[0].to_bits(), wide.to_bits());
            }
        }
    }
}
