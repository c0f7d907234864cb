//! Finds the token of a state.

use super::hash::hash;
use std::hash::Hash;

/// A hash table of tokens, by linear probing. States lie beside the tokens' costs, so the table has token numbers alone.
#[derive(Debug)]
pub(super) struct StateIndex {
    /// A token's number plus 1, or 0. The length is a power of two, and at least twice the number of tokens.
    slots: Vec<u32>,
    /// By how much a hash is shifted to give a slot.
    shift: u32,
}

const SMALLEST: usize = 1 << 10;

impl StateIndex {
    pub(super) fn new() -> Self {
        Self { slots: vec![0; SMALLEST], shift: 64 - SMALLEST.trailing_zeros() }
    }

    /// Forgets all tokens.
    pub(super) fn clear(&mut self) {
        self.slots.fill(0);
    }

    /// The token of `state`, where `states` has those of all tokens. If there is none yet, the state is added.
    pub(super) fn find<S: Copy + Eq + Hash>(&mut self, states: &mut Vec<S>, state: S) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = (hash(&state) >> self.shift) as usize;
        loop {
            match self.slots[at] {
                0 => break,
                token if states[token as usize - 1] == state => return token - 1,
                _ => at = (at + 1) & mask,
            }
        }
        let token = states.len() as u32;
        states.push(state);
        self.slots[at] = token + 1;
        if 2 * states.len() > self.slots.len() {
            self.grow(states);
        }
        token
    }

    fn grow<S: Hash>(&mut self, states: &[S]) {
        let length = 2 * self.slots.len();
        self.slots.clear();
        self.slots.resize(length, 0);
        self.shift -= 1;
        for (state, token) in states.iter().zip(1..) {
            let mut at = (hash(state) >> self.shift) as usize;
            while self.slots[at] != 0 {
                at = (at + 1) & (length - 1);
            }
            self.slots[at] = token;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_state_has_one_token_however_many_there_are(given in prop::collection::vec(0..3_000u32, 0..6_000)) {
            let mut index = StateIndex::new();
            for _ in 0..2 {
                let mut states = Vec::new();
                for &state in &given {
                    let before = states.len();
                    let token = index.find(&mut states, state) as usize;
                    prop_assert_eq!(states[token], state);
                    prop_assert_eq!(states.len() > before, token == before);
                }
                let mut distinct = given.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(states.len(), distinct.len());
                index.clear();
            }
        }
    }
}
