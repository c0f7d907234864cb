//! What came of it: for the terminal, for `--json`, and for the next run.

use super::sound::Sound;
use super::split::{Set, SplitBy};
use crate::text::counted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use stentor_audio::Unmatched;

/// Why an utterance is in no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// Its recording cannot be used.
    BadRecording,
    /// Its segment starts where the recording has ended.
    BeyondRecording,
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
            Reason::BadRecording => "of recordings that cannot be used",
            Reason::BeyondRecording => "that start behind the end of their recording",
            Reason::TooShort => "shorter than one frame",
            Reason::NotAligned => "not aligned (an unknown word, say)",
            Reason::Misaligned => "alignment and audio differ in length",
            Reason::UnknownPhone => "with a phone that the annotated part lacks",
            Reason::HeldOutWithoutText => "without text in a held-out group",
        })
    }
}

/// How many, and the names of the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) count: u64,
    pub(super) examples: Vec<String>,
}

impl Named {
    /// Names kept.
    const EXAMPLES: usize = 20;
    /// Names shown on a line.
    const SHOWN: usize = 3;

    pub(super) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(name.to_owned());
        }
    }
}

impl From<&Unmatched> for Named {
    fn from(unmatched: &Unmatched) -> Self {
        Self { count: unmatched.ids as u64, examples: unmatched.examples.clone() }
    }
}

impl fmt::Display for Named {
    /// The first few names, and whether there are more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.examples.len().min(Self::SHOWN);
        f.write_str(&self.examples[..shown].join("; "))?;
        if self.count > shown as u64 { f.write_str("; …") } else { Ok(()) }
    }
}

/// Utterances left out, counted by set and reason, with examples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeftOut {
    /// Of each set; `unassigned` are those that were left out before there were sets.
    #[serde(rename = "left_out")]
    by_set: BTreeMap<String, BTreeMap<Reason, u64>>,
    /// Names and details.
    #[serde(rename = "left_out_examples")]
    by_reason: BTreeMap<Reason, Named>,
}

impl LeftOut {
    pub(super) fn add(&mut self, reason: Reason, set: Option<Set>, utterance: &str, detail: &str) {
        tracing::debug!(utterance, detail, "left out: {reason}");
        let set = set.map_or("unassigned", Set::name);
        *self.by_set.entry(set.to_owned()).or_default().entry(reason).or_default() += 1;
        let separator = if detail.is_empty() { "" } else { ": " };
        self.by_reason.entry(reason).or_default().add(&format!("{utterance}{separator}{detail}"));
    }

    /// What was left out of a set, in words.
    pub(super) fn of(&self, set: Set) -> String {
        let reasons = self.by_set.get(set.name()).into_iter().flatten();
        let lines = reasons.map(|(reason, n)| format!("{n} {reason} ({})", self.by_reason[reason]));
        lines.collect::<Vec<_>>().join("; ")
    }

