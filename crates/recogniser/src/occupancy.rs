//! Which senone each frame has, given what was probably said: occupancies from a language model.

use crate::{Aligned, Error, Recogniser, WordAligner};
use std::collections::BTreeMap;
use stentor_decode::Outcome;
use stentor_inventory::{Lexicon, SenoneId, WordId};
use stentor_random::{SplitMix64, unit_interval};

/// Estimates the posterior γ_t(s) of each senone s at each frame t given the whole utterance, the lexicon and the language model, where
/// an acoustic model alone knows only the sound around the frame.
///
/// The recogniser's lattice is a distribution over word sequences. Some are drawn from it, and each distinct one is aligned with the
/// frames; the share of the draws in which frame t has senone s is an unbiased estimate of γ_t(s) for the lattice's word sequences with
/// their best alignments. Any context of the senones is right in it, because whole word sequences are aligned.
#[derive(Debug)]
pub struct Occupancy<'a> {
    recogniser: &'a Recogniser,
    aligner: &'a WordAligner,
    lexicon: &'a Lexicon,
    draws: u32,
}

/// Alignments of an utterance, each with the share of the draws that it stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Occupied {
    /// Shares add up to 1, and there is at least one; senones are `[frames]`.
    pub alignments: Vec<(f32, Vec<SenoneId>)>,
}

/// Why an utterance has no occupancies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unoccupied {
    /// The search found no path.
    NoPath,
    /// No drawn word sequence has words and an alignment.
    NoAlignment,
}

impl<'a> Occupancy<'a> {
    /// Estimates with this number of draws, at least one. The aligner's words are those of `lexicon`, which has all words of the
    /// recogniser.
    #[must_use]
    pub fn new(
        recogniser: &'a Recogniser,
        aligner: &'a WordAligner,
        lexicon: &'a Lexicon,
        draws: u32,
    ) -> Self {
        Self { recogniser, aligner, lexicon, draws: draws.max(1) }
    }

    /// The occupancies of an utterance. `log_posteriors` writes those of a frame, `[outputs]`; it is asked for the frames in order,
    /// several times. The draws depend on `seed` alone.
    ///
    /// # Errors
    /// As [`Recogniser::decode`] and [`WordAligner::align`]. An utterance in which nothing is found is no error but [`Unoccupied`].
    pub fn of(
        &self,
        frames: usize,
        log_posteriors: &mut dyn FnMut(usize, &mut [f32]),
        seed: u64,
    ) -> Result<Result<Occupied, Unoccupied>, Error> {
        let lattice = match self.recogniser.search_frames(frames, log_posteriors, None) {
            Ok(Outcome { lattice, .. }) => lattice,
            Err(Error::Decode(stentor_decode::Error::NoPath { .. })) => return Ok(Err(Unoccupied::NoPath)),
            Err(error) => return Err(error),
        };
        let posteriors = lattice.posteriors(self.recogniser.settings().posterior_scale)?;
        let mut random = SplitMix64::new(seed);
        let mut drawn: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
        for _ in 0..self.draws {
            let words = lattice.draw(&posteriors, || unit_interval(random.next_u64()));
            *drawn.entry(words).or_default() += 1;
        }
        let (mut found, mut total) = (Vec::with_capacity(drawn.len()), 0);
        for (words, times) in drawn {
            let Some(words) = self.of_lexicon(&words) else { continue };
            if let Ok(Aligned { senones, .. }) = self.aligner.align(&words, frames, log_posteriors)? {
                total += times;
                found.push((times, senones));
            }
        }
        if found.is_empty() {
            return Ok(Err(Unoccupied::NoAlignment));
        }
        let share = |(times, senones)| (times as f32 / total as f32, senones);
        Ok(Ok(Occupied { alignments: found.into_iter().map(share).collect() }))
    }

    /// The words of the recogniser's labels in the lexicon; none if there is no word at all.
    fn of_lexicon(&self, labels: &[u32]) -> Option<Vec<WordId>> {
        let word = |label: &u32| self.lexicon.id(self.recogniser.name(*label)?);
        let words = labels.iter().map(word).collect::<Option<Vec<_>>>()?;
        (!words.is_empty()).then_some(words)
    }
}
