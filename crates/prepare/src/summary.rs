//! What came of it: for the caller, and for the next run.

use crate::decide::left_out::{LeftOut, Named};
use crate::decide::set::{Set, SplitBy};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A set as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetSummary {
    /// Utterances.
    pub utterances: u64,
    /// Frames of the model.
    pub frames: u64,
    /// Hours of audio.
    pub hours: f64,
    /// Files.
    pub shards: usize,
    /// The manifest's fingerprint.
    pub fingerprint: String,
}

/// Everything worth telling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Over settings and inputs: a later run with the same one has nothing to do.
    pub prepared: String,
    /// Recordings of the corpus.
    pub recordings: usize,
    /// Utterances of the corpus.
    pub utterances: usize,
    /// Hours of audio in the corpus.
    pub corpus_hours: f64,
    /// Seconds of audio at each source rate.
    pub seconds_by_rate_hz: BTreeMap<u32, f64>,
    /// Upper end of the mel range.
    pub corpus_nyquist_hz: f32,
    /// What is never in two sets.
    pub split_by: SplitBy,
    /// Seed of the split and of the order of utterances.
    pub seed: u64,
    /// The sets that were written.
    pub sets: BTreeMap<Set, SetSummary>,
    /// Utterances without the group or speaker that others have.
    pub alone: Named,
    /// Share of the test's time by speakers of the training sets; none where the speakers are not known.
    pub test_heard_in_training: Option<f64>,
    /// Recordings that are the same sound, put into the same set.
    pub identical_audio: Named,
    /// Utterances that are in no set.
    #[serde(flatten)]
    pub left_out: LeftOut,
    /// Identifiers in tables that no utterance has, by table.
    pub unmatched: BTreeMap<String, Named>,
    /// Segments that reach over the end of their recording and were cut there.
    pub cut_segments: Named,
    /// What is the matter with recordings that were used.
    #[serde(flatten)]
    pub sound: Sound,
    /// Marks in texts that are not speech, such as `[noise]`, and were not given to the aligner; how often each.
    pub dropped_marks: BTreeMap<String, u64>,
    /// Phones of no duration in the alignments.
    pub empty_phones: u64,
    /// Of `phones`, those that are silence or noise.
    pub silence_phones: usize,
    /// Senones that no frame of the annotated set has.
    pub unused_senones: Vec<String>,
    /// Recordings that cannot be used, and why.
    pub bad_files: BTreeMap<String, String>,
    /// Target classes.
    pub senones: usize,
    /// Phones that they belong to.
    pub phones: usize,
    /// Frames of dev and test labeled with the nearest state, because theirs is not in the inventory.
    pub nearest_state_frames: u64,
    /// Values of a stacked frame that hardly move over the training audio.
    pub dead_dimensions: Vec<usize>,
    /// Wall-clock time of each stage.
    pub seconds: BTreeMap<String, f64>,
    /// Audio made into features, hours per second of the `features` stage.
    pub audio_hours_per_second: f64,
}
