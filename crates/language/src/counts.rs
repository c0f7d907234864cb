//! How often each n-gram occurs in a text.

use crate::text::for_each_sentence;
use crate::{Error, MAX_ORDER, UNKNOWN, Vocabulary, WordId};
use std::collections::HashMap;
use std::io::BufRead;

/// Counts of n-grams up to an order.
///
/// A sentence `a b` of a trigram model counts `a`, `b`, `</s>`, `<s> a`, `a b`, `b </s>`, `<s> a b` and `a b </s>`: all n-grams
/// that end with a predicted word.
#[derive(Debug, Clone)]
pub struct Counts {
    vocabulary: Vocabulary,
    /// Whether new words become part of the vocabulary; otherwise they are unknown.
    is_open: bool,
    /// Of 1-grams, 2-grams and so on.
    levels: Vec<Level>,
    /// For each n the n-gram that ends with the previous word: its index in its level.
    history: Vec<u32>,
    sentences: u64,
    words: u64,
    unknown: u64,
}

/// The n-grams of one order, by index. The index of a 1-gram is that of its word.
#[derive(Debug, Clone, Default)]
pub(crate) struct Level {
    /// Each n-gram's history, as an index into the level before it; 0 for 1-grams.
    pub(crate) histories: Vec<u32>,
    /// Each n-gram's last word.
    pub(crate) words: Vec<WordId>,
    /// How often each n-gram occurs.
    pub(crate) counts: Vec<u64>,
    indices: HashMap<(u32, WordId), u32>,
}

impl Level {
    /// Number of n-grams.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// The index of an n-gram.
    pub(crate) fn find(&self, history: u32, word: WordId) -> Option<u32> {
        self.indices.get(&(history, word)).copied()
    }

    fn find_or_add(&mut self, history: u32, word: WordId) -> Result<u32, Error> {
        if let Some(index) = self.find(history, word) {
            return Ok(index);
        }
        let index = u32::try_from(self.len()).map_err(|_| Error::TooManyNgrams)?;
        self.indices.insert((history, word), index);
        self.histories.push(history);
        self.words.push(word);
        self.counts.push(0);
        Ok(index)
    }
}

impl Counts {
    /// No counts yet. Words that a text has and `vocabulary` lacks are added to it.
    ///
    /// # Errors
    /// [`Error::Order`].
    pub fn new(mut vocabulary: Vocabulary, order: usize) -> Result<Self, Error> {
        vocabulary.add(UNKNOWN)?;
        if !(1..=MAX_ORDER).contains(&order) {
            return Err(Error::Order { found: order });
        }
        let levels = vec![Level::default(); order];
        let mut counts = Self {
            vocabulary,
            is_open: true,
            levels,
            history: Vec::with_capacity(order),
            sentences: 0,
            words: 0,
            unknown: 0,
        };
        counts.add_unigrams()?;
        Ok(counts)
    }

    /// Like [`Counts::new`], but words that `vocabulary` lacks are counted as [`UNKNOWN`].
    ///
    /// # Errors
    /// [`Error::Order`].
    pub fn closed(vocabulary: Vocabulary, order: usize) -> Result<Self, Error> {
        Ok(Self { is_open: false, ..Self::new(vocabulary, order)? })
    }

    /// Counts the sentences of a text.
    ///
    /// # Errors
    /// Those of reading a text; [`Error::TooManyNgrams`].
    pub fn add_text(&mut self, text: impl BufRead) -> Result<(), Error> {
        for_each_sentence(text, |words| self.add_sentence(words))
    }

    fn add_sentence(&mut self, words: &[&str]) -> Result<(), Error> {
        self.history.clear();
        self.history.push(WordId::BEGIN.number());
        for word in words {
            let id = self.id(word)?;
            self.unknown += u64::from(Some(id) == self.vocabulary.unknown());
            self.add_word(id)?;
        }
        self.add_word(WordId::END)?;
        self.sentences += 1;
        self.words += words.len() as u64;
        Ok(())
    }

