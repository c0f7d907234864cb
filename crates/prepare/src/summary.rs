//! The summary of a preparation: for the caller, and for the next run.

use crate::decide::left_out::{LeftOut, Named};
use crate::decide::set::{Set, SplitBy};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A set as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetSummary {
    /// Number of utterances.
    pub utterances: u64,
    /// Number of the model's frames.
    pub frames: u64,
    /// Hours of audio.
    pub hours: f64,
    /// Number of shard files.
    pub shards: usize,
    /// The manifest's fingerprint.
    pub fingerprint: String,
}

/// How frames of pdfs became frames of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdfFrames {
    /// Milliseconds of a frame of the archive; `None` for a CTM file, whose times are exact.
    pub from_ms: Option<u32>,
    /// Milliseconds of a frame of the model, which has the pdf at its middle.
    pub to_ms: u32,
    /// Frames of the model that have a pdf.
    pub frames: u64,
    /// Those of them within which the pdf changes, so that one of several was taken.
    pub with_changes: u64,
}

/// The complete summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Hash of settings and inputs: a later run with the same hash has nothing to do.
    pub prepared: String,
    /// Number of recordings in the corpus.
    pub recordings: usize,
    /// Number of utterances in the corpus.
    pub utterances: usize,
    /// Hours of audio in the corpus.
    pub corpus_hours: f64,
    /// Seconds of audio at each source rate.
    pub seconds_by_rate_hz: BTreeMap<u32, f64>,
    /// Upper end of the mel range.
    pub corpus_nyquist_hz: f32,
    /// What is never split between sets.
    pub split_by: SplitBy,
    /// Seed of the split and of the order of utterances.
    pub seed: u64,
    /// The sets that were written.
    pub sets: BTreeMap<Set, SetSummary>,
    /// Utterances without a group or speaker, if others have one.
    pub alone: Named,
    /// Share of the test time from speakers in the training sets; `None` if not all speakers of these sets are known.
    pub test_heard_in_training: Option<f64>,
    /// Identical recordings, kept in the same set.
    pub identical_audio: Named,
    /// Utterances that are in no set.
    #[serde(flatten)]
    pub left_out: LeftOut,
    /// Identifiers in tables that match no utterance, by table.
    pub unmatched: BTreeMap<String, Named>,
    /// Segments that extended past the end of their recording and were cut there.
    pub cut_segments: Named,
    /// Defects of recordings that were used.
    #[serde(flatten)]
    pub sound: Sound,
    /// Marks in texts that are not speech, such as `[noise]`, and were not given to the aligner, with their counts.
    pub dropped_marks: BTreeMap<String, u64>,
    /// Number of phones with a duration of zero in the alignments.
    pub empty_phones: u64,
    /// Those of `phones` that are silence or noise.
    pub silence_phones: usize,
    /// Senones without a frame in the annotated set.
    pub unused_senones: Vec<String>,
    /// Unusable recordings, with reasons.
    pub bad_files: BTreeMap<String, String>,
    /// How frames of pdfs became frames of the model; `None` for other alignments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdf_frames: Option<PdfFrames>,
    /// Number of target classes.
    pub senones: usize,
    /// Number of phones that they belong to.
    pub phones: usize,
    /// Whether the times of words are known and stored.
    pub word_times: bool,
    /// Frames of dev and test that are labeled with the nearest state, because their own is not in the inventory.
    pub nearest_state_frames: u64,
    /// Values of a stacked frame that are nearly constant over the training audio.
    pub dead_dimensions: Vec<usize>,
    /// Wall-clock time of each stage.
    pub seconds: BTreeMap<String, f64>,
    /// Speed of the `features` stage, in hours of audio per second.
    pub audio_hours_per_second: f64,
}
