//! Finds the token of a state.

use super::hash::hash;
use std::hash::Hash;

/// A table of tokens: by the numbers of their states where these have numbers, otherwise by a hash of the states, with linear
/// probing. States lie beside the tokens' costs, so the table has token numbers alone.
#[derive(Debug)]
pub(super) struct StateIndex {
    /// For each number a token's number plus 1, or 0.
    numbered: Vec<u32>,
    /// A token's number plus 1, or 0. The length is a power of two, and at least twice the number of tokens.
    slots: Vec<u32>,
    /// By how much a hash is shifted to give a slot.
    shift: u32,
}

const SMALLEST: usize = 1 << 10;

impl StateIndex {
    pub(super) fn new() -> Self {
        Self { numbered: Vec::new(), slots: vec![0; SMALLEST], shift: 64 - SMALLEST.trailing_zeros() }
    }

    /// Forgets all tokens, which have these states; `number` gives a state's number, if states have any.
    pub(super) fn clear<S: Copy>(&mut self, states: &[S], number: impl Fn(S) -> Option<usize>) {
        let mut is_hashed = false;
        for &state in states {
            match number(state) {
                Some(number) => self.numbered[number] = 0,
                None => is_hashed = true,
            }
        }
        if is_hashed {
            self.slots.fill(0);
        }
    }

    /// How many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<u32>() * (self.numbered.capacity() + self.slots.capacity())
    }

    /// The token of `state`, where `states` has those of all tokens, and `number` is its number if states have any. If there is no
    /// token yet, the state is added.
    #[inline]
    pub(super) fn find<S: Copy + Eq + Hash>(
        &mut self,
        states: &mut Vec<S>,
        state: S,
        number: Option<usize>,
    ) -> u32 {
        let Some(number) = number else { return self.find_hashed(states, state) };
        if number >= self.numbered.len() {
            self.numbered.resize((number + 1).next_power_of_two(), 0);
        }
        let token = &mut self.numbered[number];
        if *token == 0 {
            states.push(state);
            *token = states.len() as u32;
        }
        *token - 1
    }

    #[inline]
    fn find_hashed<S: Copy + Eq + Hash>(&mut self, states: &mut Vec<S>, state: S) -> u32 {
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
        fn a_state_has_one_token_however_many_there_are(
            given in prop::collection::vec(0..3_000u32, 0..6_000), is_numbered in any::<bool>(),
        ) {
            let number = |state: u32| is_numbered.then_some(state as usize);
            let mut index = StateIndex::new();
            for _ in 0..2 {
                let mut states = Vec::new();
                for &state in &given {
                    let before = states.len();
                    let token = index.find(&mut states, state, number(state)) as usize;
                    prop_assert_eq!(states[token], state);
                    prop_assert_eq!(states.len() > before, token == before);
                }
                let mut distinct = given.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(states.len(), distinct.len());
                index.clear(&states, number);
            }
        }
    }
}
