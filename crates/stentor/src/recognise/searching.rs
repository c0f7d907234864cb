//! The search, over utterances side by side.

use crate::audio_bar::audio_bar;
use crate::labeled::{Labeled, LabeledRow, posteriors};
use crate::labeler::AGAIN;
use crate::parallel::Threads;
use anyhow::{Context, Result};
use std::time::Instant;
use stentor_decode::Outcome;
use stentor_evaluate::{Posteriors, RecognisedUtterance};
use stentor_recogniser::{Error, Phrases, Recogniser};
use stentor_runtime::Shutdown;

/// How utterances are searched.
pub(super) struct Searching<'a> {
    /// Phrases that are boosted.
    pub(super) phrases: Option<&'a Phrases>,
    pub(super) pool: &'a rayon::ThreadPool,
    pub(super) shutdown: &'a Shutdown,
}

/// What was recognised in a set.
#[derive(Default)]
pub(super) struct Found {
    /// Utterances with a text, in the order of the set.
    pub(super) utterances: Vec<RecognisedUtterance>,
    /// The words of these utterances with their times.
    pub(super) timed: Vec<Timed>,
    /// Utterances in which no path is possible.
    pub(super) no_path: u64,
    /// Utterances whose best path does not end with a word or a pause.
    pub(super) incomplete: u64,
    /// How long the search took, without reading.
    pub(super) seconds: f64,
    /// Milliseconds of a frame.
    pub(super) frame_ms: u32,
}

/// The words of an utterance.
pub(super) struct Timed {
    pub(super) speaker: String,
    pub(super) frames: usize,
    pub(super) words: Vec<stentor_recogniser::Found>,
}

/// How a search ended.
enum End {
    Complete,
    Incomplete,
    NoPath,
}

impl Found {
    /// Frames of all utterances that were searched.
    pub(super) fn frames(&self) -> u64 {
        self.timed.iter().map(|utterance| utterance.frames as u64).sum()
    }
}

impl Searching<'_> {
    /// Recognises the utterances of a set that have a text, one row group at a time.
    pub(super) async fn set(&self, recogniser: &Recogniser, set: &Labeled) -> Result<Found> {
        let frame_ms = set.features().settings.frame_ms();
        let mut found = Found { frame_ms, ..Found::default() };
        let bar = audio_bar("recognise", set.features().frames() * u64::from(frame_ms));
        for place in set.places() {
            let rows = set.read(place).await?;
            let start = Instant::now();
            let heard = self.each(rows, |row| {
                let frames = row.labels.frames() as u64;
                let heard = self.utterance(recogniser, row);
                bar.inc(frames * u64::from(frame_ms));
                heard
            });
            let heard = heard.with_context(|| set.location().to_owned())?;
            found.seconds += start.elapsed().as_secs_f64();
            for (utterance, timed, end) in heard.into_iter().flatten() {
                found.utterances.push(utterance);
                found.timed.push(timed);
                found.no_path += u64::from(matches!(end, End::NoPath));
                found.incomplete += u64::from(matches!(end, End::Incomplete));
            }
        }
        bar.finish_and_clear();
        Ok(found)
    }

    /// Recognises an utterance; `None` without a text.
    fn utterance(
        &self,
        recogniser: &Recogniser,
        row: LabeledRow,
    ) -> Result<Option<(RecognisedUtterance, Timed, End)>> {
        let LabeledRow { features, labels, .. } = row;
        let Some(reference) = features.text else { return Ok(None) };
        let frames = labels.frames();
        let posteriors = posteriors(labels, recogniser.outputs())?;
        let outcome = self.search(recogniser, &posteriors).with_context(|| features.utterance.clone())?;
        let (words, end) = match outcome {
            Some(Outcome { lattice, reached_final }) => {
                let found = recogniser.words(&lattice, reached_final)?;
                (found.words, if reached_final { End::Complete } else { End::Incomplete })
            }
            None => (Vec::new(), End::NoPath),
        };
        let texts: Vec<&str> = words.iter().map(|found| found.word.as_str()).collect();
        let utterance = RecognisedUtterance {
            id: features.utterance,
            group: features.group,
            reference,
            hypothesis: texts.join(" "),
        };
        Ok(Some((utterance, Timed { speaker: features.speaker, frames, words }, end)))
    }

    /// Searches an utterance; `None` if no path is possible.
    pub(super) fn search(
        &self,
        recogniser: &Recogniser,
        posteriors: &Posteriors,
    ) -> Result<Option<Outcome>, Error> {
        let mut frame = |frame: usize, row: &mut [f32]| posteriors.log_into(frame, row);
        possible(recogniser.search_frames(posteriors.frames(), &mut frame, self.phrases))
    }

    /// Does `work` for each item on all threads, as [`Threads::each`] says.
    pub(super) fn each<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        work: impl Fn(T) -> Result<R> + Sync + Send,
    ) -> Result<Vec<R>> {
        Threads { pool: self.pool, shutdown: self.shutdown, again: AGAIN }.each(items, work)
    }
}

/// An outcome, or `None` if no path is possible: then nothing was recognised.
fn possible(outcome: Result<Outcome, Error>) -> Result<Option<Outcome>, Error> {
    match outcome {
        Ok(outcome) => Ok(Some(outcome)),
        Err(Error::Decode(stentor_decode::Error::NoPath { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_utterance_without_a_possible_path_has_no_outcome_and_other_errors_stay() {
        let nowhere = stentor_decode::Error::NoPath { frame: 3 };
        assert!(matches!(possible(Err(nowhere.into())), Ok(None)));
        let broken = Error::Shape { outputs: 3, found: 4 };
        assert!(matches!(possible(Err(broken)), Err(Error::Shape { .. })));
    }
}
