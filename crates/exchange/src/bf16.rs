//! Dense payloads in bfloat16: `values × 2` bytes, little-endian; a bfloat16 is the upper half of an `f32`.

use crate::dense::{first_bad, shifted};
use crate::error::{Error, first_non_finite, same_length};
use rayon::prelude::*;

pub(crate) const BYTES: usize = 2;

/// The largest finite magnitude, as bits.
const LARGEST: u32 = 0x7f7f;

/// Number of values in one task.
const CHUNK: usize = 1 << 15;

/// Encodes `residual + values` as bfloat16, rounded to nearest even, and writes the rounding error to `next_residual`.
///
/// Bit for bit, the sent value plus the next residual is `fl(residual + values)` (except for a zero's sign). For a sum
/// beyond the largest bfloat16, the largest is sent and the rest kept. As with GTC, a worker adopts `next_residual`
/// only when an update names it as a contributor.
///
/// # Errors
/// [`Error::Length`], and [`Error::NonFinite`] with the first index at which `residual + values` is not finite;
/// `next_residual` is then unspecified.
pub fn encode_bf16(values: &[f32], residual: &[f32], next_residual: &mut [f32]) -> Result<Vec<u8>, Error> {
    same_length("residual", values.len(), residual.len())?;
    same_length("next residual", values.len(), next_residual.len())?;
    let mut bytes = vec![0; values.len() * BYTES];
    let tasks = (
        values.par_chunks(CHUNK),
        residual.par_chunks(CHUNK),
        next_residual.par_chunks_mut(CHUNK),
        bytes.par_chunks_mut(CHUNK * BYTES),
    );
    let all_finite = tasks
        .into_par_iter()
        .map(|(values, residual, next, out)| {
            let mut finite = true;
            let places = next.iter_mut().zip(out.as_chunks_mut::<BYTES>().0);
            for ((&value, &kept), (next, out)) in values.iter().zip(residual).zip(places) {
                let sum = kept + value;
                let sent = nearest(sum);
                finite &= sum.is_finite();
                // Exact: the difference is a multiple of the sum's last place, and less than 2¹⁶ times it.
                *next = sum - widened(sent);
                *out = sent.to_le_bytes();
            }
            finite
        })
        .reduce(|| true, |a, b| a & b);
    if !all_finite {
        let sums = residual.iter().zip(values).map(|(r, v)| r + v);
        if let Some(error) = first_non_finite("residual + update", sums) {
            return Err(error);
        }
    }
    Ok(bytes)
}

/// Returns the `len` values of a bfloat16 payload.
///
/// # Errors
/// [`Error::Length`] if the payload does not have `2 × len` bytes, [`Error::NonFinite`].
pub fn decode_bf16(bytes: &[u8], len: usize) -> Result<Vec<f32>, Error> {
    check_bf16(bytes, len)?;
    Ok(floats(bytes).collect())
}

/// Checks length and finiteness without a copy.
pub(crate) fn check_bf16(bytes: &[u8], len: usize) -> Result<(), Error> {
    same_length("payload (bytes / 2)", len, bytes.len() / BYTES)?;
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

pub(crate) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + Clone + '_ {
    bytes.as_chunks::<BYTES>().0.iter().map(|&two| widened(u16::from_le_bytes(two)))
}

/// Returns the bfloat16 nearest to a finite value, ties to even; the largest one in place of an infinity.
#[inline(always)]
fn nearest(value: f32) -> u16 {
    let bits = value.to_bits();
    let (sign, magnitude) = (bits >> 31, bits & 0x7fff_ffff);
    let rounded = (magnitude + 0x7fff + (magnitude >> 16 & 1)) >> 16;
    (sign << 15 | rounded.min(LARGEST)) as u16
}

