//! A hash for states: small integers, hashed many times per frame. Not for keys that an attacker chooses.

use std::hash::{Hash, Hasher};

/// The hash of a state; its highest bits are the best mixed.
pub(super) fn hash(state: &impl Hash) -> u64 {
    let mut hasher = StateHasher(0);
    state.hash(&mut hasher);
    hasher.0
}

/// Multiplies by an odd constant (Knuth's multiplicative hashing), after rotating, so that all bits reach the highest.
struct StateHasher(u64);

impl Hasher for StateHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(32) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
