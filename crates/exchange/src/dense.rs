//! Dense payloads: `values × 4` bytes of little-endian `f32`, no header.

use crate::error::{Error, first_non_finite, same_length};

pub(crate) const BYTES: usize = 4;

/// Returns `values` as little-endian bytes.
#[must_use]
pub fn encode_dense(values: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * BYTES];
    for (chunk, value) in bytes.chunks_exact_mut(BYTES).zip(values) {
        chunk.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Returns the `len` values of a dense payload.
///
/// # Errors
/// [`Error::Length`] if the payload does not have `4 × len` bytes, [`Error::NonFinite`].
pub fn decode_dense(bytes: &[u8], len: usize) -> Result<Vec<f32>, Error> {
    check_dense(bytes, len)?;
    Ok(floats(bytes).collect())
}

/// Adds `factor · values` of a dense payload to `parameters`, with the same bits as decoding, multiplying, rounding,
/// and adding.
///
/// # Errors
/// As [`decode_dense`]; `parameters` are then unchanged.
pub fn add_scaled_dense(bytes: &[u8], parameters: &mut [f32], factor: f32) -> Result<(), Error> {
    check_dense(bytes, parameters.len())?;
    parameters.iter_mut().zip(floats(bytes)).for_each(|(parameter, value)| *parameter += factor * value);
    Ok(())
}

/// Checks length and finiteness without a copy.
pub(crate) fn check_dense(bytes: &[u8], len: usize) -> Result<(), Error> {
    same_length("payload (bytes / 4)", len, bytes.len() / BYTES)?;
    if !bytes.len().is_multiple_of(BYTES) {
        return Err(Error::Trailing { found: bytes.len() });
    }
    const STEP: usize = 1024;
    for (block, chunk) in bytes.chunks(STEP * BYTES).enumerate() {
        if let Some(error) = first_bad(floats(chunk)) {
            return Err(shifted(error, block * STEP));
        }
    }
    Ok(())
}

/// Returns the first value that is not finite. A first pass over all values without branches makes the usual case,
/// where there is none, fast.
pub(crate) fn first_bad(values: impl Iterator<Item = f32> + Clone) -> Option<Error> {
    let all_finite = values.clone().fold(true, |fine, value| fine & value.is_finite());
    if all_finite { None } else { first_non_finite("payload", values) }
}

pub(crate) fn shifted(error: Error, by: usize) -> Error {
    match error {
        Error::NonFinite { what, index, value } => Error::NonFinite { what, index: index + by, value },
        other => other,
    }
}

pub(crate) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + Clone + '_ {
    bytes.chunks_exact(BYTES).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finite_values_come_back_bit_for_bit(bits in prop::collection::vec(any::<u32>(), 0..300)) {
            let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|v| v.is_finite()).collect();
            let back = decode_dense(&encode_dense(&values), values.len()).unwrap();
            prop_assert!(back.iter().zip(&values).all(|(b, v)| b.to_bits() == v.to_bits()));
        }

        #[test]
        fn any_bytes_are_values_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), len in 0usize..60) {
            if let Ok(values) = decode_dense(&bytes, len) {
                prop_assert_eq!(values.len(), len);
                prop_assert!(values.iter().all(|v| v.is_finite()));
                prop_assert_eq!(encode_dense(&values), bytes);
            }
        }
    }

    #[test]
    fn adding_a_multiple_equals_decoding_multiplying_and_adding() {
        let values: Vec<f32> = (0..3000).map(|i| (i as f32).sin()).collect();
        let mut parameters: Vec<f32> = values.iter().rev().copied().collect();
        let expected: Vec<f32> = parameters.iter().zip(&values).map(|(p, v)| p + -0.3 * v).collect();
        add_scaled_dense(&encode_dense(&values), &mut parameters, -0.3).unwrap();
        assert_eq!(parameters, expected);
        let refused = add_scaled_dense(&encode_dense(&[1.0, f32::NAN]), &mut parameters[..2], 1.0);
        assert!(matches!(refused, Err(Error::NonFinite { what: "payload", index: 1, .. })), "{refused:?}");
        assert_eq!(parameters, expected);
    }

    #[test]
    fn a_payload_of_another_length_or_with_a_nan_is_refused() {
        assert!(matches!(decode_dense(&[0; 8], 3), Err(Error::Length { expected: 3, found: 2, .. })));
        assert!(matches!(decode_dense(&[0; 9], 2), Err(Error::Trailing { found: 9 })));
        let mut values = vec![1.0; 5000];
        values[4321] = f32::NEG_INFINITY;
        let refused = decode_dense(&encode_dense(&values), 5000).unwrap_err();
        assert_eq!(refused, Error::NonFinite { what: "payload", index: 4321, value: f32::NEG_INFINITY });
    }
}
