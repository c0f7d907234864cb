//! The jobs: recordings in random order, each with its utterances.

use super::headers::Headers;
use super::random::Random;
use super::set::Set;
use stentor_audio::{DataDirectory, Micros, Utterance};

/// The utterances to process of one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) recording: usize,
    /// Indices into [`DataDirectory::utterances`].
    pub(crate) utterances: Vec<usize>,
    /// Total duration of these utterances.
    pub(crate) duration: Micros,
}

/// The corpus and the set of each of its utterances.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) data: &'a DataDirectory,
    pub(crate) headers: &'a Headers,
    /// The set of each utterance; `None` if it is not used.
    pub(crate) sets: &'a [Option<Set>],
    pub(crate) seed: u64,
}

impl<'a> Work<'a> {
    /// Returns one job per recording with utterances that `wanted` accepts, shuffled with the seed. The order depends
    /// only on names, not on the order of files.
    pub(crate) fn jobs(&self, wanted: impl Fn(usize, Set) -> bool) -> Vec<Job> {
        let mut by_recording: Vec<Vec<usize>> = vec![Vec::new(); self.data.recordings.len()];
        for (i, utterance) in self.data.utterances.iter().enumerate() {
            if self.sets[i].is_some_and(|set| wanted(i, set)) {
                by_recording[utterance.recording].push(i);
            }
        }
        let mut jobs: Vec<Job> = by_recording
            .into_iter()
            .enumerate()
            .filter(|(_, utterances)| !utterances.is_empty())
            .map(|(recording, utterances)| {
                let durations =
                    utterances.iter().filter_map(|&i| self.headers.duration(&self.data.utterances[i]));
                Job { recording, duration: durations.sum(), utterances }
            })
            .collect();
        jobs.sort_by(|a, b| self.data.recordings[a.recording].id.cmp(&self.data.recordings[b.recording].id));
        Random::new(self.seed, 3).shuffle(&mut jobs);
        jobs
    }

    /// The utterances of a job.
    pub(crate) fn utterances(&self, job: &Job) -> Vec<&'a Utterance> {
        job.utterances.iter().map(|&i| &self.data.utterances[i]).collect()
    }

    /// The annotated utterances, in the order of the corpus.
    pub(crate) fn annotated(&self) -> impl Iterator<Item = &'a Utterance> {
        let utterances = self.data.utterances.iter().zip(self.sets);
        utterances.filter(|(_, set)| **set == Some(Set::Annotated)).map(|(utterance, _)| utterance)
    }
}
