//! Words and their pronunciations.

mod coverage;
mod error;
mod line;
mod read;
mod silence;

pub use coverage::Coverage;
pub use error::LexiconError;
pub use line::LexiconFormat;
pub use read::{Case, MAX_WORDS, Normalise, ReadLexicon, Stress, UnknownPhones};
pub use silence::OptionalSilence;

use crate::{PhoneId, PhoneTable, WordId};
use std::collections::HashMap;

/// One way to say a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Pronunciation {
    /// At least one phone.
    pub phones: Vec<PhoneId>,
    /// Above 0 and at most 1, normalised over the word's pronunciations as [`Normalise`] says.
    pub probability: f64,
}

/// A word with all its pronunciations in the order of the file.
#[derive(Debug, Clone, PartialEq)]
struct Word {
    name: String,
    pronunciations: Vec<Pronunciation>,
}

/// What a token of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// A word of the lexicon.
    Word(WordId),
    /// Not a word of the lexicon but a mark in brackets, such as `[laughter]` or `<unk>`: it is said as the noise phone.
    Noise,
    /// A word outside the lexicon.
    Outside,
}

/// What a reader left out of a lexicon, because it has phones that the phone set does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Words without another pronunciation, in the order of the file.
    pub words: Vec<String>,
    /// Pronunciations of words that have others.
    pub pronunciations: usize,
}

/// Words, their ids and their pronunciations over a table of phones. [`ReadLexicon`] reads one.
#[derive(Debug, Clone, PartialEq)]
pub struct Lexicon {
    phones: PhoneTable,
    words: Vec<Word>,
    ids: HashMap<String, WordId>,
    case: Case,
    merged: usize,
    left_out: LeftOut,
}

impl Lexicon {
    /// The phones of the pronunciations.
    #[must_use]
    pub fn phones(&self) -> &PhoneTable {
        &self.phones
    }

    /// Number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Pronunciations that were merged with an equal one of the same word: those that differed only in stress when stress is
    /// stripped, and lines that the CMU dictionary has twice.
    #[must_use]
    pub fn merged(&self) -> usize {
        self.merged
    }

    /// What was left out because of unknown phones; nothing unless [`UnknownPhones::LeaveOut`] was asked for.
    #[must_use]
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// All words in the order of ids, with their pronunciations.
    pub fn words(&self) -> impl ExactSizeIterator<Item = (WordId, &str, &[Pronunciation])> {
        // At most `MAX_WORDS`, by construction.
        let ids = (0..self.words.len() as u32).map(WordId::new);
        ids.zip(&self.words).map(|(id, word)| (id, word.name.as_str(), word.pronunciations.as_slice()))
    }

    /// The id of a word; none for a word outside the lexicon.
    #[must_use]
    pub fn id(&self, word: &str) -> Option<WordId> {
        self.ids.get(self.case.of(word).as_ref()).copied()
    }

    /// The word of an id; none beyond the last one.
    #[must_use]
    pub fn name(&self, word: WordId) -> Option<&str> {
        self.words.get(word.index()).map(|word| word.name.as_str())
    }

    /// The pronunciations of a word in the order of the file; none beyond the last word.
    #[must_use]
    pub fn pronunciations(&self, word: WordId) -> &[Pronunciation] {
        self.words.get(word.index()).map_or(&[], |word| &word.pronunciations)
    }

    /// What a token of a text is: a word, a mark in brackets, or outside the lexicon.
    #[must_use]
    pub fn look_up(&self, token: &str) -> Lookup {
        match self.id(token) {
            Some(word) => Lookup::Word(word),
            None if is_bracketed(token) => Lookup::Noise,
            None => Lookup::Outside,
        }
    }
}

/// Whether a token is a mark for a sound that is not a word: `[noise]`, `<unk>`, `(breath)`, `{cough}` or `+UH+`.
fn is_bracketed(token: &str) -> bool {
    const PAIRS: [(char, char); 5] = [('[', ']'), ('<', '>'), ('(', ')'), ('{', '}'), ('+', '+')];
    token.len() > 2
        && PAIRS.into_iter().any(|(open, close)| token.starts_with(open) && token.ends_with(close))
}

#[cfg(test)]
mod tests;
