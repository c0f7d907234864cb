//! What came of it: for the terminal, for `--json`, and for the next run.

use super::split::{Set, SplitBy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Why an utterance is in no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// Less than one frame.
    TooShort,
    /// The aligner could not (an unknown word, say), or the CTM file lacks it.
    NotAligned,
    /// Alignment and audio differ in length.
    Misaligned,
    /// A phone that no annotated utterance has.
    UnknownPhone,
    /// In a dev or test group and without a text.
    HeldOutWithoutText,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::TooShort => "shorter than one frame",
            Reason::NotAligned => "not aligned (an unknown word, say)",
            Reason::Misaligned => "alignment and audio differ in length",
            Reason::UnknownPhone => "with a phone that the annotated part lacks",
            Reason::HeldOutWithoutText => "without text in a held-out group",
        })
    }
}

/// Utterances left out, counted by reason, with examples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeftOut(BTreeMap<Reason, Tally>);

/// How many, of which sets, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) utterances: u64,
    pub(super) by_set: BTreeMap<Set, u64>,
    pub(super) examples: Vec<String>,
}

impl LeftOut {
    /// Examples kept for each reason.
    const EXAMPLES: usize = 20;

    pub(super) fn add(&mut self, reason: Reason, set: Set, utterance: &str, detail: &str) {
        tracing::debug!(utterance, detail, "left out: {reason}");
        let tally = self.0.entry(reason).or_default();
        tally.utterances += 1;
        *tally.by_set.entry(set).or_default() += 1;
        if tally.examples.len() < Self::EXAMPLES {
            tally.examples.push(format!("{utterance}: {detail}"));
        }
    }

    /// Counts utterances that no set was meant for.
    pub(super) fn add_many(&mut self, reason: Reason, utterances: u64) {
        if utterances > 0 {
            self.0.entry(reason).or_default().utterances += utterances;
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self, reason: Reason) -> u64 {
        self.0.get(&reason).map_or(0, |tally| tally.utterances)
    }
}

/// A set as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SetSummary {
    pub(super) utterances: u64,
    pub(super) frames: u64,
    pub(super) hours: f64,
    pub(super) shards: usize,
    pub(super) fingerprint: String,
}

/// Everything worth telling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// Over settings and inputs: a later run with the same one has nothing to do.
    pub(super) prepared: String,
    pub(super) recordings: usize,
    pub(super) utterances: usize,
    pub(super) corpus_hours: f64,
    /// Seconds of audio at each source rate.
    pub(super) seconds_by_rate_hz: BTreeMap<u32, f64>,
    pub(super) corpus_nyquist_hz: f32,
    pub(super) split_by: SplitBy,
    pub(super) seed: u64,
    pub(super) sets: BTreeMap<Set, SetSummary>,
    pub(super) left_out: LeftOut,
    pub(super) bad_files: BTreeMap<String, String>,
    pub(super) senones: usize,
    pub(super) phones: usize,
    /// Frames of dev and test labelled with the nearest state, because theirs is not in the inventory.
    pub(super) nearest_state_frames: u64,
    /// Values of a stacked frame that hardly move over the training audio.
    pub(super) dead_dimensions: Vec<usize>,
    /// Wall-clock time of each stage.
    pub(super) seconds: BTreeMap<String, f64>,
    /// Audio made into features, hours per second of the `features` stage.
    pub(super) audio_hours_per_second: f64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {:>10} {:>12} {:>8} {:>7}", "set", "utterances", "frames", "hours", "shards")?;
        for (set, s) in &self.sets {
            writeln!(f, "{set:<12} {:>10} {:>12} {:>8.3} {:>7}", s.utterances, s.frames, s.hours, s.shards)?;
        }
        let by = match self.split_by {
            SplitBy::Group => "group",
            SplitBy::Speaker => "speaker",
            SplitBy::Utterance => "utterance: the speakers are too few, or not known",
        };
        writeln!(f, "split by {by}; seed {}", self.seed)?;
        writeln!(
            f,
            "{} senones of {} phones, mel range up to {} Hz",
            self.senones, self.phones, self.corpus_nyquist_hz
        )?;
        for (reason, tally) in &self.left_out.0 {
            let sets: Vec<String> = tally.by_set.iter().map(|(set, n)| format!("{n} {set}")).collect();
            let sets = if sets.is_empty() { String::new() } else { format!(" ({})", sets.join(", ")) };
            writeln!(f, "left out: {} utterances {reason}{sets}", tally.utterances)?;
        }
        for (recording, reason) in self.bad_files.iter().take(20) {
            writeln!(f, "left out: recording {recording}: {reason}")?;
        }
        if self.bad_files.len() > 20 {
            writeln!(f, "left out: {} more recordings that cannot be used", self.bad_files.len() - 20)?;
        }
        if self.nearest_state_frames > 0 {
            writeln!(
                f,
                "{} frames are labelled with the nearest state of their phone",
                self.nearest_state_frames
            )?;
        }
        if !self.dead_dimensions.is_empty() {
            writeln!(f, "{} dead dimensions: {:?}", self.dead_dimensions.len(), self.dead_dimensions)?;
        }
        let stages: Vec<String> = self.seconds.iter().map(|(stage, s)| format!("{stage} {s:.1} s")).collect();
        write!(f, "{}; {:.3} h of audio a second", stages.join(", "), self.audio_hours_per_second)
    }
}
