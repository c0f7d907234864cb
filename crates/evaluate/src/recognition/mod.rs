//! The figures of `stentor recognise`, as `--json` writes them and reports read them.

mod text;

use crate::words::{Interval, Labels, Names, Scored, Transcripts, WordErrors, score};
use crate::{Error, LabelerFigures, Measure, MeasuredDifference, Score, Scoreboard, rate_interval};
use serde::{Deserialize, Serialize};

/// Version of the format of [`RecognitionFigures`]; increased by changes that older versions cannot read.
pub const RECOGNITION_VERSION: u32 = 1;

/// What one system recognised in one test set, and its word errors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecognitionFigures {
    /// Equal to [`RECOGNITION_VERSION`].
    pub schema_version: u32,
    /// Version of the normaliser that the texts were compared with, [`crate::words::NORMALISER`] of the time.
    pub normaliser_version: u32,
    /// Word error rate, percent; absent if the references have no words.
    pub wer: Option<f64>,
    /// Its 95 % interval from drawing groups with replacement; absent with fewer than two groups.
    pub wer_interval: Option<Interval>,
    /// Word error rate on dev with the scales that were chosen, percent; absent if none were tuned.
    pub dev_wer: Option<f64>,
    /// Word errors of all utterances.
    pub words: WordErrors,
    /// The utterances that have a text, in the order of the set, with both texts as they are before normalisation.
    pub utterances: Vec<RecognisedUtterance>,
    /// Utterances without a text, which were not scored.
    pub without_text: u64,
    /// Utterances in which no path was possible; they count as if nothing was recognised.
    pub no_path: u64,
    /// Utterances whose last word may be incomplete, because no path ended with a word.
    pub incomplete: u64,
    /// Word errors by group, in [`Score::words`].
    pub by_group: Scoreboard,
    /// Scales and limits of the recogniser and the record of their tuning, as in its `settings.json`, without the counts of aligned
    /// speech.
    pub settings: serde_json::Value,
    /// The words that could be recognised.
    pub vocabulary: VocabularyFigures,
    /// How often the references have a word that cannot be recognised.
    pub unknown_words: u64,
    /// The most frequent of these words, each with the number of times that it occurs.
    pub frequent_unknown_words: Vec<(String, u64)>,
    /// How well the language model predicts the references.
    pub perplexity: Option<PerplexityFigures>,
    /// Hours of audio that was recognised.
    pub audio_hours: f64,
    /// Time of the search over the test set, seconds, without the acoustic model.
    pub decoding_seconds: f64,
    /// Seconds of audio in a second of the search, over all threads; absent if it took no time.
    pub times_real_time: Option<f64>,
    /// Figures from the program `teacher-labeler`; absent if labels were given.
    pub labeler: Option<LabelerFigures>,
    /// Outputs of the model; 0 in figures of earlier versions.
    #[serde(default)]
    pub outputs: usize,
    /// The most probable of them that its labels keep of each frame; words are worse with few. 0 in figures of earlier versions.
    #[serde(default)]
    pub outputs_kept: usize,
    /// Fingerprint of the test features.
    pub features_fingerprint: String,
    /// Fingerprint of the model.
    pub model_fingerprint: String,
    /// The difference from another system's figures, at most one, in [`Measure::Words`].
    pub differences: Vec<MeasuredDifference>,
}

/// An utterance with what was said and what was recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecognisedUtterance {
    /// Its name in the set.
    pub id: String,
    /// Its group.
    pub group: String,
    /// What was said, as the set has it.
    pub reference: String,
    /// The words that were recognised, separated by spaces; empty if there is none.
    pub hypothesis: String,
}

/// The words of a lexicon and of a language model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyFigures {
    /// Words that can be recognised.
    pub words: u64,
    /// Words of the lexicon that the language model does not have.
    pub without_probability: u64,
    /// Words of the language model that the lexicon does not have.
    pub without_pronunciation: u64,
    /// Words of the lexicon that were left out, because each of their pronunciations has a phone that the model does not have.
    pub left_out: u64,
    /// These words, in the order of the lexicon.
    pub left_out_words: Vec<String>,
    /// Pronunciations with such a phone, of words that have others.
    pub left_out_pronunciations: u64,
}

