//! Decoding of messages from untrusted bytes.

use super::bits::BitReader;
use super::header::{self, Form, Header, TRITS};
use crate::error::Error;

/// Number of gaps that are read before their values are visited. Each visit misses the caches; without reading between
/// them, many misses overlap.
const BATCH: usize = 64;

/// A message whose header has been checked; its body is untrusted.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) header: Header,
    form: Form,
    body: &'a [u8],
    message_bytes: usize,
}

impl<'a> Message<'a> {
    /// Checks the header of a message for `values` values.
    pub(super) fn parse(bytes: &'a [u8], values: usize) -> Result<Self, Error> {
        let (header, form, body) = header::split(bytes, values)?;
        Ok(Self { header, form, body, message_bytes: bytes.len() })
    }

    /// Calls `visit(index, count)` for each nonzero value in ascending order; every index is below the header's number
    /// of values and every count within its divisor.
    ///
    /// On an error some values have been visited; a second call visits the same ones.
    #[inline(always)]
    pub(super) fn for_each(&self, mut visit: impl FnMut(usize, i32)) -> Result<(), Error> {
        match self.form {
            Form::Sparse { gap, magnitude: None } => self.read_sparse(gap, |_, _| Ok(1), &mut visit),
            Form::Sparse { gap, magnitude: Some(parameter) } => {
                self.read_sparse(gap, |reader, at| self.magnitude(reader, parameter, at), &mut visit)
            }
            Form::Bitmap { magnitude } => self.read_bitmap(magnitude, &mut visit),
            Form::Ternary => self.read_ternary(&mut visit),
            Form::Dense { parameter } => self.read_dense(parameter, &mut visit),
        }
    }