#[inline(always)]
fn widened(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finite() -> impl Strategy<Value = f32> {
        prop_oneof![any::<f32>().prop_filter("finite", |v| v.is_finite()), -2f32..2.0, Just(-0.0f32)]
    }

    proptest! {
        #[test]
        fn sent_plus_residual_is_the_sum_bit_for_bit(
            pairs in prop::collection::vec((finite(), finite()), 0..200),
        ) {
            let fits = |&(v, r): &(f32, f32)| (v + r).is_finite();
            let (values, residual): (Vec<f32>, Vec<f32>) = pairs.into_iter().filter(fits).unzip();
            let mut next = vec![f32::NAN; values.len()];
            let sent = decode_bf16(&encode_bf16(&values, &residual, &mut next).unwrap(), values.len()).unwrap();
            for index in 0..values.len() {
                let sum = residual[index] + values[index];
                let together = sent[index] + next[index];
                prop_assert!(together.to_bits() == sum.to_bits() || sum == 0.0, "{together} {sum}");
                prop_assert_eq!(f64::from(sent[index]) + f64::from(next[index]), f64::from(sum));
                // Half a unit of 8 bits, or of the smallest numbers; larger only beyond the largest bfloat16.
                let bound = (f64::from(sum).abs() / 256.0).max(2f64.powi(-134));
                prop_assert!(f64::from(next[index]).abs() <= bound, "{} of {sum}", next[index]);
            }
        }

        #[test]
        fn any_bytes_are_values_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..99), len in 0usize..60) {
            if let Ok(values) = decode_bf16(&bytes, len) {
                prop_assert!(values.len() == len && values.iter().all(|v| v.is_finite()));
                let mut next = vec![1.0; len];
                prop_assert_eq!(encode_bf16(&values, &vec![-0.0; len], &mut next).unwrap(), bytes);
                prop_assert!(next.iter().all(|&left| left == 0.0), "bfloat16 values are encoded without rounding");
            }
        }

        #[test]
        fn over_blocks_only_the_rounding_of_sums_is_lost(moves in prop::collection::vec(-1f32..1.0, 1..60)) {
            let (mut residual, mut next) = ([0f32], [0f32]);
            let (mut sent, mut given) = (0f64, 0f64);
            for &moved in &moves {
                let payload = encode_bf16(&[moved], &residual, &mut next).unwrap();
                sent += f64::from(decode_bf16(&payload, 1).unwrap()[0]);
                given += f64::from(moved);
                residual = next;
            }
            let gap = (sent + f64::from(residual[0]) - given).abs();
            prop_assert!(gap <= moves.len() as f64 * 2f64.powi(-23), "{gap}");
        }
    }

    #[test]
    fn ties_go_to_even_and_larger_values_become_the_largest() {
        let sent = |value: f32| widened(nearest(value));
        let unit = 2f32.powi(-7);
        assert_eq!((sent(1.0 + unit / 2.0), sent(1.0 + unit * 1.5)), (1.0, 1.0 + 2.0 * unit));
        assert_eq!(sent(-0.0).to_bits(), (-0.0f32).to_bits());
        let (mut next, largest) = ([0.0], widened(LARGEST as u16));
        let payload = encode_bf16(&[-f32::MAX], &[0.0], &mut next).unwrap();
        assert_eq!(decode_bf16(&payload, 1).unwrap(), [-largest]);
        assert_eq!(next, [largest - f32::MAX]);
    }

    #[test]
    fn a_sum_or_payload_that_is_not_finite_is_an_error_with_its_index() {
        let (mut values, mut next) = (vec![1.0; 70_000], vec![0.0; 70_000]);
        values[65_432] = f32::NAN;
        let refused = encode_bf16(&values, &vec![0.0; 70_000], &mut next).unwrap_err();
        assert!(matches!(refused, Error::NonFinite { index: 65_432, .. }), "{refused}");
        let mut bytes = vec![0; 9000];
        bytes[4321 * 2..4321 * 2 + 2].copy_from_slice(&0xff80u16.to_le_bytes());
        let infinite = Error::NonFinite { what: "payload", index: 4321, value: f32::NEG_INFINITY };
        assert_eq!(decode_bf16(&bytes, 4500), Err(infinite));
        assert!(matches!(decode_bf16(&[0; 8], 3), Err(Error::Length { expected: 3, found: 4, .. })));
        assert!(matches!(decode_bf16(&[0; 9], 4), Err(Error::Trailing { found: 9 })));
        assert!(matches!(encode_bf16(&[0.0], &[], &mut [0.0]), Err(Error::Length { .. })));
    }
}
