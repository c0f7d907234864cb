//! Language models, as the search sees them.

use std::fmt::Debug;
use std::hash::Hash;

/// A language model that reads a sentence word by word. Costs are negative natural logarithms of probabilities.
pub trait WordModel {
    /// What the model knows of the words so far. Equal states have equal futures, so the search keeps only the best path to each.
    type State: Copy + Eq + Hash + Debug;

    /// Before the first word.
    fn start(&self) -> Self::State;

    /// The state after one more word, and the word's cost. An infinite cost forbids the word.
    fn advance(&self, state: Self::State, word: u32) -> (Self::State, f64);

    /// The cost of ending the sentence.
    fn finish(&self, state: Self::State) -> f64;
}

/// Every word, and the end, at the same cost.
#[derive(Clone, Copy, Debug)]
pub struct UniformModel {
    /// The cost of each word.
    pub cost: f64,
}

impl WordModel for UniformModel {
    type State = ();

    fn start(&self) {}

    fn advance(&self, (): (), _word: u32) -> ((), f64) {
        ((), self.cost)
    }

    fn finish(&self, (): ()) -> f64 {
        self.cost
    }
}

impl<M: WordModel> WordModel for &M {
    type State = M::State;

    fn start(&self) -> Self::State {
        (**self).start()
    }

    fn advance(&self, state: Self::State, word: u32) -> (Self::State, f64) {
        (**self).advance(state, word)
    }

    fn finish(&self, state: Self::State) -> f64 {
        (**self).finish(state)
    }
}