    #[inline(always)]
    fn read_sparse(
        &self,
        gap: u8,
        magnitude: impl Fn(&mut BitReader<'a>, usize) -> Result<i32, Error>,
        visit: &mut impl FnMut(usize, i32),
    ) -> Result<(), Error> {
        let values = self.header.values as u64;
        let (width, mask) = (u32::from(gap), (1u64 << gap) - 1);
        let mut reader = BitReader::new(self.body, self.message_bytes, "gaps");
        let mut next = 0u64;
        let mut batch = [(0u32, 0i32); BATCH];
        let mut left = self.header.nonzero;
        while left > 0 {
            let count = left.min(BATCH as u64) as usize;
            left -= count as u64;
            for place in &mut batch[..count] {
                reader.fill();
                let (zeros, low) = match reader.unary_at_hand(width + 1) {
                    Some(zeros) => (u64::from(zeros), reader.at_hand(width + 1)),
                    None => (reader.unary_slow(values >> width)?, reader.get(width + 1)?),
                };
                let index = next + (zeros << width | low & mask);
                if index >= values {
                    return Err(Error::IndexOutOfBounds { index, values: self.header.values });
                }
                let sign = (low >> width) as i32 * 2 - 1;
                *place = (index as u32, sign * magnitude(&mut reader, index as usize)?);
                next = index + 1;
            }
            for &(index, n) in &batch[..count] {
                visit(index as usize, n);
            }
        }
        reader.finish()
    }

    fn read_bitmap(&self, magnitude: Option<u8>, visit: &mut impl FnMut(usize, i32)) -> Result<(), Error> {
        let values = self.header.values;
        let Some((bitmap, signs)) = self.body.split_at_checked(values.div_ceil(8)) else {
            return Err(Error::Truncated { part: "bitmap", found: self.message_bytes });
        };
        if let Some(last) = bitmap.last()
            && !values.is_multiple_of(8)
            && last >> (values % 8) != 0
        {
            let index = (values / 8 * 8) as u64 + u64::from(7 - last.leading_zeros());
            return Err(Error::IndexOutOfBounds { index, values });
        }
        let found = bitmap.iter().map(|byte| u64::from(byte.count_ones())).sum();
        self.check_nonzero(found)?;
        let mut reader = BitReader::new(signs, self.message_bytes, "signs");
        // 32 values at a time: their signs are available after one `get`.
        for (word, bytes) in bitmap.chunks(4).enumerate() {
            let mut four = [0; 4];
            four[..bytes.len()].copy_from_slice(bytes);
            let mut left = u32::from_le_bytes(four);
            let mut word_signs = if magnitude.is_none() { reader.get(left.count_ones())? } else { 0 };
            while left != 0 {
                let index = word * 32 + left.trailing_zeros() as usize;
                left &= left - 1;
                let count = match magnitude {
                    None => {
                        let sign = (word_signs & 1) as i32 * 2 - 1;
                        word_signs >>= 1;
                        sign
                    }
                    Some(parameter) => {
                        let sign = reader.get(1)? as i32 * 2 - 1;
                        sign * self.magnitude(&mut reader, parameter, index)?
                    }
                };
                visit(index, count);
            }
        }
        reader.finish()
    }

    fn read_ternary(&self, visit: &mut impl FnMut(usize, i32)) -> Result<(), Error> {
        let values = self.header.values;
        let expected = values.div_ceil(TRITS);
        if self.body.len() < expected {
            return Err(Error::Truncated { part: "ternary values", found: self.message_bytes });
        }
        if self.body.len() > expected {
            return Err(Error::Trailing { found: self.message_bytes });
        }
        let mut found = 0;
        for (byte, &five) in self.body.iter().enumerate() {
            let mut five = five;
            for trit in 0..TRITS {
                let index = byte * TRITS + trit;
                let digit = five % 3;
                five /= 3;
                if digit == 0 {
                    continue;
                }
                if index >= values {
                    return Err(Error::IndexOutOfBounds { index: index as u64, values });
                }
                found += 1;
                visit(index, if digit == 1 { 1 } else { -1 });
            }
            if five != 0 {
                // 243 and above would be a sixth value.
                return Err(Error::Trailing { found: self.message_bytes });
            }
        }
        self.check_nonzero(found)
    }

    fn read_dense(&self, parameter: u8, visit: &mut impl FnMut(usize, i32)) -> Result<(), Error> {
        let mut reader = BitReader::new(self.body, self.message_bytes, "dense counts");
        let largest = u64::from(self.header.divisor) * 2;
        let mut found = 0;
        for index in 0..self.header.values {
            let code = read_rice(&mut reader, parameter, largest)?;
            if code == 0 {
                continue;
            }
            let count = unzigzag(code);
            self.check_count(index, count.unsigned_abs())?;
            found += 1;
            visit(index, count as i32);
        }
        self.check_nonzero(found)?;
        reader.finish()
    }

    #[inline(always)]
    fn magnitude(&self, reader: &mut BitReader<'a>, parameter: u8, index: usize) -> Result<i32, Error> {
        let magnitude = read_rice(reader, parameter, u64::from(self.header.divisor))? + 1;
        self.check_count(index, magnitude)?;
        Ok(magnitude as i32)
    }

    fn check_count(&self, index: usize, found: u64) -> Result<(), Error> {
        let divisor = self.header.divisor;
        if found <= u64::from(divisor) {
            Ok(())
        } else {
            Err(Error::CountOutOfBounds { index, found, divisor })
        }
    }

    fn check_nonzero(&self, found: u64) -> Result<(), Error> {
        let announced = self.header.nonzero;
        if found == announced { Ok(()) } else { Err(Error::Nonzero { announced, found }) }
    }
}

fn unzigzag(code: u64) -> i64 {
    (code >> 1) as i64 ^ -((code & 1) as i64)
}

/// Reads a Rice-coded number. Numbers above `limit` may be returned smaller than they are, but still above it.
#[inline(always)]
fn read_rice(reader: &mut BitReader<'_>, parameter: u8, limit: u64) -> Result<u64, Error> {
    let width = u32::from(parameter);
    reader.fill();
    let (zeros, low) = match reader.unary_at_hand(width) {
        Some(zeros) => (u64::from(zeros), reader.at_hand(width)),
        None => (reader.unary_slow(limit >> width)?, reader.get(width)?),
    };
    Ok(zeros << width | low)
}
