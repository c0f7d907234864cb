//! What words are recognised with, joined; and which words that can be.

use super::texts::Texts;
use crate::in_file;
use crate::material::{WordFiles, is_small, phones};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use stentor_evaluate::words::{Scored, normalise};
use stentor_evaluate::{PerplexityFigures, VocabularyFigures};
use stentor_inventory::LeftOut;
use stentor_language::{Model, perplexity};
use stentor_recogniser::{Phrases, Recogniser, Settings, Vocabulary};
use stentor_shards::FeatureSet;

/// A recogniser, and what was known when it was made.
pub(super) struct Parts {
    pub(super) recogniser: Recogniser,
    /// Phrases that are boosted; `None` without any.
    pub(super) phrases: Option<Phrases>,
    pub(super) known: Known,
}

/// The words that can be recognised.
pub(super) struct Known {
    vocabulary: Vocabulary,
    left_out: LeftOut,
    perplexity: Option<PerplexityFigures>,
}

impl Parts {
    /// Joins lexicon, language model, senones and settings with statistics, for a set with these texts. `phrases` is the file of a
    /// list.
    pub(super) async fn new(
        set: &FeatureSet,
        texts: &Texts,
        words: &WordFiles,
        settings: Settings,
        phrases: Option<&Path>,
    ) -> Result<Self> {
        let list = phrases
            .map(|path| in_file::text(path, "a list of phrases (--phrases)"))
            .transpose()?
            .unwrap_or_default();
        let (lexicon, language) = words.read(&set.manifest().senones)?;
        let both = || format!("{} and {}", words.lexicon.path.display(), words.lm.display());
        let vocabulary = Vocabulary::new(&lexicon, &language, Phrases::words(&list)).with_context(both)?;
        let of_list = || phrases.map_or_else(String::new, |path| path.display().to_string());
        let phrases = Phrases::read(&list, &vocabulary, settings.boost).with_context(of_list)?;
        let Some(statistics) = &settings.statistics else {
            bail!("expected counts of aligned speech, found none")
        };
        let phones = phones(set, statistics, settings.transition_scale).await?;
        let priors = statistics.log_priors()?;
        let perplexity = measured(&language, texts)?;
        let recogniser = Recogniser::new(&vocabulary, language, &phones, &priors, settings)?;
        Ok(Self {
            recogniser,
            phrases: (!phrases.is_empty()).then_some(phrases),
            known: Known { vocabulary, left_out: lexicon.left_out().clone(), perplexity },
        })
    }
}

impl Known {
    /// The language model's perplexity on the texts; `None` if these have no words.
    pub(super) fn perplexity(&self) -> Option<PerplexityFigures> {
        self.perplexity
    }

    /// The counts of the vocabulary.
    pub(super) fn figures(&self) -> VocabularyFigures {
        VocabularyFigures {
            words: self.vocabulary.len() as u64,
            without_probability: self.vocabulary.without_probability(),
            without_pronunciation: self.vocabulary.without_pronunciation(),
            left_out: self.left_out.words.len() as u64,
            left_out_words: self.left_out.words.clone(),
            left_out_pronunciations: self.left_out.pronunciations as u64,
        }
    }

    /// The words of the references that cannot be recognised, as they are compared, with the number of times that each occurs.
    pub(super) fn unknown(&self, scored: &Scored) -> BTreeMap<String, u64> {
        let known: HashSet<String> = self.vocabulary.words().flat_map(|word| normalise(word).words).collect();
        let mut unknown = BTreeMap::new();
        for word in scored.utterances.iter().flat_map(|utterance| &utterance.reference) {
            if !known.contains(word) {
                *unknown.entry(word.clone()).or_default() += 1;
            }
        }
        unknown
    }
}

/// A language model's perplexity on texts: normalised, if the model has no capital letters. `None` without a word.
fn measured(language: &Model, texts: &Texts) -> Result<Option<PerplexityFigures>> {
    let is_small = is_small(language);
    let reserved = [stentor_language::BEGIN, stentor_language::END];
    let line = |text: &String| match is_small {
        true => normalise(text).words.join(" "),
        false => {
            let words = text.split_whitespace().filter(|word| !reserved.contains(word));
            words.collect::<Vec<_>>().join(" ")
        }
    };
    let lines: Vec<String> = texts.utterances.iter().map(|utterance| line(&utterance.reference)).collect();
    if lines.iter().all(String::is_empty) {
        return Ok(None);
    }
    let found = perplexity(language, lines.join("\n").as_bytes())?;
    Ok(Some(PerplexityFigures {
        known: found.known(),
        all: found.all(),
        words: found.words,
        unknown: found.unknown,
    }))
}
