//! The words that can be recognised.

use crate::Error;
use stentor_inventory::Lexicon;
use stentor_language::{BEGIN, END, Model, WordId};

/// The words that both a lexicon and a language model have. A word's label is its place here plus 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    words: Vec<Entry>,
    without_probability: u64,
    without_pronunciation: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// The word in the language model.
    pub(crate) model: WordId,
    /// The phones of each pronunciation, by name, with its cost.
    pub(crate) pronunciations: Vec<(Vec<String>, f64)>,
}

impl Vocabulary {
    /// Joins a lexicon and a language model. Words are compared as they are written. The words of `unlisted` that have a
    /// pronunciation but no probability get the probability of unknown words, if the model has one: these are words that a
    /// person asks for.
    ///
    /// # Errors
    /// [`Error::NoWords`] if they have no word in common.
    pub fn new<'a>(
        lexicon: &Lexicon,
        model: &Model,
        unlisted: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let known = model.vocabulary();
        let asked: std::collections::BTreeSet<&str> = unlisted.into_iter().collect();
        let mut words = Vec::new();
        let mut without_probability = 0;
        for (_, name, pronunciations) in lexicon.words() {
            let is_asked = asked.contains(name);
            let listed = known.id(name).filter(|_| ![BEGIN, END].contains(&name));
            let Some(model) = listed.or_else(|| known.unknown().filter(|_| is_asked)) else {
                without_probability += 1;
                continue;
            };
            let phones = |said: &stentor_inventory::Pronunciation| {
                let names = said.phones.iter().filter_map(|phone| lexicon.phones().name(*phone));
                (names.map(str::to_owned).collect(), -said.probability.ln())
            };
            let pronunciations = pronunciations.iter().map(phones).collect();
            words.push(Entry { name: name.to_owned(), model, pronunciations });
        }
        if words.is_empty() {
            let first = |name: Option<&str>| name.unwrap_or_default().to_owned();
            let of_model = known.ids().map(|id| known.word(id)).find(|name| !name.starts_with('<'));
            return Err(Error::NoWords {
                lexicon: first(lexicon.words().next().map(|(_, name, _)| name)),
                model: first(of_model),
            });
        }
        let without_pronunciation = known
            .ids()
            .filter(|id| {
                let name = known.word(*id);
                ![BEGIN, END].contains(&name) && Some(*id) != known.unknown() && lexicon.id(name).is_none()
            })
            .count() as u64;
        Ok(Self { words, without_probability, without_pronunciation })
    }

    /// Number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Always false: a vocabulary has a word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Words of the lexicon that the language model does not have, so that they are never recognised.
    #[must_use]
    pub fn without_probability(&self) -> u64 {
        self.without_probability
    }

    /// Words of the language model that the lexicon does not have, so that they are never recognised.
    #[must_use]
    pub fn without_pronunciation(&self) -> u64 {
        self.without_pronunciation
    }

    /// All words in the order of labels.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter().map(|entry| entry.name.as_str())
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.words
    }
}
