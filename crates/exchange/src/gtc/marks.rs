//! Which values of a vector are sent, and which of these are positive: two bits a value, 64 values to a word.

use std::ops::Range;

/// Values to a word of marks.
pub(super) const WORD: usize = 64;

/// Two bits a value. Bits beyond the vector are zero.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    /// Set where the value is not zero.
    pub(super) sent: Vec<u64>,
    /// Set where it is above zero.
    pub(super) positive: Vec<u64>,
}

impl Marks {
    /// Makes room for `values` values. What the words hold afterwards is for the caller to overwrite.
    pub(super) fn resize(&mut self, values: usize) {
        let words = values.div_ceil(WORD);
        self.sent.resize(words, 0);
        self.positive.resize(words, 0);
    }

    /// Calls `visit(index, is_positive)` for each value sent, ascending.
    #[inline(always)]
    pub(super) fn for_each(&self, visit: impl FnMut(usize, bool)) {
        self.for_each_in(0..self.sent.len(), visit);
    }

    /// [`for_each`](Self::for_each) of the values in some of the words.
    #[inline(always)]
    pub(super) fn for_each_in(&self, words: Range<usize>, mut visit: impl FnMut(usize, bool)) {
        let marks = self.sent[words.clone()].iter().zip(&self.positive[words.clone()]);
        for (word, (&sent, &positive)) in words.zip(marks) {
            let mut left = sent;
            while left != 0 {
                let bit = left.trailing_zeros();
                visit(word * WORD + bit as usize, positive >> bit & 1 == 1);
                left &= left - 1;
            }
        }
    }
}

/// Bit `bit` of each of 64 bytes, as a word of marks.
#[inline(always)]
pub(super) fn pack_bit(flags: &[u8; WORD], bit: u32) -> u64 {
    /// The lowest bit of each of 8 bytes.
    const LOW: u64 = 0x0101_0101_0101_0101;
    /// Moves the lowest bit of byte i to bit 56 + i, without carries.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut packed = 0;
    for (byte, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight) >> bit & LOW;
        packed |= (eight.wrapping_mul(GATHER) >> 56) << (8 * byte);
    }
    packed
}

/// Whether bit `at` of a sequence of words is set.
#[inline(always)]
pub(super) fn is_set(words: &[u64], at: usize) -> bool {
    words[at / WORD] >> (at % WORD) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_flags_are_marks_that_come_back_in_order(flags in prop::collection::vec(0u8..4, WORD)) {
            let flags: [u8; WORD] = flags.try_into().unwrap();
            let (sent, positive) = (pack_bit(&flags, 0), pack_bit(&flags, 1));
            let marks = Marks { sent: vec![sent], positive: vec![positive] };
            let mut found = Vec::new();
            marks.for_each(|index, is_positive| found.push((index, is_positive)));
            let expected: Vec<_> =
                (0..WORD).filter(|&i| flags[i] & 1 == 1).map(|i| (i, flags[i] & 2 == 2)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
