//! Marks: which values of a vector are sent, and which of these are positive; two bits per value, 64 values per word.

use std::ops::Range;

/// Number of values per word of marks.
pub(super) const WORD: usize = 64;

/// Two bits per value. Bits beyond the vector are zero.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    /// Set if the value is not zero.
    pub(super) sent: Vec<u64>,
    /// Set if the value is above zero.
    pub(super) positive: Vec<u64>,
}

impl Marks {
    /// Makes room for `values` values. The content of the words is unspecified; the caller overwrites it.
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
    ///
    /// In two steps, for how many marks a word has cannot be foretold: a batch of indices is gathered without asking,
    /// then visited in one run.
    #[inline(always)]
    pub(super) fn for_each_in(&self, words: Range<usize>, mut visit: impl FnMut(usize, bool)) {
        /// Marks of a word that are gathered without asking whether there are as many.
        const UNASKED: usize = 3;
        /// Words that are passed over together where they have no mark.
        const GROUP: usize = 4;
        /// Indices at which a batch is visited.
        const FULL: usize = 512;
        // Twice the index, plus one where it is positive.
        let mut batch = [0; FULL + GROUP * WORD];
        let mut count = 0;
        for start in words.clone().step_by(GROUP) {
            let group = start..words.end.min(start + GROUP);
            // Most groups of a sparse vector.
            if self.sent[group.clone()].iter().all(|&sent| sent == 0) {
                continue;
            }
            for word in group {
                let (mut left, positive) = (self.sent[word], self.positive[word]);
                let mut gather = |left: u64| {
                    // Of no bit at all, the place is overwritten by the next.
                    let bit = left.trailing_zeros() % WORD as u32;
                    batch[count] = (word * WORD + bit as usize) << 1 | (positive >> bit & 1) as usize;
                    count += usize::from(left != 0);
                    left & left.wrapping_sub(1)
                };
                for _ in 0..UNASKED {
                    left = gather(left);
                }
                while left != 0 {
                    left = gather(left);
                }
            }
            if count >= FULL {
                batch[..count].iter().for_each(|mark| visit(mark >> 1, mark & 1 == 1));
                count = 0;
            }
        }
        batch[..count].iter().for_each(|mark| visit(mark >> 1, mark & 1 == 1));
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
            // As many words as fill more than a batch.
            let words = 40;
            let marks = Marks { sent: vec![sent; words], positive: vec![positive; words] };
            let mut found = Vec::new();
            marks.for_each(|index, is_positive| found.push((index, is_positive)));
            let expected: Vec<_> = (0..words * WORD)
                .map(|i| (i, flags[i % WORD]))
                .filter(|(_, flags)| flags & 1 == 1)
                .map(|(i, flags)| (i, flags & 2 == 2))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
