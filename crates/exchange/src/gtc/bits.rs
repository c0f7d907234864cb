//! Bit streams, least significant bit first within little-endian words.

use crate::error::Error;

/// Writes codes of at most [`BitWriter::MAX`] bits into a buffer whose size was computed beforehand.
pub(super) struct BitWriter<'a> {
    space: &'a mut Vec<u8>,
    at: usize,
    pending: u64,
    pending_bits: u32,
}

impl<'a> BitWriter<'a> {
    /// Maximum number of bits of a code: up to 7 bits may be pending before it.
    pub(super) const MAX: u32 = 57;

    /// Creates a writer that appends to `out`, with room for `bits` before it must grow.
    pub(super) fn new(out: &'a mut Vec<u8>, bits: u64) -> Self {
        let at = out.len();
        // 8 more bytes, because every code is stored as a whole word.
        out.resize(at + bits.div_ceil(8) as usize + 8, 0);
        Self { space: out, at, pending: 0, pending_bits: 0 }
    }

    /// Appends the `count` low bits of `code`, whose higher bits are zero.
    #[inline(always)]
    pub(super) fn put(&mut self, code: u64, count: u32) {
        debug_assert!(count <= Self::MAX && (count == 64 || code >> count == 0));
        self.pending |= code << self.pending_bits;
        self.pending_bits += count;
        if self.at + 8 > self.space.len() {
            self.space.resize(self.at + 4096, 0);
        }
        self.space[self.at..self.at + 8].copy_from_slice(&self.pending.to_le_bytes());
        let whole = self.pending_bits / 8;
        self.at += whole as usize;
        // In two steps, because a shift by 64 is not defined.
        self.pending = (self.pending >> (whole * 4)) >> (whole * 4);
        self.pending_bits %= 8;
    }

    /// Pads the last byte with zeros and removes unused bytes.
    pub(super) fn finish(self) {
        let end = self.at + usize::from(self.pending_bits > 0);
        self.space.truncate(end);
    }
}

/// Reads what [`BitWriter`] wrote, from untrusted bytes.
#[derive(Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    pending: u64,
    pending_bits: u32,
    message_bytes: usize,
    part: &'static str,
}

impl<'a> BitReader<'a> {
    /// Number of bits available after a [`fill`](Self::fill), unless the stream ends.
    pub(super) const FILLED: u32 = 56;

    /// Creates a reader of `bytes`, the end of a message of `message_bytes`; `part` is its name in errors.
    pub(super) fn new(bytes: &'a [u8], message_bytes: usize, part: &'static str) -> Self {
        Self { bytes, at: 0, pending: 0, pending_bits: 0, message_bytes, part }
    }

