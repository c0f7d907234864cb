use crate::{Error, Fbank, Resampler};
use stentor_experiment::Features;

/// Stacked feature frames of audio that comes in pieces: resampling, filter bank and stacking.
///
/// The frames of a clip are those that [`Resampler::resample`] and [`Fbank::compute`] give for the whole clip, to the bit,
/// whatever its pieces. Memory does not grow with the clip.
#[derive(Debug)]
pub struct FrameStream {
    resampler: Resampler,
    fbank: Fbank,
    /// Values of a stacked frame.
    dimension: usize,
    /// Samples given so far.
    taken: u64,
    /// Samples from the start of the next filter-bank frame on.
    samples: Vec<f32>,
    /// Filter-bank frames of the stacked frame in progress.
    frames: Vec<f32>,
}

impl FrameStream {
    /// A stream before its first sample. The audio has `source_hz` samples per second; `corpus_nyquist_hz` is the upper edge of
    /// the filter bank if `features.high_hz` is 0, and must be that of the corpus the model was trained on.
    ///
    /// # Errors
    /// [`Error::Rate`], [`Error::MelRange`].
    pub fn new(features: &Features, corpus_nyquist_hz: f32, source_hz: u32) -> Result<Self, Error> {
        let resampler = Resampler::new(source_hz, features.sample_rate_hz)?;
        let fbank = Fbank::new(features, corpus_nyquist_hz)?;
        let (samples, frames) = (Vec::new(), Vec::new());
        Ok(Self { resampler, fbank, dimension: features.dimension(), taken: 0, samples, frames })
    }

    /// Values of a stacked frame.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Appends to `out` the frames, `[frames, dimension]`, that the next samples, mono, ±32768, complete.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a sample that is not a finite number, [`Error::Resample`].
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        if let Some(place) = samples.iter().position(|sample| !sample.is_finite()) {
            return Err(Error::NotFinite { sample: self.taken + place as u64, found: samples[place] });
        }
        self.taken += samples.len() as u64;
        self.resampler.push(samples, &mut self.samples)?;
        self.complete(out);
        Ok(())
    }

    /// Appends the frames that were waiting for the resampler. Samples that fill no frame are dropped, as at the end of every
    /// clip. The next piece begins a new clip.
    ///
    /// # Errors
    /// [`Error::Resample`].
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        self.resampler.finish(&mut self.samples)?;
        self.complete(out);
        self.samples.clear();
        self.frames.clear();
        self.taken = 0;
        Ok(())
    }

    fn complete(&mut self, out: &mut Vec<f32>) {
        let count = self.fbank.compute(&self.samples, &mut self.frames);
        self.samples.drain(..count * self.fbank.shift());
        let whole = self.frames.len() / self.dimension * self.dimension;
        out.extend(self.frames.drain(..whole));
    }
}
