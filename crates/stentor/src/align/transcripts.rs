//! The words of the texts, as a lexicon has them.

use crate::labeled::places;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use stentor_evaluate::words::normalise;
use stentor_inventory::{Lexicon, WordId};
use stentor_shards::FeatureSet;

/// How many words are named in a message.
const NAMED: usize = 20;

/// What becomes of utterances with words that the lexicon does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum UnknownWords {
    /// They are an error that lists them.
    Error,
    /// The utterances are left out, named and counted.
    LeaveOut,
}

/// Finds the words of texts in a lexicon.
#[derive(Clone, Copy)]
pub(super) struct Transcripts<'a> {
    lexicon: &'a Lexicon,
    unknown: UnknownWords,
}

/// The words of an utterance.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transcript {
    pub(super) words: Vec<String>,
    pub(super) ids: Vec<WordId>,
}

impl<'a> Transcripts<'a> {
    pub(super) fn new(lexicon: &'a Lexicon, unknown: UnknownWords) -> Self {
        Self { lexicon, unknown }
    }

    /// The words of a text, normalised as for word error rates: notes in brackets are no words. The error is a word that the lexicon
    /// does not have.
    pub(super) fn of(&self, text: &str) -> Result<Transcript, String> {
        let words = normalise(text).words;
        let id = |word: &String| self.lexicon.id(word).ok_or_else(|| word.clone());
        Ok(Transcript { ids: words.iter().map(id).collect::<Result<_, _>>()?, words })
    }

    /// Reads the texts alone.
    ///
    /// # Errors
    /// If no utterance has a text; if the lexicon, which is in the file `path`, lacks words and that is an error.
    pub(super) async fn check(&self, set: &FeatureSet, path: &Path) -> Result<()> {
        let (mut texts, mut unknown) = (0_u64, BTreeMap::<String, u64>::new());
        for (shard, row_group) in places(&set.manifest().shards) {
            for mut row in set.rows(shard, row_group, &["text"]).await? {
                let Some(text) = row.take_option::<String>("text")? else { continue };
                texts += 1;
                let words = normalise(&text.concat()).words;
                for word in words.into_iter().filter(|word| self.lexicon.id(word).is_none()) {
                    *unknown.entry(word).or_default() += 1;
                }
            }
        }
        if texts == 0 {
            bail!(
                "{}: expected utterances with a text, found none; name a set that `stentor prepare` made of utterances with texts: \
                 `annotated`, `dev` or `test`",
                set.location()
            );
        }
        if !unknown.is_empty() && self.unknown == UnknownWords::Error {
            bail!(
                "{}: expected pronunciations of all words of {}, found none of {}; add them (deploy/aligner/lexicon.py guesses some), or \
                 leave such utterances out with --unknown-words leave-out",
                path.display(),
                set.location(),
                named(&unknown)
            );
        }
        Ok(())
    }
}

/// The most frequent words first, each with how often it occurs if that is more than once.
fn named(words: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<(&String, &u64)> = words.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let one = |(word, count): &(&String, &u64)| match count {
        1 => format!("`{word}`"),
        count => format!("`{word}` ({count})"),
    };
    let first: Vec<String> = sorted.iter().take(NAMED).map(one).collect();
    let more = match sorted.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_words_are_named_and_the_rest_is_counted() {
        let mut words: BTreeMap<String, u64> = (0..25).map(|number| (format!("w{number:02}"), 1)).collect();
        words.insert("often".to_owned(), 7);
        let named = named(&words);
        assert!(named.starts_with("`often` (7), `w00`, `w01`, "), "{named}");
        assert!(named.ends_with("`w18`, and 6 more"), "{named}");
    }
}