    /// Reads bytes until [`Self::FILLED`] bits are available or the stream ends.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        if let Some(word) = self.bytes.get(self.at..self.at + 8) {
            let word = u64::from_le_bytes(word.try_into().expect("8 bytes"));
            // Bits above `pending_bits` are the next ones of the stream: setting them again changes nothing.
            self.pending |= word << self.pending_bits;
            self.at += ((63 - self.pending_bits) / 8) as usize;
            self.pending_bits |= Self::FILLED;
        } else {
            self.fill_at_end();
        }
    }

    #[cold]
    fn fill_at_end(&mut self) {
        while self.pending_bits <= Self::FILLED
            && let Some(&byte) = self.bytes.get(self.at)
        {
            self.pending |= u64::from(byte) << self.pending_bits;
            self.pending_bits += 8;
            self.at += 1;
        }
    }

    /// Reads zero bits up to and including the next one bit, and returns the number of zeros, if all of them are
    /// available together with `after` more bits.
    #[inline(always)]
    pub(super) fn unary_at_hand(&mut self, after: u32) -> Option<u32> {
        let zeros = self.pending.trailing_zeros();
        if zeros + 1 + after > self.pending_bits {
            return None;
        }
        self.take(zeros + 1);
        Some(zeros)
    }

    /// Reads any number of zero bits up to and including the next one bit, and returns the number of zeros. Above
    /// `limit` it stops counting.
    #[cold]
    pub(super) fn unary_slow(&mut self, limit: u64) -> Result<u64, Error> {
        let mut zeros = 0u64;
        loop {
            self.fill();
            if self.pending_bits == 0 {
                return Err(self.truncated());
            }
            let here = self.pending.trailing_zeros().min(self.pending_bits);
            zeros += u64::from(here);
            if zeros > limit {
                return Ok(zeros);
            }
            if here < self.pending_bits {
                self.take(here + 1);
                return Ok(zeros);
            }
            self.take(here);
        }
    }

    /// Reads the next `count` bits, which are available.
    #[inline(always)]
    pub(super) fn at_hand(&mut self, count: u32) -> u64 {
        let value = self.pending & ((1u64 << count) - 1);
        self.take(count);
        value
    }

    /// Reads the next `count` bits, at most [`Self::FILLED`].
    #[inline(always)]
    pub(super) fn get(&mut self, count: u32) -> Result<u64, Error> {
        if self.pending_bits < count {
            self.fill();
            if self.pending_bits < count {
                return Err(self.truncated());
            }
        }
        Ok(self.at_hand(count))
    }

    /// Checks that only zero bits of the last byte are left.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.fill();
        let left = self.pending_bits;
        let rest = if left == 0 { 0 } else { self.pending & (u64::MAX >> (64 - left)) };
        if left >= 8 || rest != 0 || self.at < self.bytes.len() {
            return Err(Error::Trailing { found: self.message_bytes });
        }
        Ok(())
    }

    #[inline(always)]
    fn take(&mut self, count: u32) {
        // In two steps, because `count` may be 64.
        self.pending = (self.pending >> (count / 2)) >> (count - count / 2);
        self.pending_bits -= count;
    }

    #[cold]
    fn truncated(&self) -> Error {
        Error::Truncated { part: self.part, found: self.message_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_of_any_width_come_back_in_order(
            codes in prop::collection::vec((any::<u64>(), 0u32..=56), 0..200),
            announced in 0u64..20_000,
        ) {
            let codes: Vec<(u64, u32)> = codes.into_iter().map(|(v, n)| (v & ((1 << n) - 1), n)).collect();
            let mut bytes = vec![7];
            // If the announced size is too small, writing is only slower.
            let mut writer = BitWriter::new(&mut bytes, announced);
            for &(code, count) in &codes {
                writer.put(code, count);
            }
            writer.finish();
            let bits: u32 = codes.iter().map(|c| c.1).sum();
            prop_assert_eq!(bytes.len(), 1 + bits.div_ceil(8) as usize);
            let mut reader = BitReader::new(&bytes[1..], bytes.len(), "codes");
            for &(code, count) in &codes {
                prop_assert_eq!(reader.get(count).unwrap(), code);
            }
            reader.finish().unwrap();
        }

        #[test]
        fn runs_of_zeros_of_any_length_come_back(runs in prop::collection::vec(0u64..400, 0..40)) {
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes, 0);
            for &run in &runs {
                (0..run).for_each(|_| writer.put(0, 1));
                writer.put(1, 1);
            }
            writer.finish();
            let mut reader = BitReader::new(&bytes, bytes.len(), "runs");
            for &run in &runs {
                reader.fill();
                let zeros = match reader.unary_at_hand(0) {
                    Some(zeros) => u64::from(zeros),
                    None => reader.unary_slow(400).unwrap(),
                };
                prop_assert_eq!(zeros, run);
            }
            reader.finish().unwrap();
        }
    }

    #[test]
    fn the_end_of_the_stream_and_trailing_bits_are_errors() {
        let mut reader = BitReader::new(&[0xff], 9, "test");
        assert_eq!(reader.get(9), Err(Error::Truncated { part: "test", found: 9 }));
        let mut zeros = BitReader::new(&[0; 100], 100, "test");
        assert_eq!(zeros.clone().unary_slow(10_000), Err(Error::Truncated { part: "test", found: 100 }));
        assert!(zeros.unary_slow(100).unwrap() > 100, "stops counting above the limit");
        assert_eq!(BitReader::new(&[0], 1, "test").finish(), Err(Error::Trailing { found: 1 }));
        let mut padded = BitReader::new(&[0b1000_0001], 1, "test");
        padded.get(3).unwrap();
        assert_eq!(padded.finish(), Err(Error::Trailing { found: 1 }));
    }
}
