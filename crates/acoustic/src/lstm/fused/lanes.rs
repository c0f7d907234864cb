//! Eight f32 side by side, and the two curves of an LSTM cell over them.
//!
//! Everything here is inlined into functions compiled for AVX2 and FMA where the CPU has them (see `cell`), so that each
//! operation is one vector instruction.

/// Lanes of a block.
pub(super) const LANES: usize = 8;

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

/// A block of values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes(pub(super) [f32; LANES]);

impl Lanes {
    /// The block of `values` at `at`; beyond the end, zeros.
    #[inline(always)]
    pub(super) fn load(values: &[f32], at: usize) -> Self {
        match values[at..].first_chunk() {
            Some(block) => Self(*block),
            None => {
                let mut block = [0.0; LANES];
                block.iter_mut().zip(&values[at..]).for_each(|(to, &from)| *to = from);
                Self(block)
            }
        }
    }

    /// Writes the block to `values` at `at`, as far as there is room.
    #[inline(always)]
    pub(super) fn store(self, values: &mut [f32], at: usize) {
        match values[at..].first_chunk_mut() {
            Some(block) => *block = self.0,
            None => values[at..].iter_mut().zip(self.0).for_each(|(to, from)| *to = from),
        }
    }

    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Self {
        Self(std::array::from_fn(|n| f(self.0[n])))
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|n| f(self.0[n], other.0[n])))
    }

    /// 1 − x.
    #[inline(always)]
    pub(super) fn one_minus(self) -> Self {
        self.map(|x| 1.0 - x)
    }

    /// x · b + c.
    #[inline(always)]
    pub(super) fn multiply_add<A: Arithmetic>(self, b: Self, c: Self) -> Self {
        Self(std::array::from_fn(|n| A::multiply_add(self.0[n], b.0[n], c.0[n])))
    }

    /// 1 / (1 + e⁻ˣ), within 2e-7. Not-a-number stays what it is.
    #[inline(always)]
    pub(super) fn sigmoid<A: Arithmetic>(self) -> Self {
        self.map(|x| 1.0 / (1.0 + exp::<A>(-x)))
    }

    /// tanh x = 2 σ(2x) − 1, within 4e-7 (absolute: near zero, small against the sums that it enters).
    #[inline(always)]
    pub(super) fn tanh<A: Arithmetic>(self) -> Self {
        self.map(|x| 2.0 / (1.0 + exp::<A>(-2.0 * x)) - 1.0)
    }
}

impl std::ops::Add for Lanes {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl std::ops::Mul for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
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

    fn worst(curve: impl Fn(Lanes) -> Lanes, exact: impl Fn(f64) -> f64) -> f64 {
        let points = (-400_000..=400_000).map(|n| n as f32 * 2.5e-4);
        points
            .map(|x| {
                let got = curve(Lanes([x; LANES])).0;
                assert!(got.iter().all(|v| v.to_bits() == got[0].to_bits()));
                (f64::from(got[0]) - exact(f64::from(x))).abs()
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn sigmoid_and_tanh_follow_the_exact_curves() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert!(worst(Lanes::sigmoid::<Fused>, sigmoid) < 2e-7);
        assert!(worst(Lanes::sigmoid::<Separate>, sigmoid) < 2e-7);
        assert!(worst(Lanes::tanh::<Fused>, f64::tanh) < 4e-7);
        assert!(worst(Lanes::tanh::<Separate>, f64::tanh) < 4e-7);
    }

    #[test]
    fn the_ends_of_the_number_line_give_the_limits_and_not_a_number_stays() {
        let ends = Lanes([f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, f32::NAN, 0.0, f32::MAX, f32::MIN]);
        let sigmoid = ends.sigmoid::<Separate>().0;
        let tanh = ends.tanh::<Separate>().0;
        assert!(sigmoid[4].is_nan() && tanh[4].is_nan());
        for (n, (one, other)) in [(1.0, 1.0), (0.0, -1.0), (1.0, 1.0), (0.0, -1.0)].into_iter().enumerate() {
            assert!((sigmoid[n] - one).abs() < 1e-7, "sigmoid {n}: {}", sigmoid[n]);
            assert_eq!(tanh[n], other, "tanh {n}");
        }
        assert_eq!((sigmoid[5], tanh[5]), (0.5, 0.0));
    }

    #[test]
    fn a_block_at_the_end_is_padded_with_zeros_and_written_only_as_far_as_there_is_room() {
        let values: Vec<f32> = (0..11).map(|n| n as f32).collect();
        let block = Lanes::load(&values, 8);
        assert_eq!(block.0, [8.0, 9.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let mut copy = vec![0.0; 11];
        Lanes::load(&values, 0).store(&mut copy, 0);
        block.store(&mut copy, 8);
        assert_eq!(copy, values);
    }
}