    #[cfg(test)]
    pub(super) fn count(&self, reason: Reason) -> u64 {
        self.by_reason.get(&reason).map_or(0, |named| named.count)
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
    /// Utterances without the group or speaker that others have.
    pub(super) alone: Named,
    /// Share of the test's time by speakers of the training sets; none where the speakers are not known.
    pub(super) test_heard_in_training: Option<f64>,
    /// Recordings that are the same sound, put into the same set.
    pub(super) identical_audio: Named,
    #[serde(flatten)]
    pub(super) left_out: LeftOut,
    /// Identifiers in tables that no utterance has, by table.
    pub(super) unmatched: BTreeMap<String, Named>,
    /// Segments that reach over the end of their recording and were cut there.
    pub(super) cut_segments: Named,
    #[serde(flatten)]
    pub(super) sound: Sound,
    /// Marks in texts that are not speech, such as `[noise]`, and were not given to the aligner; how often each.
    pub(super) dropped_marks: BTreeMap<String, u64>,
    /// Phones of no duration in the alignments.
    pub(super) empty_phones: u64,
    /// Of `phones`, those that are silence or noise.
    pub(super) silence_phones: usize,
    /// Senones that no frame of the annotated set has.
    pub(super) unused_senones: Vec<String>,
    pub(super) bad_files: BTreeMap<String, String>,
    pub(super) senones: usize,
    pub(super) phones: usize,
    /// Frames of dev and test labeled with the nearest state, because theirs is not in the inventory.
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
        writeln!(f, "split by {}; seed {}", self.split_by, self.seed)?;
        if self.alone.count > 0 {
            writeln!(
                f,
                "{} without group or speaker: {}",
                counted(self.alone.count, "utterance"),
                self.alone
            )?;
        }
        if self.identical_audio.count > 0 {
            let same = &self.identical_audio;
            writeln!(
                f,
                "{} there under several names, put into the same set: {same}",
                counted(same.count, "recording")
            )?;
        }
        match self.test_heard_in_training {
            Some(share) => {
                writeln!(f, "{:.1} % of the test's time is by speakers of the training sets", 100.0 * share)?;
            }
            None => writeln!(f, "how much of the test is by speakers of the training sets is not known")?,
        }
        writeln!(
            f,
            "{} of {}, mel range up to {} Hz",
            counted(self.senones as u64, "senone"),
            counted(self.phones as u64, "phone"),
            self.corpus_nyquist_hz
        )?;
        for (set, reasons) in &self.left_out.by_set {
            for (reason, n) in reasons {
                writeln!(f, "left out: {} of {set} {reason}", counted(*n, "utterance"))?;
            }
        }
        for (reason, named) in &self.left_out.by_reason {
            writeln!(f, "left out {reason}: {named}")?;
        }
        for (table, named) in &self.unmatched {
            writeln!(f, "{table}: {} that no utterance has: {named}", counted(named.count, "name"))?;
        }
        if self.cut_segments.count > 0 {
            let cut = &self.cut_segments;
            writeln!(f, "{} cut at the end of the recording: {cut}", counted(cut.count, "segment"))?;
        }
        write!(f, "{}", self.sound)?;
        if !self.dropped_marks.is_empty() {
            let marks: Vec<String> =
                self.dropped_marks.iter().map(|(mark, n)| format!("{n} {mark}")).collect();
            writeln!(f, "not spoken, and taken out of texts: {}", marks.join(", "))?;
        }
        if self.empty_phones > 0 {
            let phones = counted(self.empty_phones, "phone");
            writeln!(f, "{phones} of the alignments without duration: left out")?;
        }
        if self.silence_phones == 0 {
            writeln!(f, "no phone is silence or noise: if one is, name it by --silence-phones")?;
        }
        if !self.unused_senones.is_empty() {
            let unused = &self.unused_senones;
            let senones = counted(unused.len() as u64, "senone");
            writeln!(f, "{senones} without a frame in the annotated set: {}", unused.join(" "))?;
        }
        for (recording, reason) in self.bad_files.iter().take(20) {
            writeln!(f, "left out: recording {recording}: {reason}")?;
        }
        if self.bad_files.len() > 20 {
            let more = counted(self.bad_files.len() as u64 - 20, "more recording");
            writeln!(f, "left out: {more} that cannot be used")?;
        }
        if self.nearest_state_frames > 0 {
            writeln!(
                f,
                "{} labeled with the nearest state of the phone",
                counted(self.nearest_state_frames, "frame")
            )?;
        }
        if !self.dead_dimensions.is_empty() {
            let dead = counted(self.dead_dimensions.len() as u64, "dead dimension");
            writeln!(f, "{dead}: {:?}", self.dead_dimensions)?;
        }
        let stages: Vec<String> = self.seconds.iter().map(|(stage, s)| format!("{stage} {s:.1} s")).collect();
        write!(f, "{}; {:.3} h of audio a second", stages.join(", "), self.audio_hours_per_second)
    }
}
