//! The four forms of a message's body: which is shortest, how it is written, how it is read.

use super::bits::{BitReader, BitWriter};
use super::header::{self, Form, Header};
use super::marks::{Marks, WORD, is_set};
use super::rice::Chooser;
use super::tau::Tau;
use crate::error::Error;

/// Gaps read before their values are visited. Each visit misses the caches; without the reading between them, many misses are
/// waited for at once.
const BATCH: usize = 64;

/// Values to a byte of [`Form::Ternary`]: 3⁵ = 243.
const TRITS: usize = 5;

/// The values themselves, where some are beyond ±1.
#[derive(Clone, Copy)]
pub(super) struct Magnitudes<'a> {
    pub(super) counts: &'a [i32],
    /// Marks of those beyond ±1. They are few: only these are looked up, for each look misses the caches.
    pub(super) beyond: &'a [u64],
    /// Sum of all magnitudes.
    pub(super) total: u64,
}

impl Magnitudes<'_> {
    /// What is coded of the magnitude at `index`, which is not zero.
    #[inline(always)]
    fn beyond_one(&self, index: usize) -> u64 {
        if is_set(self.beyond, index) { u64::from(self.counts[index].unsigned_abs()) - 1 } else { 0 }
    }
}

/// Appends a message about `values` values, of which `marks` tells which are not zero and their signs.
pub(super) fn write_message(
    out: &mut Vec<u8>,
    tau: Tau,
    divisor: u32,
    values: usize,
    marks: &Marks,
    nonzero: u64,
    magnitudes: Option<Magnitudes<'_>>,
) -> Result<(), Error> {
    if u32::try_from(values).is_err() {
        return Err(Error::TooLong { found: values });
    }
    let (form, bits) = shortest(values, marks, nonzero, magnitudes);
    header::write(out, Header { tau, divisor, values, nonzero }, form);
    match form {
        Form::Sparse { gap, magnitude } => write_sparse(out, bits, marks, gap, magnitudes.zip(magnitude)),
        Form::Bitmap { magnitude } => write_bitmap(out, bits, values, marks, magnitudes.zip(magnitude)),
        Form::Ternary => write_ternary(out, values, marks),
        Form::Dense { parameter } => {
            let counts = magnitudes.map_or(&[][..], |magnitudes| magnitudes.counts);
            let mut writer = BitWriter::new(out, bits);
            counts.iter().for_each(|&n| put_rice(&mut writer, zigzag(n), parameter));
            writer.finish();
        }
    }
    Ok(())
}

/// A form is taken over a bitmap, which is read fastest, where it saves more than one part in this many.
const SLACK: u64 = 128;

/// The form with the fewest bits or nearly so, and about these bits.
fn shortest(values: usize, marks: &Marks, nonzero: u64, magnitudes: Option<Magnitudes<'_>>) -> (Form, u64) {
    let bitmap_bits = values.div_ceil(8) as u64 * 8;
    let Some(magnitudes) = magnitudes else {
        let mut best = (Form::Bitmap { magnitude: None }, bitmap_bits + nonzero);
        // With parameter 0 gaps are a bitmap in other words, with a larger one they take two bits each and more.
        if 2 * nonzero < bitmap_bits {
            let mut gaps = Chooser::new(nonzero, values as u64 - nonzero);
            sample_gaps(values, marks, nonzero, |gap, _, _| gaps.see(gap));
            let (gap, bits) = gaps.best(nonzero);
            take_if_shorter(&mut best, Form::Sparse { gap, magnitude: None }, bits + nonzero);
        }
        take_if_shorter(&mut best, Form::Ternary, values.div_ceil(TRITS) as u64 * 8);
        return best;
    };
    let mut gaps = Chooser::new(nonzero, values as u64 - nonzero);
    let mut beyond_one = Chooser::new(nonzero, magnitudes.total - nonzero);
    let mut zigzags = Chooser::new(values as u64, 2 * magnitudes.total);
    sample_gaps(values, marks, nonzero, |gap, index, positive| {
        let beyond = magnitudes.beyond_one(index);
        gaps.see(gap);
        beyond_one.see(beyond);
        zigzags.see_zeros(gap);
        zigzags.see(2 * beyond + if positive { 2 } else { 1 });
    });
    let ((gap, gap_bits), (parameter, zigzag_bits)) = (gaps.best(nonzero), zigzags.best(values as u64));
    let (magnitude, magnitude_bits) = beyond_one.best(nonzero);
    let (magnitude, marked_bits) = (Some(magnitude), nonzero + magnitude_bits);
    let mut best = (Form::Bitmap { magnitude }, bitmap_bits + marked_bits);
    take_if_shorter(&mut best, Form::Sparse { gap, magnitude }, gap_bits + marked_bits);
    take_if_shorter(&mut best, Form::Dense { parameter }, zigzag_bits);
    best
}

