//! Personal words: lists of phrases that are made more likely.

use crate::{Error, Vocabulary};
use std::collections::HashMap;
use stentor_decode::Phrase;

/// The largest boost, nats. Sums with larger ones would lose the costs of sounds.
const MOST_BOOST: f64 = 1e6;

/// Phrases of a vocabulary, compiled for the search. For all utterances or for one alone.
///
/// A list has one phrase on each line, and may have its boost in nats after a tab; below 0, the phrase is made less likely. Lines
/// that begin with `#`, and empty ones, are skipped, and so is a byte-order mark.
#[derive(Debug, Clone)]
pub struct Phrases {
    compiled: stentor_decode::Phrases,
    count: usize,
}

impl Phrases {
    /// No phrase.
    #[must_use]
    pub fn none() -> Self {
        Self { compiled: stentor_decode::Phrases::default(), count: 0 }
    }

    /// Reads a list; `boost` is for lines without a number.
    ///
    /// # Errors
    /// [`Error::Phrase`] and [`Error::PhraseWord`] with the line; [`Error::Decode`] if `boost` is not finite.
    pub fn read(text: &str, vocabulary: &Vocabulary, boost: f64) -> Result<Self, Error> {
        let labels: HashMap<&str, u32> = vocabulary.words().zip(1..).collect();
        let mut phrases = Vec::new();
        for (number, line) in lines(text) {
            let (words, boost) = match line.split_once('\t') {
                None => (line, boost),
                Some((words, number_text)) => {
                    let found = number_text.trim();
                    let value = found.parse().ok().filter(|value: &f64| value.abs() <= MOST_BOOST);
                    let bad = || Error::Phrase {
                        line: number,
                        expected: "a number of nats from -1000000 to 1000000 after the tab",
                        found: found.to_owned(),
                    };
                    (words, value.ok_or_else(bad)?)
                }
            };
            let label = |word: &str| {
                let unknown = || Error::PhraseWord { line: number, word: word.to_owned() };
                labels.get(word).copied().ok_or_else(unknown)
            };
            let words: Vec<u32> = words.split_whitespace().map(label).collect::<Result<_, _>>()?;
            if words.is_empty() {
                return Err(Error::Phrase {
                    line: number,
                    expected: "words before the tab",
                    found: line.to_owned(),
                });
            }
            phrases.push(Phrase { words, boost });
        }
        Ok(Self { compiled: stentor_decode::Phrases::new(&phrases)?, count: phrases.len() })
    }

    /// The words of a list, as [`Vocabulary::new`] needs them to let unlisted ones be recognised.
    pub fn words(text: &str) -> impl Iterator<Item = &str> {
        lines(text).flat_map(|(_, line)| line.split('\t').next().unwrap_or_default().split_whitespace())
    }

    /// Number of phrases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no phrase.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn compiled(&self) -> &stentor_decode::Phrases {
        &self.compiled
    }
}

/// The lines that count, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let counts = |(_, line): &(usize, &str)| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    // Some editors begin a file with a byte-order mark.
    (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(text).lines()).filter(counts)
}
