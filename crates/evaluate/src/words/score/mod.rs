//! A system's words against a reference, utterance by utterance.

use crate::words::{Edit, Interval};
use crate::words::{NORMALISER, Tally, Unit, WordErrors, WordScore, align, normalise};
use crate::{Difference, Error, PairedErrors, paired_bootstrap};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Texts by the ids of utterances, as written.
pub type Transcripts = BTreeMap<String, String>;

/// A name for each id of an utterance: its speaker, or its group.
pub type Names = BTreeMap<String, String>;

/// What is known of utterances besides their texts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Labels<'a> {
    /// Speakers.
    pub speakers: Option<&'a Names>,
    /// Groups, whatever varies independently: dialogues, sessions.
    pub groups: Option<&'a Names>,
}

/// One utterance, scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// Its id.
    pub id: String,
    /// Its speaker, where known.
    pub speaker: Option<String>,
    /// Its group, where known.
    pub group: Option<String>,
    /// Words of the reference, normalised.
    pub reference: Vec<String>,
    /// Words of the hypothesis, normalised.
    pub hypothesis: Vec<String>,
    /// The alignment of both.
    pub edits: Vec<Edit>,
}

impl Utterance {
    /// Its errors.
    #[must_use]
    pub fn errors(&self) -> WordErrors {
        WordErrors::of(&self.edits)
    }
}

/// All utterances of a test set, scored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scored {
    /// [`NORMALISER`] of the time.
    pub normaliser: u32,
    /// In the order of their ids.
    pub utterances: Vec<Utterance>,
    /// What normalisation found in the reference.
    pub reference: Tally,
    /// What normalisation found in the hypothesis.
    pub hypothesis: Tally,
    /// What the bootstrap draws.
    pub unit: Unit,
}

/// Normalises, aligns and counts, on all cores.
///
/// # Errors
/// [`Error::OtherUtterances`] unless both have the same ids, [`Error::NothingToScore`] without any, [`Error::Unnamed`] where a
/// name is missing in `labels`, [`Error::TooLong`] for an utterance of more words than can be aligned.
pub fn score(reference: &Transcripts, hypothesis: &Transcripts, labels: Labels<'_>) -> Result<Scored, Error> {
    same_ids(reference, hypothesis)?;
    if reference.is_empty() {
        return Err(Error::NothingToScore);
    }
    let speakers = names_of(reference, labels.speakers, "speaker")?;
    let groups = names_of(reference, labels.groups, "group")?;
    let pairs: Vec<(&String, &String, &String)> =
        reference.iter().zip(hypothesis.values()).map(|((id, text), found)| (id, text, found)).collect();
    let scored: Vec<(Utterance, [Tally; 2])> = pairs
        .into_par_iter()
        .zip(speakers.into_par_iter().zip(groups))
        .map(|((id, text, found), (speaker, group))| {
            let (text, found) = (normalise(text), normalise(found));
            let too_long = || Error::TooLong {
                utterance: id.clone(),
                reference: text.words.len(),
                hypothesis: found.words.len(),
            };
            let edits = align(&text.words, &found.words).ok_or_else(too_long)?;
            let (reference, hypothesis, id) = (text.words, found.words, id.clone());
            let utterance = Utterance { id, speaker, group, reference, hypothesis, edits };
            Ok((utterance, [text.tally, found.tally]))
        })
        .collect::<Result<_, Error>>()?;
    let unit = match labels {
        Labels { groups: Some(_), .. } => Unit::Group,
        Labels { speakers: Some(_), .. } => Unit::Speaker,
        _ => Unit::Utterance,
    };
    let mut all = Scored { normaliser: NORMALISER, unit, ..Scored::default() };
    for (utterance, [reference, hypothesis]) in scored {
        all.reference += &reference;
        all.hypothesis += &hypothesis;
        all.utterances.push(utterance);
    }
    Ok(all)
}

