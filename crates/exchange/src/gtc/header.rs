use super::rice::MAX_PARAMETER;
use super::tau::Tau;
use crate::error::{Error, same_length};

/// Maximum number of contributors to a sum: far above any cluster's size, and far below the limit of 32-bit counts.
pub const MAX_CONTRIBUTORS: u32 = 1 << 20;

/// Header of a message of signs or counts.
///
/// On the wire: form (1 byte, with the version in its high half), τ (4 bytes), then divisor, values and nonzero as
/// LEB128 and the form's parameters (1 byte each): about 13 bytes, because a message at density 0.01 % is short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Header {
    /// Threshold that one count represents.
    pub tau: Tau,
    /// Number of contributors c to the sum, by which the mean divides: the mean is `(τ/c)·n`. 1 in a contribution and
    /// in a sum that was thresholded again. No count is larger.
    pub divisor: u32,
    /// Length of the vector.
    pub values: usize,
    /// Number of values that are not zero.
    pub nonzero: u64,
}

/// Layout of the body. A `magnitude` parameter is absent if every count is ±1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For each nonzero value: Rice(zeros before it), sign, Rice(magnitude − 1).
    Sparse { gap: u8, magnitude: Option<u8> },
    /// One bit per value; then for each nonzero value: sign, Rice(magnitude − 1).
    Bitmap { magnitude: Option<u8> },
    /// Five values of −1, 0, 1 per byte.
    Ternary,
    /// Rice(2n, or −2n − 1 for negative n) of every value.
    Dense { parameter: u8 },
}

/// Number of values per byte of [`Form::Ternary`]: 3⁵ = 243.
pub(super) const TRITS: usize = 5;

const VERSION: u8 = 0x10;
const ALL_ONE: u8 = 0xff;

impl Header {
    /// Reads the header of a message for a vector of `values` values.
    ///
    /// # Errors
    /// All variants of [`Error`] about headers; [`Error::Length`] if the message is for another length.
    pub fn read(bytes: &[u8], values: usize) -> Result<Self, Error> {
        Ok(split(bytes, values)?.0)
    }
}

/// Appends the header.
pub(super) fn write(out: &mut Vec<u8>, header: Header, form: Form) {
    let parameter = |magnitude: Option<u8>| magnitude.unwrap_or(ALL_ONE);
    let (code, parameters) = match form {
        Form::Sparse { gap, magnitude } => (0, [Some(gap), Some(parameter(magnitude))]),
        Form::Bitmap { magnitude } => (1, [Some(parameter(magnitude)), None]),
        Form::Ternary => (2, [None, None]),
        Form::Dense { parameter } => (3, [Some(parameter), None]),
    };
    out.push(VERSION | code);
    out.extend_from_slice(&header.tau.get().to_le_bytes());
    for mut number in [u64::from(header.divisor), header.values as u64, header.nonzero] {
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }
    out.extend(parameters.into_iter().flatten());
}

/// Returns header, form and body of a message for a vector of `values` values.
pub(super) fn split(bytes: &[u8], values: usize) -> Result<(Header, Form, &[u8]), Error> {
    let mut fields = Fields { bytes, at: 0 };
    let code = fields.byte()?;
    if code & 0xf0 != VERSION || code & 0x0f > 3 {
        return Err(Error::UnknownForm { found: code });
    }
    let tau = [fields.byte()?, fields.byte()?, fields.byte()?, fields.byte()?];
    let tau = Tau::exact(f32::from_le_bytes(tau))?;
    let divisor = fields.number("divisor", 1, u64::from(MAX_CONTRIBUTORS))? as u32;
    same_length("message", values, fields.number("values", 0, u64::from(u32::MAX))? as usize)?;
    let nonzero = fields.number("nonzero", 0, values as u64)?;
    let form = match code & 0x0f {
        0 => Form::Sparse { gap: fields.parameter("gap parameter")?, magnitude: fields.magnitude()? },
        1 => Form::Bitmap { magnitude: fields.magnitude()? },
        2 => Form::Ternary,
        _ => Form::Dense { parameter: fields.parameter("parameter")? },
    };
    Ok((Header { tau, divisor, values, nonzero }, form, &bytes[fields.at..]))
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn byte(&mut self) -> Result<u8, Error> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte.ok_or(Error::Truncated { part: "header", found: self.bytes.len() })
    }

    fn number(&mut self, field: &'static str, least: u64, most: u64) -> Result<u64, Error> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return bounded(field, number, least, most);
            }
        }
        Err(Error::Header { field, found: number, expected: "at most 5 bytes".to_owned() })
    }

    fn parameter(&mut self, field: &'static str) -> Result<u8, Error> {
        let found = self.byte()?;
        bounded(field, u64::from(found), 0, u64::from(MAX_PARAMETER))?;
        Ok(found)
    }

    fn magnitude(&mut self) -> Result<Option<u8>, Error> {
        if self.bytes.get(self.at) == Some(&ALL_ONE) {
            self.at += 1;
            return Ok(None);
        }
        self.parameter("magnitude parameter").map(Some)
    }
}

fn bounded(field: &'static str, found: u64, least: u64, most: u64) -> Result<u64, Error> {
    if (least..=most).contains(&found) {
        Ok(found)
    } else {
        Err(Error::Header { field, found, expected: format!("{least} to {most}") })
    }
}
