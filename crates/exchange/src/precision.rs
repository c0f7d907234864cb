use crate::error::Error;
use crate::{bf16, dense};

/// Format of the values of a dense payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Little-endian `f32`; see [`crate::encode_dense`].
    F32,
    /// Little-endian bfloat16; see [`crate::encode_bf16`].
    Bf16,
}

impl Precision {
    /// Returns the bytes of one value.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Precision::F32 => dense::BYTES,
            Precision::Bf16 => bf16::BYTES,
        }
    }

    /// Checks that a payload contains `len` finite values.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Trailing`], [`Error::NonFinite`].
    pub fn check(self, payload: &[u8], len: usize) -> Result<(), Error> {
        match self {
            Precision::F32 => dense::check_dense(payload, len),
            Precision::Bf16 => bf16::check_bf16(payload, len),
        }
    }

    /// Returns the sum of the squares of a payload's values; a value that is not whole at its end does not count.
    #[must_use]
    pub fn squares(self, payload: &[u8]) -> f64 {
        let squared = |bits: u32| f64::from(f32::from_bits(bits)).powi(2);
        // Several sums at once, because each addition waits for the one before it.
        let mut sums = [0.0; 8];
        let mut add = |index: usize, bits: u32| sums[index % 8] += squared(bits);
        match self {
            Precision::F32 => payload
                .chunks_exact(4)
                .enumerate()
                .for_each(|(index, b)| add(index, u32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
            // The upper half of an f32.
            Precision::Bf16 => payload
                .chunks_exact(2)
                .enumerate()
                .for_each(|(index, b)| add(index, u32::from_le_bytes([0, 0, b[0], b[1]]))),
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode_bf16, encode_dense};

    #[test]
    fn squares_are_summed_in_either_precision() {
        let values: Vec<f32> = (0..21).map(|value| value as f32 - 10.0).collect();
        let sum: f64 = values.iter().map(|value| f64::from(value * value)).sum();
        assert_eq!(Precision::F32.squares(&encode_dense(&values)), sum);
        let coded = encode_bf16(&values, &[0.0; 21], &mut [0.0; 21]).unwrap();
        assert_eq!(Precision::Bf16.squares(&coded), sum);
        assert_eq!(Precision::F32.squares(&[0; 3]), 0.0);
    }
}
