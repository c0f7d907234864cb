//! The words of a model.

use crate::Error;
use crate::lines::Lines;
use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;

/// The word before the first word of a sentence.
pub const BEGIN: &str = "<s>";
/// The word after the last word of a sentence.
pub const END: &str = "</s>";
/// The word that stands for all words outside the vocabulary.
pub const UNKNOWN: &str = "<unk>";

/// The id of a word: its place in a [`Vocabulary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WordId(u32);

impl WordId {
    /// The id of [`BEGIN`] in every vocabulary.
    pub const BEGIN: Self = Self(0);
    /// The id of [`END`] in every vocabulary.
    pub const END: Self = Self(1);

    /// The place, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The id as a number.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// The words of a model in the order of their ids. Contains [`BEGIN`] and [`END`] always, and [`UNKNOWN`] unless an ARPA file
/// lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, WordId>,
}

impl Vocabulary {
    /// [`BEGIN`] and [`END`] only.
    pub(crate) fn boundaries() -> Self {
        let words = [BEGIN, END].map(Arc::from).to_vec();
        let ids = words.iter().cloned().zip([WordId::BEGIN, WordId::END]).collect();
        Self { words, ids }
    }

    /// [`BEGIN`], [`END`] and [`UNKNOWN`] only.
    #[must_use]
    pub fn with_unknown() -> Self {
        let mut vocabulary = Self::boundaries();
        // The third of 2^32 words.
        let _ = vocabulary.add(UNKNOWN);
        vocabulary
    }

    /// The words of a list with one word on each line, and [`BEGIN`], [`END`] and [`UNKNOWN`], which the list may contain.
    ///
    /// # Errors
    /// Those of reading lines; [`Error::NotAWord`], [`Error::RepeatedWord`], [`Error::EmptyVocabulary`].
    pub fn read(list: impl BufRead) -> Result<Self, Error> {
        let mut vocabulary = Self::with_unknown();
        let special = vocabulary.len();
        let mut lines = Lines::new(list);
        let mut number = 0;
        while let Some(word) = lines.next()? {
            number += 1;
            if word.contains(|letter: char| letter.is_ascii_whitespace()) {
                return Err(Error::NotAWord { line: number, found: word.to_owned() });
            }
            if word.is_empty() || [BEGIN, END, UNKNOWN].contains(&word) {
                continue;
            }
            if vocabulary.id(word).is_some() {
                return Err(Error::RepeatedWord { line: number, word: word.to_owned() });
            }
            vocabulary.add(word)?;
        }
        if vocabulary.len() == special { Err(Error::EmptyVocabulary) } else { Ok(vocabulary) }
    }

    /// The id of a word, which is added if it is new.
    ///
    /// # Errors
    /// [`Error::TooManyNgrams`] beyond 2^32 − 2 words.
    pub fn add(&mut self, word: &str) -> Result<WordId, Error> {
        if let Some(&id) = self.ids.get(word) {
            return Ok(id);
        }
        let number = u32::try_from(self.words.len()).ok().filter(|&number| number < u32::MAX - 1);
        let id = WordId(number.ok_or(Error::TooManyNgrams)?);
        let word: Arc<str> = Arc::from(word);
        self.words.push(Arc::clone(&word));
        self.ids.insert(word, id);
        Ok(id)
    }

    /// The id of a word; none if it is not in the vocabulary.
    #[must_use]
    pub fn id(&self, word: &str) -> Option<WordId> {
        self.ids.get(word).copied()
    }

    /// The id of [`UNKNOWN`].
    #[must_use]
    pub fn unknown(&self) -> Option<WordId> {
        self.id(UNKNOWN)
    }

    /// The word of an id.
    ///
    /// # Panics
    /// If the id belongs to a larger vocabulary.
    #[must_use]
    pub fn word(&self, id: WordId) -> &str {
        &self.words[id.index()]
    }

    /// All ids in order, with [`BEGIN`].
    pub fn ids(&self) -> impl ExactSizeIterator<Item = WordId> + use<> {
        // Ids are below 2^32.
        (0..self.words.len() as u32).map(WordId)
    }

    /// Number of words that a model predicts: all but [`BEGIN`].
    #[must_use]
    pub fn predicted(&self) -> usize {
        self.words.len() - 1
    }

    /// Number of words, with [`BEGIN`].
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it always contains the boundaries")]
    pub fn len(&self) -> usize {
        self.words.len()
    }
}
