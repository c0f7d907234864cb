//! The choice of scales on a dev set.

use super::searching::Searching;
use crate::audio_bar::audio_bar;
use crate::labeled::{Labeled, posteriors};
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use stentor_decode::{Lattice, LatticeNode};
use stentor_evaluate::Posteriors;
use stentor_evaluate::words::{distance, normalise};
use stentor_recogniser::{Grid, Recogniser, Tuned, tune};

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

    /// Chooses the scales with the fewest word errors, around those of `recogniser`. `location`: that of the set, for the record.
    pub(super) fn tune(
        &self,
        searching: &Searching<'_>,
        recogniser: &Recogniser,
        grid: &Grid,
        location: &str,
    ) -> Result<Chosen> {
        let words: u64 = self.utterances.iter().map(|utterance| utterance.reference.len() as u64).sum();
        ensure!(words > 0, "{location}: expected words to tune on, found texts without any");
        let mut numbers = Numbers::default();
        let references: Vec<Vec<u32>> =
            self.utterances.iter().map(|utterance| numbers.of(&utterance.reference)).collect();
        let names = (1..).map_while(|label| recogniser.name(label));
        let labels: Vec<Vec<u32>> = names.map(|name| numbers.of(&normalise(name).words)).collect();
        let errors = |utterance: usize, found: &[u32]| {
            let words = found.iter().filter_map(|label| labels.get((*label as usize).checked_sub(1)?));
            distance(&references[utterance], &words.flatten().copied().collect::<Vec<u32>>())
        };
        let search = |recogniser: &Recogniser| self.search(searching, recogniser);
        let choice = tune(recogniser, grid, search, errors).with_context(|| location.to_owned())?;
        let record = Tuned {
            set: location.to_owned(),
            fingerprint: self.fingerprint.clone(),
            utterances: self.utterances.len() as u64,
            not_used: self.not_used,
            words,
            tried: choice.tried,
            errors: choice.errors,
        };
        let wer = 100.0 * choice.errors as f64 / words as f64;
        Ok(Chosen { recogniser: recogniser.with_choice(&choice, record)?, wer })
    }

    /// The lattice of each utterance.
    fn search(&self, searching: &Searching<'_>, recogniser: &Recogniser) -> Result<Vec<Lattice>> {
        let frames: usize = self.utterances.iter().map(|utterance| utterance.posteriors.frames()).sum();
        let bar = audio_bar("tune", frames as u64 * u64::from(self.frame_ms));
        let lattices = searching.each(self.utterances.iter().collect(), |utterance| {
            let outcome = searching.search(recogniser, &utterance.posteriors)?;
            bar.inc(utterance.posteriors.frames() as u64 * u64::from(self.frame_ms));
            // Without a path nothing is recognised, whatever the scales.
            Ok(match outcome {
                Some(outcome) => outcome.lattice,
                None => Lattice::new(vec![LatticeNode { frame: 0 }], Vec::new())?,
            })
        })?;
        bar.finish_and_clear();
        Ok(lattices)
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
