use stentor_random::{mix, nth};

/// A seeded bijection on `0..len`, computed number by number in constant memory: ordering millions of units costs
/// nothing until a unit is needed.
///
/// A Feistel network permutes `0..n`, where n is the smallest power of four not below `len`. A result outside `0..len`
/// is permuted again until it is inside (cycle walking, Black & Rogaway 2002), on average less than four times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permutation {
    len: u64,
    half_bits: u32,
    key: u64,
}

/// Four rounds suffice for a pseudorandom permutation of wide halves (Luby & Rackoff 1988); halves of one or two bits
/// need more to reach every order.
const ROUNDS: u64 = 8;

impl Permutation {
    pub(crate) fn new(len: u64, key: u64) -> Self {
        let bits = 64 - len.saturating_sub(1).leading_zeros();
        Permutation { len, half_bits: bits.div_ceil(2).max(1), key }
    }

    /// The unit at position `place`.
    pub(crate) fn at(&self, place: u64) -> u64 {
        debug_assert!(place < self.len);
        let mut number = self.forward(place);
        while number >= self.len {
            number = self.forward(number);
        }
        number
    }

    /// The position of `unit`: the inverse of [`Permutation::at`].
    pub(crate) fn place_of(&self, unit: u64) -> u64 {
        debug_assert!(unit < self.len);
        let mut number = self.backward(unit);
        while number >= self.len {
            number = self.backward(number);
        }
        number
    }

    fn forward(&self, number: u64) -> u64 {
        let (mut left, mut right) = self.halves(number);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.scramble(round, right));
        }
        (left << self.half_bits) | right
    }

    fn backward(&self, number: u64) -> u64 {
        let (mut left, mut right) = self.halves(number);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.scramble(round, left), left);
        }
        (left << self.half_bits) | right
    }

    fn halves(&self, number: u64) -> (u64, u64) {
        (number >> self.half_bits, number & self.mask())
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }

    fn scramble(&self, round: u64, half: u64) -> u64 {
        mix(nth(self.key, round) ^ half) & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn every_unit_has_exactly_one_place(len in 1_u64..3000, key: u64) {
            let order = Permutation::new(len, key);
            let units: BTreeSet<u64> = (0..len).map(|place| order.at(place)).collect();
            prop_assert_eq!(units.len() as u64, len);
            prop_assert!(units.iter().all(|unit| *unit < len));
        }

        #[test]
        fn places_are_found_again_however_many_units_there_are(
            len in prop_oneof![1_u64..100, 1..1_u64 << 40, (u64::MAX - 100)..=u64::MAX],
            key: u64,
            choice: u64,
        ) {
            let order = Permutation::new(len, key);
            let place = choice % len;
            prop_assert_eq!(order.place_of(order.at(place)), place);
        }
    }

    #[test]
    fn all_orders_of_four_units_are_about_equally_likely() {
        let mut seen = BTreeMap::<Vec<u64>, u32>::new();
        for key in 0..24_000 {
            let order = Permutation::new(4, mix(key));
            *seen.entry((0..4).map(|place| order.at(place)).collect()).or_default() += 1;
        }
        assert_eq!(seen.len(), 24);
        // 1000 expected each, standard deviation 31.
        assert!(seen.values().all(|count| (800..1200).contains(count)), "{seen:?}");
    }

    #[test]
    fn neighbours_in_the_shards_are_no_neighbours_in_the_order() {
        let order = Permutation::new(10_000, 7);
        let neighbours = (1..10_000).filter(|&p| order.at(p).abs_diff(order.at(p - 1)) == 1).count();
        // 2 expected.
        assert!(neighbours < 12, "{neighbours}");
    }
}
