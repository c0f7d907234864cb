//! Golomb-Rice codes: a number n with parameter k is n >> k in unary (zeros, then a one) and its k low bits.
//!
//! Gaps between values sent at random are geometric, for which a Golomb code is the best prefix code (Gallager & Van
//! Voorhis 1975); tests/strom2015.rs checks that the restriction to powers of two stays within 2 % of entropy.

/// Largest parameter: gaps have at most 32 bits.
pub(super) const MAX_PARAMETER: u8 = 31;

/// Number of parameters tried below and above the one that suits a geometric distribution of the same mean. Sent values
/// cluster: the best parameter is then smaller than the mean suggests.
const BELOW: u8 = 4;
const ABOVE: u8 = 1;
const CANDIDATES: usize = (BELOW + ABOVE + 1) as usize;

/// Finds the parameter with the shortest code for numbers that are passed one by one, among those near what their mean
/// suggests.
pub(super) struct Chooser {
    first: u8,
    quotients: [u64; CANDIDATES],
    seen: u64,
}

impl Chooser {
    /// Creates a chooser for about `count` numbers with a sum of about `total`.
    pub(super) fn new(count: u64, total: u64) -> Self {
        // Half of a geometric distribution is below ln 2 times the mean.
        let median = (total as f64 / count.max(1) as f64 * std::f64::consts::LN_2) as u64;
        let suited = median.max(1).ilog2() as u8;
        let first = suited.saturating_sub(BELOW).min(MAX_PARAMETER - (CANDIDATES as u8 - 1));
        Self { first, quotients: [0; CANDIDATES], seen: 0 }
    }

    #[inline(always)]
    pub(super) fn see(&mut self, number: u64) {
        let mut rest = number >> self.first;
        for quotient in &mut self.quotients {
            *quotient = quotient.wrapping_add(rest);
            rest >>= 1;
        }
        self.seen = self.seen.wrapping_add(1);
    }

    /// Adds `count` zeros at once.
    pub(super) fn see_zeros(&mut self, count: u64) {
        self.seen += count;
    }

    /// Returns the best parameter, and the bits of `count` numbers like those seen.
    pub(super) fn best(&self, count: u64) -> (u8, u64) {
        let (parameter, bits) = (self.first..)
            .zip(self.quotients)
            .map(|(parameter, quotients)| (parameter, quotients + self.seen * (1 + u64::from(parameter))))
            .min_by_key(|&(_, bits)| bits)
            .expect("there are candidates");
        let all = u128::from(bits) * u128::from(count) / u128::from(self.seen.max(1));
        (parameter, all as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_bits_of_the_best_parameter_are_the_bits_of_its_codes(
            numbers in prop::collection::vec(0u64..5000, 1..200),
        ) {
            let mut chooser = Chooser::new(numbers.len() as u64, numbers.iter().sum());
            numbers.iter().for_each(|&n| chooser.see(n));
            let (best, bits) = chooser.best(numbers.len() as u64);
            prop_assert_eq!(chooser.best(3 * numbers.len() as u64), (best, 3 * bits));
            let length = |k: u8| numbers.iter().map(|n| (n >> k) + 1 + u64::from(k)).sum::<u64>();
            prop_assert_eq!(length(best), bits);
            let mut tried = chooser.first..chooser.first + CANDIDATES as u8;
            prop_assert!(tried.all(|k| length(k) >= bits));
        }
    }

    #[test]
    fn huge_means_stay_within_the_largest_parameter() {
        let mut chooser = Chooser::new(1, u64::from(u32::MAX));
        chooser.see(u64::from(u32::MAX));
        assert!(chooser.best(1).0 <= MAX_PARAMETER);
    }
}
