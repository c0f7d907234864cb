//! How much of a text a lexicon knows.

use super::{Lexicon, Lookup};
use std::collections::BTreeMap;

/// The tokens of texts, counted by what the lexicon says to them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Tokens that are words of the lexicon.
    pub inside: u64,
    /// Tokens that are marks in brackets.
    pub noise: u64,
    /// Words outside the lexicon, and how often each occurs.
    pub outside: BTreeMap<String, u64>,
}

impl Coverage {
    /// Counts the tokens of a text, which blanks separate.
    pub fn add(&mut self, lexicon: &Lexicon, text: &str) {
        for token in text.split_whitespace() {
            match lexicon.look_up(token) {
                Lookup::Word(_) => self.inside += 1,
                Lookup::Noise => self.noise += 1,
                Lookup::Outside => *self.outside.entry(token.to_owned()).or_default() += 1,
            }
        }
    }

    /// Occurrences of words outside the lexicon.
    #[must_use]
    pub fn outside_tokens(&self) -> u64 {
        self.outside.values().sum()
    }

    /// Words outside the lexicon, the most frequent first and words of one frequency in their own order.
    #[must_use]
    pub fn most_frequent(&self) -> Vec<(&str, u64)> {
        let mut words: Vec<(&str, u64)> =
            self.outside.iter().map(|(word, &count)| (word.as_str(), count)).collect();
        words.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        words
    }
}
