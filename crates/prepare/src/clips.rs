//! Utterances as samples, read one recording at a time.

use crate::Error;
use std::collections::HashMap;
use stentor_audio::{DecodeReport, Decoder, Recording, Resampler, Utterance, cut};

/// Why some utterances of a recording are missing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The file is bad: it is counted and left out.
    Bad(String),
    /// The run cannot continue.
    Fatal(Error),
}

impl From<stentor_audio::Error> for Trouble {
    fn from(error: stentor_audio::Error) -> Self {
        Trouble::Bad(error.to_string())
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Fatal(error)
    }
}

/// Decodes recordings and resamples their utterances to one rate. Keeps a resampler for each source rate.
pub(crate) struct ClipReader {
    rate_hz: u32,
    channel: Option<usize>,
    resamplers: HashMap<u32, Resampler>,
}

impl ClipReader {
    /// Creates a reader that returns samples at `rate_hz`. For recordings with several channels it uses this channel,
    /// unless `reco2file_and_channel` names another one; without either, the mean of the channels.
    pub(crate) fn new(rate_hz: u32, channel: Option<usize>) -> Self {
        Self { rate_hz, channel, resamplers: HashMap::new() }
    }

    /// Passes each utterance of one recording to `give`, with its index in `utterances`; ±32768, mono. Returns remarks
    /// on the recording.
    ///
    /// # Errors
    /// [`Trouble::Bad`] if the file cannot be decoded, possibly after some of its utterances were passed.
    pub(crate) fn read(
        &mut self,
        recording: &Recording,
        utterances: &[&Utterance],
        mut give: impl FnMut(usize, Vec<f32>) -> Result<(), Trouble>,
    ) -> Result<DecodeReport, Trouble> {
        let mut decoder = Decoder::open(&recording.path)?.choosing(recording.channel.or(self.channel))?;
        let from_hz = decoder.rate_hz();
        let resampler = match self.resamplers.entry(from_hz) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(Resampler::new(from_hz, self.rate_hz)?)
            }
        };
        let segments: Vec<(u64, u64)> = utterances.iter().map(|u| u.extent.samples(from_hz)).collect();
        cut(&mut decoder, &segments, |i, samples| {
            if samples.iter().any(|s| !s.is_finite()) {
                return Err(Trouble::Bad("the samples are not finite numbers".to_owned()));
            }
            give(i, resampler.resample(samples)?)
        })?;
        Ok(decoder.report()?)
    }
}
