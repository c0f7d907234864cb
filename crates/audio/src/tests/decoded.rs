//! Helpers that decode, and expected samples.

use crate::{Audio, Decoder, Error, decode};

/// Decodes, and checks that counting alone returns the same length.
pub(super) fn read(bytes: &[u8]) -> Result<Audio, Error> {
    let audio = decode(bytes.to_vec())?;
    assert_eq!(Decoder::from_bytes(bytes.to_vec())?.count_samples()?, audio.samples.len() as u64);
    Ok(audio)
}

pub(super) fn as_floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&sample| f32::from(sample)).collect()
}