    fn id(&mut self, word: &str) -> Result<WordId, Error> {
        match self.vocabulary.id(word).or(self.vocabulary.unknown().filter(|_| !self.is_open)) {
            Some(id) => Ok(id),
            None => {
                let id = self.vocabulary.add(word)?;
                self.add_unigrams()?;
                Ok(id)
            }
        }
    }

    /// Gives new words of the vocabulary a 1-gram with the count 0.
    fn add_unigrams(&mut self) -> Result<(), Error> {
        let known = self.levels[0].len();
        for id in self.vocabulary.ids().skip(known) {
            self.levels[0].find_or_add(0, id)?;
        }
        Ok(())
    }

    /// Counts all n-grams that end with this word.
    fn add_word(&mut self, word: WordId) -> Result<(), Error> {
        let mut history = 0;
        for order in 0..self.levels.len() {
            let ngram = self.levels[order].find_or_add(history, word)?;
            self.levels[order].counts[ngram as usize] += 1;
            if order < self.history.len() {
                history = std::mem::replace(&mut self.history[order], ngram);
            } else {
                self.history.push(ngram);
                break;
            }
        }
        Ok(())
    }

    /// The words, with those that texts have added.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Length of the longest n-grams, in words.
    #[must_use]
    pub fn order(&self) -> usize {
        self.levels.len()
    }

    /// Sentences counted.
    #[must_use]
    pub fn sentences(&self) -> u64 {
        self.sentences
    }

    /// Words counted, without ends of sentences.
    #[must_use]
    pub fn words(&self) -> u64 {
        self.words
    }

    /// Words that were counted as unknown.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// The n-grams of each order, 1-grams first.
    pub(crate) fn levels(&self) -> &[Level] {
        &self.levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_counts_every_ngram_that_ends_with_a_predicted_word() {
        let mut counts = Counts::new(Vocabulary::with_unknown(), 3).unwrap();
        counts.add_text("a b\n\n a  b\r\n".as_bytes()).unwrap();
        let total = |level: &Level| level.counts.iter().sum::<u64>();
        assert_eq!(counts.levels().iter().map(total).collect::<Vec<_>>(), [6, 6, 4]);
        assert_eq!(counts.levels().iter().map(Level::len).collect::<Vec<_>>(), [5, 3, 2]);
        assert_eq!((counts.sentences(), counts.words(), counts.unknown()), (2, 4, 0));
    }

    #[test]
    fn words_outside_a_closed_vocabulary_are_unknown() {
        let vocabulary = Vocabulary::read("a\n".as_bytes()).unwrap();
        let mut counts = Counts::closed(vocabulary, 2).unwrap();
        counts.add_text("a b c\n".as_bytes()).unwrap();
        assert_eq!((counts.vocabulary().len(), counts.unknown()), (4, 2));
    }

    #[test]
    fn an_empty_text_other_bytes_than_utf8_and_boundaries_in_a_text_are_refused_by_name() {
        let mut counts = Counts::new(Vocabulary::with_unknown(), 2).unwrap();
        assert!(matches!(counts.add_text(" \n\n".as_bytes()), Err(Error::EmptyText)));
        assert!(matches!(counts.add_text(&b"a\nb \xff\n"[..]), Err(Error::NotUtf8 { line: 2 })));
        let wrapped = counts.add_text("a\n<s> a </s>\n".as_bytes());
        assert!(matches!(wrapped, Err(Error::ReservedWord { line: 2, word }) if word == "<s>"));
        let long = vec![b'a'; crate::MAX_LINE_BYTES + 1];
        assert!(matches!(counts.add_text(&long[..]), Err(Error::LineTooLong { line: 1 })));
        assert!(matches!(Counts::new(Vocabulary::with_unknown(), 0), Err(Error::Order { found: 0 })));
    }
}
