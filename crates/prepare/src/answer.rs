//! What is said when in an utterance: an aligner's answer, and its meaning.

use serde::{Deserialize, Serialize};
use stentor_audio::{Micros, StateSpan};
use stentor_shards::Span;

/// Duration of an aligner's frame.
const ALIGNER_FRAME_MS: u32 = 10;

/// What is said when in an utterance.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alignment {
    /// In order of time.
    pub(crate) states: Vec<StateSpan>,
    /// In order of time; `None` from a source without times of words.
    pub(crate) words: Option<Vec<Span>>,
    /// What is only known of tied states of another program.
    pub(crate) pdfs: Option<Pdfs>,
}

/// Tied states by number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pdfs {
    /// The number of each state.
    pub(crate) ids: Vec<u16>,
    /// Frames of the archive that they are from, `None` for a CTM file.
    pub(crate) frames: Option<usize>,
}

/// An aligner's answer for an utterance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    /// Text, first frame, number of frames; `None` from an aligner without times of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) words: Option<Vec<(String, u32, u32)>>,
}

/// Whether an utterance was aligned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// Phone, state, first frame, number of frames.
    States(Vec<(String, u8, u32, u32)>),
    /// The aligner's error message.
    Error(String),
}

impl Answer {
    /// The states and words with their times, or why there are none.
    pub(crate) fn alignment(self) -> Result<Alignment, String> {
        let time = |frame: u32| Micros::from(frame) * Micros::from(ALIGNER_FRAME_MS) * 1_000;
        let states = match self.outcome {
            Outcome::Error(reason) => return Err(reason),
            Outcome::States(states) => states,
        };
        let state = |(phone, state, first, frames): (String, u8, u32, u32)| StateSpan {
            phone,
            state,
            start: time(first),
            end: time(first) + time(frames),
        };
        let word = |(text, first, frames): (String, u32, u32)| Span {
            text,
            start_ms: first.saturating_mul(ALIGNER_FRAME_MS),
            duration_ms: frames.saturating_mul(ALIGNER_FRAME_MS),
        };
        let words = self.words.map(|words| words.into_iter().map(word).collect());
        Ok(Alignment { states: states.into_iter().map(state).collect(), words, pdfs: None })
    }

    /// Which of its lists is not in order of time.
    pub(crate) fn unordered(&self) -> Option<&'static str> {
        let states = match &self.outcome {
            Outcome::States(states) => states.is_sorted_by_key(|(.., first, _)| first),
            Outcome::Error(_) => true,
        };
        let words = self.words.as_ref().is_none_or(|words| words.is_sorted_by_key(|(_, first, _)| first));
        if states { (!words).then_some("words") } else { Some("states") }
    }
}
