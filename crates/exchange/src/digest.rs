//! Digests that detect differences between replicas. Not cryptographic: they detect faults, not forgery.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Returns XXH3 (64 bits) of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// [`digest`] of bytes that arrive in parts.
#[derive(Clone, Default)]
pub struct Digest(Xxh3);

impl Digest {
    /// Adds the next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// Returns the digest of all parts.
    #[must_use]
    pub fn finish(&self) -> u64 {
        self.0.digest()
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({:016x})", self.finish())
    }
}

/// Returns the [`digest`] of the values' little-endian bytes, without copying them.
#[must_use]
pub fn digest_f32(values: &[f32]) -> u64 {
    const STEP: usize = 2048;
    let mut hasher = Xxh3::new();
    let mut bytes = [0u8; STEP * 4];
    for chunk in values.chunks(STEP) {
        for (four, value) in bytes.chunks_exact_mut(4).zip(chunk) {
            four.copy_from_slice(&value.to_le_bytes());
        }
        hasher.update(&bytes[..chunk.len() * 4]);
    }
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode_dense;

    #[test]
    fn values_and_their_bytes_have_the_same_digest_and_a_flipped_bit_changes_it() {
        for len in [0, 1, 59, 2047, 2048, 2049, 10_000] {
            let mut values: Vec<f32> = (0..len).map(|i| (i as f32).sin()).collect();
            let digest_before = digest_f32(&values);
            assert_eq!(digest_before, digest(&encode_dense(&values)), "{len} values");
            if let Some(last) = values.last_mut() {
                *last = f32::from_bits(last.to_bits() ^ 1);
                assert_ne!(digest_f32(&values), digest_before, "{len} values");
            }
        }
    }
}
