//! The texts of a prepared corpus that do not belong to its held-out groups: what a language model may be estimated from.

use crate::Error;
use crate::decide::set::{Set, SplitBy};
use crate::features::group_of;
use crate::output::SPLIT;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use stentor_audio::{DataDirectory, Utterance};

/// The keys of `split.json` that are used here.
#[derive(Debug, Deserialize)]
struct Record {
    by: SplitBy,
    sets: BTreeMap<Set, RecordedSet>,
}

#[derive(Debug, Deserialize)]
struct RecordedSet {
    /// `null` for a set without utterances.
    groups: Option<BTreeSet<String>>,
}

/// Texts of a corpus outside the groups of dev and test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrainingTexts {
    /// Utterances and their texts as the corpus has them, in its order.
    pub texts: Vec<(String, String)>,
    /// Utterances with texts that were left out, because their group is held out. Those that are in no set, for example
    /// because they could not be aligned, are among them.
    pub held_out: u64,
    /// Utterances with texts that were left out, because their group is in the fold that is left out.
    pub other_fold: u64,
    /// Utterances of other groups that have no text.
    pub without_text: u64,
}

/// One of several folds of the groups of a corpus.
///
/// A model of words that refines labels of an utterance must not have been estimated from what was said in it. With N folds
/// there are N such models, each estimated without the groups of one fold and used for these alone (cross-fitting).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// Its number, from 1 to `of`.
    pub number: usize,
    /// The number of folds.
    pub of: usize,
}

impl Fold {
    fn contains(self, group: &str) -> bool {
        fold(group, self.of) + 1 == self.number
    }
}

impl std::str::FromStr for Fold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('/')
            .and_then(|(number, of)| Some(Fold { number: number.parse().ok()?, of: of.parse().ok()? }));
        match parsed {
            Some(fold) if (1..=fold.of).contains(&fold.number) && fold.of > 1 => Ok(fold),
            _ => Err("expected K/N, fold K of N, with N of at least 2 and K from 1 to N".to_owned()),
        }
    }
}

/// The fold of a group among `folds`, counted from 0. It depends on the group's name alone.
#[must_use]
pub fn fold(group: &str, folds: usize) -> usize {
    let hash = blake3::hash(group.as_bytes());
    let number = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    (number % folds.max(1) as u64) as usize
}

/// Reads the texts of the data directory `corpus` and leaves out all groups of which [`crate::prepare`] put an utterance into
/// dev or test when it made the folder `prepared`; and the groups of the fold `without`.
///
/// # Errors
/// [`Error::Split`] without a record of the split, or if a held-out group does not exist in the corpus; a corpus that cannot
/// be read.
pub fn training_texts(corpus: &Path, prepared: &Path, without: Option<Fold>) -> Result<TrainingTexts, Error> {
    let path = prepared.join(SPLIT);
    let wrong = |what: String| Error::Split { path: path.display().to_string(), what };
    let text = std::fs::read(&path).map_err(Error::io(format!("read {}", path.display())))?;
    let record: Record = serde_json::from_slice(&text).map_err(|error| {
        wrong(format!("expected the record of a split, as `stentor prepare` writes it: {error}"))
    })?;
    let data = DataDirectory::read(corpus)?;
    let name = |utterance: &Utterance| record.by.name(utterance).unwrap_or(&utterance.id).to_owned();
    let held_out: BTreeSet<String> = record
        .sets
        .into_iter()
        .filter(|(set, _)| set.is_held_out())
        .flat_map(|(_, recorded)| recorded.groups.unwrap_or_default())
        .collect();
    let known: BTreeSet<String> = data.utterances.iter().map(name).collect();
    // With other names nothing would be left out, and the test set would be part of the texts.
    if let Some(unknown) = held_out.difference(&known).next() {
        let by = record.by;
        let corpus = corpus.display();
        return Err(wrong(format!(
            "the {by} `{unknown}` is held out, and {corpus} has none of this name: name its corpus"
        )));
    }
    let mut found = TrainingTexts::default();
    for utterance in &data.utterances {
        match (&utterance.text, held_out.contains(&name(utterance))) {
            (Some(_), true) => found.held_out += 1,
            (Some(_), false) if without.is_some_and(|fold| fold.contains(group_of(utterance))) => {
                found.other_fold += 1;
            }
            (Some(text), false) => found.texts.push((utterance.id.clone(), text.clone())),
            (None, false) => found.without_text += 1,
            (None, true) => {}
        }
    }
    Ok(found)
}
