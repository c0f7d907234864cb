//! The language model as the search sees it.

use std::f64::consts::LN_10;
use std::sync::Arc;
use stentor_decode::WordModel;
use stentor_language::{Model, State, WordId};

/// Costs of words in nats: −ln of the language model's probability, and a penalty for each word.
#[derive(Debug)]
pub(crate) struct WordCosts {
    model: Arc<Model>,
    /// The word of each label, from label 1.
    words: Arc<[WordId]>,
    penalty: f64,
}

impl WordCosts {
    pub(crate) fn new(model: Arc<Model>, words: Arc<[WordId]>, penalty: f64) -> Self {
        Self { model, words, penalty }
    }

    pub(crate) fn with_penalty(&self, penalty: f64) -> Self {
        Self { model: Arc::clone(&self.model), words: Arc::clone(&self.words), penalty }
    }

    /// What a word costs without history and penalty: the estimate for looking ahead.
    pub(crate) fn alone(&self, word: u32) -> f64 {
        -LN_10 * self.model.advance(self.model.empty(), self.words[word as usize - 1]).1
    }
}

impl WordModel for WordCosts {
    type State = State;

    fn start(&self) -> State {
        self.model.start()
    }

    fn advance(&self, state: State, word: u32) -> (State, f64) {
        let (next, log_prob) = self.model.advance(state, self.words[word as usize - 1]);
        (next, self.penalty - LN_10 * log_prob)
    }

    fn finish(&self, state: State) -> f64 {
        -LN_10 * self.model.finish(state)
    }
}
