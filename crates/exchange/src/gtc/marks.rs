//! Which values of a vector are sent, and which of these are positive: two bits a value, 64 values to a word.

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
    pub(super) fn for_each(&self, mut visit: impl FnMut(usize, bool)) {
        for (word, (&sent, &positive)) in self.sent.iter().zip(&self.positive).enumerate() {
            let mut left = sent;
            while left != 0 {
                let bit = left.trailing_zeros();
                visit(word * WORD + bit as usize, positive >> bit & 1 == 1);
                left &= left - 1;
            }
        }
    }
}

/// The lowest and the second bit of 64 flags, each as a word of marks.
#[inline(always)]
pub(super) fn pack_flags(flags: &[u8; WORD]) -> (u64, u64) {
    /// The lowest bit of each of 8 bytes.
    const LOW: u64 = 0x0101_0101_0101_0101;
    /// Moves the lowest bit of byte i to bit 56 + i, without carries.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (mut first, mut second) = (0, 0);
    for (byte, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        first |= ((eight & LOW).wrapping_mul(GATHER) >> 56) << (8 * byte);
        second |= ((eight >> 1 & LOW).wrapping_mul(GATHER) >> 56) << (8 * byte);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_flags_are_marks_that_come_back_in_order(flags in prop::collection::vec(0u8..4, WORD)) {
            let (sent, positive) = pack_flags(flags.as_slice().try_into().unwrap());
            let marks = Marks { sent: vec![sent], positive: vec![positive] };
            let mut found = Vec::new();
            marks.for_each(|index, is_positive| found.push((index, is_positive)));
            let expected: Vec<_> =
                (0..WORD).filter(|&i| flags[i] & 1 == 1).map(|i| (i, flags[i] & 2 == 2)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