/// Calls `see(zeros before, index, is positive)` for the values that are not zero: for all, or where they are many for those in evenly spread
/// runs, 65,536 or so.
fn sample_gaps(values: usize, marks: &Marks, nonzero: u64, mut see: impl FnMut(u64, usize, bool)) {
    /// Words of a run: 4096 values, which holds dozens of gaps wherever sampling is worth while.
    const RUN: usize = 64;
    const ENOUGH: u64 = 1 << 16;
    let words = marks.sent.len();
    let stride = (nonzero / ENOUGH) as usize;
    let is_dense = nonzero * 64 > values as u64;
    let (run, step) = if stride > 1 && is_dense { (RUN, RUN * stride) } else { (words.max(1), words.max(1)) };
    for start in (0..words).step_by(step) {
        // Seen from any place, the next of values at random places is as far as from one of them.
        let mut next = start * WORD;
        marks.for_each_in(start..words.min(start + run), |index, positive| {
            see((index - next) as u64, index, positive);
            next = index + 1;
        });
    }
}

fn take_if_shorter(best: &mut (Form, u64), form: Form, bits: u64) {
    if bits + bits / SLACK < best.1 {
        *best = (form, bits);
    }
}

fn write_sparse(
    out: &mut Vec<u8>,
    bits: u64,
    marks: &Marks,
    gap: u8,
    magnitudes: Option<(Magnitudes<'_>, u8)>,
) {
    let mut writer = BitWriter::new(out, bits);
    let (width, mask) = (u32::from(gap), (1u64 << gap) - 1);
    let mut next = 0;
    marks.for_each(|index, positive| {
        let zeros = (index - next) as u64;
        next = index + 1;
        let low = zeros & mask | u64::from(positive) << width;
        put_unary_then(&mut writer, zeros >> width, low, width + 1);
        if let Some((magnitudes, parameter)) = magnitudes {
            put_rice(&mut writer, magnitudes.beyond_one(index), parameter);
        }
    });
    writer.finish();
}

fn write_bitmap(
    out: &mut Vec<u8>,
    bits: u64,
    values: usize,
    marks: &Marks,
    magnitudes: Option<(Magnitudes<'_>, u8)>,
) {
    let start = out.len();
    out.reserve(bits.div_ceil(8) as usize + 16);
    marks.sent.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    out.truncate(start + values.div_ceil(8));
    let mut writer = BitWriter::new(out, bits - values.div_ceil(8) as u64 * 8);
    marks.for_each(|index, positive| {
        writer.put(u64::from(positive), 1);
        if let Some((magnitudes, parameter)) = magnitudes {
            put_rice(&mut writer, magnitudes.beyond_one(index), parameter);
        }
    });
    writer.finish();
}

fn write_ternary(out: &mut Vec<u8>, values: usize, marks: &Marks) {
    const WEIGHTS: [u8; TRITS] = [1, 3, 9, 27, 81];
    let start = out.len();
    out.resize(start + values.div_ceil(TRITS), 0);
    let bytes = &mut out[start..];
    marks.for_each(|index, positive| {
        bytes[index / TRITS] += WEIGHTS[index % TRITS] * if positive { 1 } else { 2 };
    });
}

#[inline(always)]
fn put_rice(writer: &mut BitWriter<'_>, number: u64, parameter: u8) {
    let low = number & ((1 << parameter) - 1);
    put_unary_then(writer, number >> parameter, low, u32::from(parameter));
}

/// `zeros` zeros, a one, and the `width` bits of `low`, at most 32.
#[inline(always)]
fn put_unary_then(writer: &mut BitWriter<'_>, mut zeros: u64, low: u64, width: u32) {
    const RUN: u64 = 24;
    while zeros > RUN {
        writer.put(0, RUN as u32);
        zeros -= RUN;
    }
    writer.put((low << 1 | 1) << zeros, zeros as u32 + 1 + width);
}

fn zigzag(n: i32) -> u64 {
    let n = i64::from(n);
    (n << 1 ^ n >> 63) as u64
}

fn unzigzag(code: u64) -> i64 {
    (code >> 1) as i64 ^ -((code & 1) as i64)
}

/// A message whose header has been checked and whose body may be anything.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) header: Header,
    form: Form,
    body: &'a [u8],
    message_bytes: usize,
}

impl<'a> Message<'a> {
    /// Checks the header of a message about `values` values.
    pub(super) fn parse(bytes: &'a [u8], values: usize) -> Result<Self, Error> {
        let (header, form, body) = header::split(bytes, values)?;
        Ok(Self { header, form, body, message_bytes: bytes.len() })
    }

    /// Calls `visit(index, count)` for each value that is not zero, ascending, every index below the header's values and
    /// every count within its divisor.
    ///
    /// On an error some have been visited; a second call visits the same ones.
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
        // 32 values a time: their signs are at hand after one `get`.
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
                // 243 and above: a sixth value where only five fit.
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

/// A Rice-coded number. Numbers above `limit` may come out smaller than they are, but above it still.
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
