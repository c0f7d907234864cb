//! Encoding of messages.

use super::bits::BitWriter;
use super::choose::{Magnitudes, shortest};
use super::header::{self, Form, Header, TRITS};
use super::marks::Marks;
use super::tau::Tau;
use crate::error::Error;

/// Appends a message for `values` values; `marks` states which are not zero, and their signs.
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

/// Writes `zeros` zeros, a one, and the `width` bits of `low`, at most 32.
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
