use crate::Error;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

/// Shortest block of the resampler's Fourier transform, in input samples: long enough that the anti-aliasing filter
/// keeps 95 % of the band, short enough that a word fills several.
const SHORTEST_BLOCK: u64 = 1_024;

/// Returns the number of samples of a clip after resampling: its duration, rounded up to whole samples.
#[must_use]
pub fn resampled_length(samples: usize, from_hz: u32, to_hz: u32) -> usize {
    (samples as u128 * u128::from(to_hz)).div_ceil(u128::from(from_hz.max(1))) as usize
}

/// Resamples clips, whole or in pieces. Band-limited, without delay: sample 0 stays at time 0.
///
/// The samples of a clip are the same to the bit whatever its pieces. Those of a piece come with a delay of at most two
/// blocks, some 0.2 s, because sound after a sample contributes to it; without resampling, they come at once.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// `None` if the rates are equal.
    blocks: Option<Blocks>,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .finish_non_exhaustive()
    }
}

impl Resampler {
    /// Creates a resampler; reuse it for all clips of one rate.
    ///
    /// # Errors
    /// [`Error::Rate`] for a rate outside 1000 to 768000 Hz.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, Error> {
        if let Some(&bad) = [from_hz, to_hz].iter().find(|rate| !(1_000..=768_000).contains(*rate)) {
            return Err(Error::Rate(bad));
        }
        let blocks = if from_hz == to_hz { None } else { Some(Blocks::new(from_hz, to_hz)?) };
        Ok(Self { from_hz, to_hz, blocks })
    }

    /// Resamples a whole clip; the result has exactly [`resampled_length`] samples.
    ///
    /// # Errors
    /// [`Error::Resample`] if the resampler rejects its input; no input is known to cause this.
    pub fn resample(&mut self, samples: Vec<f32>) -> Result<Vec<f32>, Error> {
        let Some(blocks) = &mut self.blocks else { return Ok(samples) };
        blocks.reset();
        let mut output = Vec::with_capacity(resampled_length(samples.len(), self.from_hz, self.to_hz));
        self.push(&samples, &mut output)?;
        self.finish(&mut output)?;
        Ok(output)
    }

    /// Appends to `out` what the next samples of a clip make available.
    ///
    /// # Errors
    /// As [`resample`](Self::resample).
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        match &mut self.blocks {
            None => {
                out.extend_from_slice(samples);
                Ok(())
            }
            Some(blocks) => blocks.push(samples, out),
        }
    }

    /// Appends the rest of the clip: with all pieces, exactly [`resampled_length`] samples. The next piece begins a new clip.
    ///
    /// # Errors
    /// As [`resample`](Self::resample).
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        let Some(blocks) = &mut self.blocks else { return Ok(()) };
        let length = resampled_length(blocks.taken, self.from_hz, self.to_hz);
        let finished = blocks.finish(length, out);
        blocks.reset();
        finished
    }
}

/// The transform of one block after the other, and what is between blocks.
struct Blocks {
    // Of the same type as the filter bank's transform: the FFT's many kernels are compiled once for each type that is used.
    fft: Fft<f64>,
    /// Samples of the block in progress.
    waiting: Vec<f64>,
    /// Samples of the clip so far.
    taken: usize,
    /// Samples of the filter's delay that are still to be dropped.
    delay: usize,
    /// Samples returned.
    given: usize,
    output: Vec<f64>,
}

impl Blocks {
    fn new(from_hz: u32, to_hz: u32) -> Result<Self, Error> {
        let fft = transform(from_hz, to_hz)?;
        let (waiting, delay) = (Vec::with_capacity(fft.input_frames_next()), fft.output_delay());
        let output = vec![0.0; fft.output_frames_max()];
        Ok(Self { fft, waiting, taken: 0, delay, given: 0, output })
    }

    /// Begins a new clip.
    fn reset(&mut self) {
        self.fft.reset();
        self.waiting.clear();
        (self.taken, self.given, self.delay) = (0, 0, self.fft.output_delay());
    }

    fn push(&mut self, mut samples: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        self.taken += samples.len();
        let block = self.fft.input_frames_next();
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(block - self.waiting.len()));
            self.waiting.extend(now.iter().copied().map(f64::from));
            samples = later;
            if self.waiting.len() == block {
                self.transform(out)?;
            }
        }
        Ok(())
    }

    /// Appends samples until the clip has `length`: first those of the block in progress, filled up with silence.
    fn finish(&mut self, length: usize, out: &mut Vec<f32>) -> Result<(), Error> {
        while self.given < length {
            self.waiting.resize(self.fft.input_frames_next(), 0.0);
            self.transform(out)?;
        }
        out.truncate(out.len() - (self.given - length));
        Ok(())
    }

    /// Transforms a whole block.
    fn transform(&mut self, out: &mut Vec<f32>) -> Result<(), Error> {
        let (frames, places) = (self.waiting.len(), self.output.len());
        let input = InterleavedSlice::new(&self.waiting, 1, frames).map_err(failed)?;
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, places).map_err(failed)?;
        let (_, count) = self.fft.process_into_buffer(&input, &mut output, None).map_err(failed)?;
        self.waiting.clear();
        let dropped = self.delay.min(count);
        self.delay -= dropped;
        self.given += count - dropped;
        out.extend(self.output[dropped..count].iter().map(|&sample| sample as f32));
        Ok(())
    }
}

/// The transform between two different rates.
pub(crate) fn transform(from_hz: u32, to_hz: u32) -> Result<Fft<f64>, Error> {
    // The block is an even multiple of the smallest one, so that half of it, the filter's delay, is a whole number
    // of samples at both rates.
    let smallest = u64::from(from_hz / gcd(from_hz, to_hz));
    let block = smallest * SHORTEST_BLOCK.div_ceil(smallest).next_multiple_of(2);
    let (from_hz, to_hz, window) = (from_hz as usize, to_hz as usize, WindowFunction::BlackmanHarris2);
    Fft::new_custom(from_hz, to_hz, block as usize, 1, 1, window, FixedSync::Both).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Resample(error.to_string())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
