//! Recognition of speech as it comes.

use crate::recogniser::Net;
use crate::{Error, Found, Phrases, Recogniser, Words};
use stentor_decode::Search;

/// How many frames stay open, at most twice as many: half a minute at 30 ms.
const OPEN_FRAMES: usize = 1_000;

/// An utterance, or a stream of hours, that is recognised frame by frame. Memory is bounded: words of more than a minute ago no
/// longer change.
#[derive(Debug)]
pub struct Stream<'a> {
    recogniser: &'a Recogniser,
    search: Search<Net<'a>>,
    costs: Vec<f32>,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(recogniser: &'a Recogniser, phrases: Option<&'a Phrases>) -> Self {
        let options = recogniser.settings().options(Some(OPEN_FRAMES));
        Self { recogniser, search: Search::new(recogniser.network(phrases), options), costs: Vec::new() }
    }

    /// Frames so far.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.search.frames()
    }

    /// Takes the log posteriors of some frames, `[frames × outputs]`, and returns the words that have become final: none in most
    /// calls, as only words of long ago do while the stream goes on.
    ///
    /// # Errors
    /// As [`Recogniser::decode`]. The frames before the one that is named have been taken.
    pub fn push(&mut self, log_posteriors: &[f32]) -> Result<Vec<Found>, Error> {
        let outputs = self.recogniser.outputs();
        if !log_posteriors.len().is_multiple_of(outputs) {
            return Err(Error::Shape { outputs, found: log_posteriors.len() });
        }
        let mut words = Vec::new();
        for frame in log_posteriors.chunks_exact(outputs) {
            self.recogniser.scores().costs(self.search.frames(), frame, &mut self.costs)?;
            if let Some(settled) = self.search.advance(&self.costs)? {
                words.extend(self.recogniser.words(&settled.lattice, true)?.words);
            }
        }
        Ok(words)
    }

    /// The words after the last final one, as the best path so far has them. The last of them may be incomplete.
    #[must_use]
    pub fn partial(&self) -> Vec<Found> {
        self.recogniser.found(&self.search.partial(), std::iter::repeat(None))
    }

    /// Ends the stream: the words after the last final one.
    ///
    /// # Errors
    /// [`Error::Decode`] if the scale of posteriors is not usable.
    pub fn finish(self) -> Result<Words, Error> {
        let outcome = self.search.finish();
        self.recogniser.words(&outcome.lattice, outcome.reached_final)
    }
}
