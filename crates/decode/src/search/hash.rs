//! A hash for states: small integers, hashed many times per frame. Not for keys that an attacker chooses.

use std::hash::{BuildHasherDefault, Hasher};

pub(super) type StateMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<StateHasher>>;

/// Multiplies by an odd constant (Knuth's multiplicative hashing) and rotates, so that both ends of the result are well mixed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StateHasher(u64);

impl Hasher for StateHasher {
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