/// The perplexity of a language model on the references, with the end of each utterance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PerplexityFigures {
    /// Of the words that the model knows.
    pub known: f64,
    /// Of all words; absent if the model has no probability of unknown words and the references have some.
    pub all: Option<f64>,
    /// Words of the references.
    pub words: u64,
    /// Of these, words that the model does not know.
    pub unknown: u64,
}

/// The most frequent unknown words that are named.
const NAMED: usize = 20;

impl RecognitionFigures {
    /// Scores utterances: fills everything that follows from their texts, and leaves the rest to the caller. The interval comes from
    /// drawing groups `resamples` times from `seed`.
    ///
    /// # Errors
    /// As [`score`]: [`Error::NothingToScore`] without utterances, [`Error::TooLong`] for one that cannot be aligned.
    pub fn score(
        utterances: Vec<RecognisedUtterance>,
        resamples: u32,
        seed: u64,
    ) -> Result<(Self, Scored), Error> {
        let texts = |text: fn(&RecognisedUtterance) -> &String| -> Transcripts {
            utterances.iter().map(|utterance| (utterance.id.clone(), text(utterance).clone())).collect()
        };
        let groups: Names = texts(|utterance| &utterance.group);
        let labels = Labels { speakers: None, groups: Some(&groups) };
        let scored = score(
            &texts(|utterance| &utterance.reference),
            &texts(|utterance| &utterance.hypothesis),
            labels,
        )?;
        let mut by_group = Scoreboard::default();
        for utterance in &scored.utterances {
            let group = utterance.group.as_deref().unwrap_or_default();
            by_group.add(group, Score { words: utterance.errors(), ..Score::default() });
        }
        let words = by_group.total().words;
        let figures = Self {
            schema_version: RECOGNITION_VERSION,
            normaliser_version: scored.normaliser,
            wer: words.rate(),
            wer_interval: rate_interval(&[&by_group], Measure::Words, resamples, seed),
            words,
            utterances,
            by_group,
            ..Self::default()
        };
        Ok((figures, scored))
    }

    /// Records the words that cannot be recognised, each with the number of times that the references have it. Of words of equal
    /// numbers the first in the order of letters comes first.
    #[must_use]
    pub fn with_unknown_words(mut self, words: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut words: Vec<(String, u64)> = words.into_iter().collect();
        words.sort_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
        self.unknown_words = words.iter().map(|(_, count)| count).sum();
        words.truncate(NAMED);
        self.frequent_unknown_words = words;
        self
    }

    /// Whether two systems were scored on the same utterances, with the same texts and groups, by the same rules. The sets may differ
    /// in their senones, and so in their fingerprints.
    #[must_use]
    pub fn has_test_set_of(&self, other: &Self) -> bool {
        let told = |figures: &'_ Self| -> Vec<(String, String, String)> {
            let key = |u: &RecognisedUtterance| (u.id.clone(), u.group.clone(), u.reference.clone());
            let mut told: Vec<_> = figures.utterances.iter().map(key).collect();
            told.sort_unstable();
            told
        };
        self.normaliser_version == other.normaliser_version && told(self) == told(other)
    }

    /// Fills `differences` with that to `baseline`. Stays without one if the two were not scored on the same groups and references,
    /// or on fewer than two groups.
    #[must_use]
    pub fn against(mut self, baseline: &Self, resamples: u32, seed: u64) -> Self {
        let measure = Measure::Words;
        let difference = self.by_group.compare(&baseline.by_group, measure, resamples, seed);
        let measured = difference.map(|difference| MeasuredDifference { measure, difference });
        self.differences = measured.into_iter().collect();
        self
    }
}

#[cfg(test)]
mod tests;
