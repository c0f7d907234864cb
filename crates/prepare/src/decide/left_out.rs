//! Utterances that are in no set, and the reasons.

use super::set::Set;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use stentor_audio::Unmatched;

/// Why an utterance is in no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its recording cannot be used.
    BadRecording,
    /// Its segment starts after the end of its recording.
    BeyondRecording,
    /// It is shorter than one frame.
    TooShort,
    /// The aligner failed (for instance because of an unknown word), or the CTM file does not contain it.
    NotAligned,
    /// Alignment and audio differ in length, or phones of the alignment overlap.
    Misaligned,
    /// It has a phone that no annotated utterance has.
    UnknownPhone,
    /// It is in a dev or test group and has no text.
    HeldOutWithoutText,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::BadRecording => "of recordings that cannot be used",
            Reason::BeyondRecording => "that start after the end of their recording",
            Reason::TooShort => "shorter than one frame",
            Reason::NotAligned => "not aligned (for instance because of an unknown word)",
            Reason::Misaligned => "with an alignment that does not fit the audio",
            Reason::UnknownPhone => "with a phone that does not occur in the annotated part",
            Reason::HeldOutWithoutText => "without text in a held-out group",
        })
    }
}

/// Number of items, and the names of the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Number of items.
    pub count: u64,
    /// The first names, at most twenty.
    pub examples: Vec<String>,
}

impl Named {
    /// Maximum number of names kept.
    const EXAMPLES: usize = 20;
    /// Maximum number of names shown on a line.
    const SHOWN: usize = 3;

    pub(crate) fn add(&mut self, name: &str) {
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
    /// Writes the first few names, and whether there are more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.examples.len().min(Self::SHOWN);
        f.write_str(&self.examples[..shown].join("; "))?;
        if self.count > shown as u64 { f.write_str("; …") } else { Ok(()) }
    }
}

/// Utterances left out, counted by set and reason, with examples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Counts of each set; `unassigned` are utterances that were left out before the split.
    #[serde(rename = "left_out")]
    pub by_set: BTreeMap<String, BTreeMap<Reason, u64>>,
    /// Names and details.
    #[serde(rename = "left_out_examples")]
    pub by_reason: BTreeMap<Reason, Named>,
}

impl LeftOut {
    pub(crate) fn add(&mut self, reason: Reason, set: Option<Set>, utterance: &str, detail: &str) {
        tracing::debug!(utterance, detail, "left out: {reason}");
        let set = set.map_or("unassigned", Set::name);
        *self.by_set.entry(set.to_owned()).or_default().entry(reason).or_default() += 1;
        let separator = if detail.is_empty() { "" } else { ": " };
        self.by_reason.entry(reason).or_default().add(&format!("{utterance}{separator}{detail}"));
    }

    /// Describes what was left out of a set.
    pub(crate) fn of(&self, set: Set) -> String {
        let reasons = self.by_set.get(set.name()).into_iter().flatten();
        let lines = reasons.map(|(reason, n)| match self.by_reason.get(reason) {
            Some(named) if named.count == *n => format!("{n} {reason} ({named})"),
            // Those of other sets are among the names.
            Some(named) => format!("{n} {reason} (of all sets: {named})"),
            None => format!("{n} {reason}"),
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    #[cfg(test)]
    pub(crate) fn count(&self, reason: Reason) -> u64 {
        self.by_reason.get(&reason).map_or(0, |named| named.count)
    }
}
