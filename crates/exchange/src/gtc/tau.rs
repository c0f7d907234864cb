use crate::error::Error;

/// A threshold τ, in units of what is thresholded: finite, above 0, at most 8 significant bits.
///
/// With 24 bits in a float's significand and 8 in τ's, `v − τ` is exact while `τ ≤ |v| < 2¹⁶·τ`: both are then
/// multiples of one unit, and the result is less than 2²⁴ of these. So `τ·n + r′` equals `fl(r + g)` bit for bit.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Tau(f32);

/// Number of bits of an `f32`'s stored significand that are zero in a τ: 23 stored, 7 used besides the implicit one.
const UNUSED_BITS: u32 = 23 - 7;

impl Tau {
    /// Returns the threshold nearest to `value`, ties to even.
    ///
    /// # Errors
    /// [`Error::TauOutOfRange`] if `value` is not finite, below the smallest normal `f32` or would round to infinity.
    pub fn nearest(value: f32) -> Result<Self, Error> {
        if !is_in_range(value) {
            return Err(Error::TauOutOfRange { found: value });
        }
        let bits = value.to_bits();
        let tie_to_even = (bits >> UNUSED_BITS) & 1;
        let half = (1 << (UNUSED_BITS - 1)) - 1 + tie_to_even;
        // A carry out of the significand correctly increments the exponent.
        let rounded = f32::from_bits(((bits + half) >> UNUSED_BITS) << UNUSED_BITS);
        if is_in_range(rounded) { Ok(Self(rounded)) } else { Err(Error::TauOutOfRange { found: value }) }
    }

    /// Returns the largest threshold that is not above `value`.
    ///
    /// # Errors
    /// [`Error::TauOutOfRange`].
    pub(super) fn at_most(value: f32) -> Result<Self, Error> {
        Self::nearest(f32::from_bits(value.to_bits() >> UNUSED_BITS << UNUSED_BITS))
    }

    /// Returns the smallest threshold above `value`.
    ///
    /// # Errors
    /// [`Error::TauOutOfRange`].
    pub(super) fn above(value: f32) -> Result<Self, Error> {
        // After the largest significand of an exponent, the carry leads to the next exponent.
        Self::nearest(f32::from_bits(((value.to_bits() >> UNUSED_BITS) + 1) << UNUSED_BITS))
    }

    /// Returns `value` itself as a threshold.
    ///
    /// # Errors
    /// [`Error::TauOutOfRange`], and [`Error::TauNotExact`] if it has more than 8 significant bits.
    pub fn exact(value: f32) -> Result<Self, Error> {
        let nearest = Self::nearest(value)?;
        if nearest.0 == value {
            Ok(nearest)
        } else {
            Err(Error::TauNotExact { found: value, nearest: nearest.0 })
        }
    }

    /// Returns the threshold that a round derives from its members' suggestions: their median, which no single member
    /// can move far. `None` without a usable suggestion. The order of the suggestions does not matter.
    #[must_use]
    pub fn agreed(suggestions: &[f32]) -> Option<Self> {
        let mut usable: Vec<f32> =
            suggestions.iter().copied().filter(|&s| Self::nearest(s).is_ok()).collect();
        usable.sort_by(f32::total_cmp);
        let upper = *usable.get(usable.len() / 2)?;
        let lower = usable[(usable.len() - 1) / 2];
        // Halved first: the sum of two large ones could overflow.
        Self::nearest((f64::from(lower) / 2.0 + f64::from(upper) / 2.0) as f32).ok()
    }

    /// Returns the threshold as a number.
    #[must_use]
    pub fn get(self) -> f32 {
        self.0
    }

    /// Returns the weight of one count in the mean over `divisor` contributors: `fl(τ/c)`.
    #[must_use]
    pub fn share(self, divisor: u32) -> f32 {
        self.0 / divisor.max(1) as f32
    }
}

fn is_in_range(value: f32) -> bool {
    value.is_finite() && value >= f32::MIN_POSITIVE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_nearest_threshold_is_within_half_a_unit_of_8_bits(value in f32::MIN_POSITIVE..1e38) {
            let tau = Tau::nearest(value).unwrap();
            prop_assert_eq!(Tau::exact(tau.get()).unwrap(), tau);
            prop_assert_eq!(tau.get().to_bits().trailing_zeros().min(16), 16);
            prop_assert!((f64::from(tau.get()) - f64::from(value)).abs() <= f64::from(value) / 256.0);
        }

        #[test]
        fn thresholds_on_both_sides_of_a_value_are_neighbours(value in f32::MIN_POSITIVE..1e38) {
            let (below, above) = (Tau::at_most(value).unwrap(), Tau::above(value).unwrap());
            prop_assert!(below.get() <= value && value < above.get());
            prop_assert_eq!(below.get().to_bits() + (1 << UNUSED_BITS), above.get().to_bits());
        }

        #[test]
        fn the_agreed_threshold_does_not_depend_on_order(
            mut suggestions in prop::collection::vec(1e-6f32..10.0, 1..9),
        ) {
            let agreed = Tau::agreed(&suggestions);
            suggestions.reverse();
            prop_assert_eq!(Tau::agreed(&suggestions), agreed);
        }
    }

    #[test]
    fn invalid_thresholds_are_refused_with_the_nearest_valid_one() {
        for value in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0, f32::MAX] {
            assert!(matches!(Tau::nearest(value), Err(Error::TauOutOfRange { .. })), "{value}");
        }
        assert_eq!(
            Tau::exact(0.1),
            Err(Error::TauNotExact { found: 0.1, nearest: Tau::nearest(0.1).unwrap().get() })
        );
        assert_eq!(Tau::exact(2.0).unwrap().get(), 2.0);
        // 1 + 1/256 lies half-way between 1 and 1 + 1/128; 1 is even.
        assert_eq!(Tau::nearest(1.0 + 1.0 / 256.0).unwrap().get(), 1.0);
        assert_eq!(Tau::nearest(1.0 + 3.0 / 256.0).unwrap().get(), 1.0 + 2.0 / 128.0);
    }

    #[test]
    fn one_member_with_a_wild_suggestion_does_not_move_the_agreed_threshold_far() {
        assert_eq!(Tau::agreed(&[1.0, 1e38, 1.5]).unwrap().get(), 1.5);
        assert_eq!(Tau::agreed(&[1.0, f32::NAN, 0.0]).unwrap().get(), 1.0);
        assert_eq!(Tau::agreed(&[1.0, 2.0]).unwrap().get(), 1.5);
        assert_eq!(Tau::agreed(&[0.0, f32::NAN]), None);
        assert_eq!(Tau::agreed(&[]), None);
    }
}