/// An utterance that one side lacks would be left out of the figures, or count as deletions, without anybody knowing.
fn same_ids(reference: &Transcripts, hypothesis: &Transcripts) -> Result<(), Error> {
    let without = |these: &Transcripts, those: &Transcripts| -> Vec<String> {
        these.keys().filter(|id| !those.contains_key(*id)).cloned().collect()
    };
    let (missing, extra) = (without(reference, hypothesis), without(hypothesis, reference));
    match missing.is_empty() && extra.is_empty() {
        true => Ok(()),
        false => Err(Error::OtherUtterances { missing, extra }),
    }
}

/// The name of each utterance, in the order of ids; `None` for all where no names are given.
fn names_of(
    utterances: &Transcripts,
    names: Option<&Names>,
    what: &'static str,
) -> Result<Vec<Option<String>>, Error> {
    let Some(names) = names else { return Ok(vec![None; utterances.len()]) };
    let unnamed = utterances.keys().filter(|id| !names.contains_key(*id));
    let (first, count) = (unnamed.clone().next(), unnamed.count());
    match first {
        Some(first) => Err(Error::Unnamed { what, count, first: first.clone() }),
        None => Ok(utterances.keys().map(|id| names.get(id).cloned()).collect()),
    }
}

impl Scored {
    /// All utterances together.
    #[must_use]
    pub fn total(&self) -> WordScore {
        let mut total = WordScore::default();
        self.utterances.iter().for_each(|utterance| total += WordScore::of(utterance.errors()));
        total
    }

    /// By speaker; empty where speakers are not known.
    #[must_use]
    pub fn by_speaker(&self) -> BTreeMap<String, WordScore> {
        self.by(|utterance| utterance.speaker.as_ref())
    }

    /// By group; empty where groups are not known.
    #[must_use]
    pub fn by_group(&self) -> BTreeMap<String, WordScore> {
        self.by(|utterance| utterance.group.as_ref())
    }

    fn by(&self, name: impl Fn(&Utterance) -> Option<&String>) -> BTreeMap<String, WordScore> {
        let mut parts = BTreeMap::<String, WordScore>::new();
        for utterance in &self.utterances {
            if let Some(name) = name(utterance) {
                *parts.entry(name.clone()).or_default() += WordScore::of(utterance.errors());
            }
        }
        parts
    }

    /// What the bootstrap draws, by name.
    fn units(&self) -> BTreeMap<String, WordScore> {
        match self.unit {
            Unit::Group => self.by_group(),
            Unit::Speaker => self.by_speaker(),
            Unit::Utterance => self.by(|utterance| Some(&utterance.id)),
        }
    }

    /// The 95 % interval of the word error rate, by drawing units with replacement; `None` with fewer than two units or no
    /// words. The rate of a system is its difference to one without errors.
    #[must_use]
    pub fn interval(&self, resamples: u32, seed: u64) -> Option<Interval> {
        let piece = |score: WordScore| PairedErrors {
            total: score.words.reference,
            baseline: 0,
            system: score.words.errors(),
        };
        let pieces: Vec<PairedErrors> = self.units().into_values().map(piece).collect();
        let found = paired_bootstrap(&pieces, resamples, seed)?;
        Some(Interval { low: found.low, high: found.high, units: found.pieces })
    }

    /// This system against `baseline` on the same reference: see [`paired_bootstrap`]. `None` where the two were not scored
    /// on the same utterances and references, and as for [`Scored::interval`].
    #[must_use]
    pub fn compare(&self, baseline: &Scored, resamples: u32, seed: u64) -> Option<Difference> {
        let key = |utterance: &Utterance| (utterance.id.clone(), utterance.reference.clone());
        if !self.utterances.iter().map(key).eq(baseline.utterances.iter().map(key))
            || self.unit != baseline.unit
        {
            return None;
        }
        let theirs = baseline.units();
        let pair = |(name, own): (String, WordScore)| {
            let other = theirs.get(&name)?;
            let (baseline, system) = (other.words.errors(), own.words.errors());
            Some(PairedErrors { total: own.words.reference, baseline, system })
        };
        let pieces: Vec<PairedErrors> = self.units().into_iter().map(pair).collect::<Option<_>>()?;
        paired_bootstrap(&pieces, resamples, seed)
    }
}

#[cfg(test)]
mod tests;
