//! The choice of scales on a dev set.

use super::searching::Searching;
use crate::audio_bar::audio_bar;
use crate::labeled::{Labeled, posteriors};
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use stentor_decode::Rescoring;
use stentor_evaluate::Posteriors;
use stentor_evaluate::words::{distance, normalise};
use stentor_recogniser::{Recogniser, Steps, Tuned, tune};

/// Number of frames kept in memory for choosing scales (20 minutes at 30 ms); more would not change the choice.
const DEV_FRAMES: usize = 40_000;

/// The utterances on which scales are chosen.
pub(super) struct Dev {
    utterances: Vec<Utterance>,
    /// Utterances of the set besides these.
    not_used: u64,
    fingerprint: String,
    frame_ms: u32,
}

struct Utterance {
    posteriors: Posteriors,
    /// Words as they are compared.
    reference: Vec<String>,
}

/// The recogniser with the scales that were chosen.
pub(super) struct Chosen {
    pub(super) recogniser: Recogniser,
    /// Its word error rate on dev, percent.
    pub(super) wer: f64,
}

impl Dev {
    /// Reads utterances with a text until there are [`DEV_FRAMES`].
    pub(super) async fn read(set: &Labeled, outputs: usize) -> Result<Self> {
        let (mut utterances, mut frames) = (Vec::new(), 0);
        'all: for place in set.places() {
            for row in set.read(place).await? {
                if frames >= DEV_FRAMES {
                    break 'all;
                }
                let Some(text) = row.features.text else { continue };
                frames += row.labels.frames();
                let posteriors = posteriors(row.labels, outputs)?;
                utterances.push(Utterance { posteriors, reference: normalise(&text).words });
            }
        }
        let manifest = set.features();
        Ok(Self {
            not_used: manifest.utterances() - utterances.len() as u64,
            utterances,
            fingerprint: manifest.fingerprint.clone(),
            frame_ms: manifest.settings.frame_ms(),
        })
    }

    /// Chooses scales with few word errors, around those of `recogniser`. `location`: that of the set, for the record.
    pub(super) fn tune(
        &self,
        searching: &Searching<'_>,
        recogniser: &Recogniser,
        location: &str,
    ) -> Result<Chosen> {
        let words: u64 = self.utterances.iter().map(|utterance| utterance.reference.len() as u64).sum();
        ensure!(words > 0, "{location}: expected words to tune on, found texts without any");
        let texts = Numbered::new(&self.utterances, recogniser);
        let choice = tune(recogniser, &Steps::default(), |recogniser, rescorings| {
            self.errors(searching, recogniser, rescorings, &texts)
        });
        let choice = choice.with_context(|| location.to_owned())?;
        let record = Tuned {
            set: location.to_owned(),
            fingerprint: self.fingerprint.clone(),
            utterances: self.utterances.len() as u64,
            not_used: self.not_used,
            words,
            tried: choice.tried,
            searches: choice.searches,
            errors: choice.errors,
            fewest: Some(choice.fewest),
            is_settled: choice.is_settled,
        };
        let wer = 100.0 * choice.errors as f64 / words as f64;
        Ok(Chosen { recogniser: recogniser.with_choice(&choice, record)?, wer })
    }

    /// Searches all utterances, and counts the errors of each for each rescoring of its lattice, `[utterances][rescorings]`.
    fn errors(
        &self,
        searching: &Searching<'_>,
        recogniser: &Recogniser,
        rescorings: &[Rescoring],
        texts: &Numbered,
    ) -> Result<Vec<Vec<u64>>> {
        let frames: usize = self.utterances.iter().map(|utterance| utterance.posteriors.frames()).sum();
        let bar = audio_bar("tune", frames as u64 * u64::from(self.frame_ms));
        let errors =
            searching.each(self.utterances.iter().enumerate().collect(), |(number, utterance)| {
                let outcome = searching.search(recogniser, &utterance.posteriors)?;
                bar.inc(utterance.posteriors.frames() as u64 * u64::from(self.frame_ms));
                let errors = |rescoring: &Rescoring| {
                    // Without a path nothing is recognised, whatever the scales.
                    let found = outcome.as_ref().map(|outcome| outcome.lattice.best_labels(*rescoring));
                    texts.errors(number, &found.unwrap_or_default())
                };
                Ok(rescorings.iter().map(errors).collect::<Vec<u64>>())
            })?;
        bar.finish_and_clear();
        Ok(errors)
    }
}

/// The words of dev and of a recogniser as numbers.
struct Numbered {
    /// Of each utterance.
    references: Vec<Vec<u32>>,
    /// Of each label of the recogniser, from 1; none or several if a word becomes that when it is normalised.
    labels: Vec<Vec<u32>>,
}

impl Numbered {
    fn new(utterances: &[Utterance], recogniser: &Recogniser) -> Self {
        let mut numbers = Numbers::default();
        let references = utterances.iter().map(|utterance| numbers.of(&utterance.reference)).collect();
        let names = (1..).map_while(|label| recogniser.name(label));
        let labels = names.map(|name| numbers.of(&normalise(name).words)).collect();
        Self { references, labels }
    }

    /// The errors of an utterance when these labels are recognised.
    fn errors(&self, utterance: usize, found: &[u32]) -> u64 {
        let words = found.iter().filter_map(|label| self.labels.get((*label as usize).checked_sub(1)?));
        distance(&self.references[utterance], &words.flatten().copied().collect::<Vec<u32>>())
    }
}

/// Numbers for words.
#[derive(Default)]
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn of(&mut self, words: &[String]) -> Vec<u32> {
        let mut number = |word: &String| {
            let fresh = self.0.len() as u32;
            *self.0.entry(word.clone()).or_insert(fresh)
        };
        words.iter().map(&mut number).collect()
    }
}
