//! Sets of small numbers.

/// A set of numbers, one bit for each. Equal sets are equal values: there are no words of zeros at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn insert(&mut self, number: u16) {
        let word = usize::from(number / 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
    }

    pub(crate) fn contains(&self, number: u16) -> bool {
        self.0.get(usize::from(number / 64)).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = u16> {
        let bits = |(place, &word): (usize, &u64)| {
            (0..64u16).filter(move |bit| word >> bit & 1 == 1).map(move |bit| place as u16 * 64 + bit)
        };
        self.0.iter().enumerate().flat_map(bits)
    }
}

impl FromIterator<u16> for Bits {
    fn from_iter<I: IntoIterator<Item = u16>>(numbers: I) -> Self {
        let mut bits = Self::default();
        numbers.into_iter().for_each(|number| bits.insert(number));
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn bits_are_the_set_of_their_numbers(numbers in prop::collection::btree_set(0u16..300, 0..20)) {
            let bits: Bits = numbers.iter().rev().copied().collect();
            prop_assert_eq!(&bits.numbers().collect::<BTreeSet<_>>(), &numbers);
            prop_assert!((0..400).all(|number| bits.contains(number) == numbers.contains(&number)));
            prop_assert_eq!(bits, numbers.into_iter().collect::<Bits>());
        }
    }
}
