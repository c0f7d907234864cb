use crate::Error;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// Shortest block of the resampler's Fourier transform, in input samples: long enough that the anti-aliasing filter
/// keeps 95 % of the band, short enough that a word fills several.
const SHORTEST_BLOCK: u64 = 1_024;

/// Returns the number of samples of a clip after resampling: its duration, rounded up to whole samples.
#[must_use]
pub fn resampled_length(samples: usize, from_hz: u32, to_hz: u32) -> usize {
    (samples as u128 * u128::from(to_hz)).div_ceil(u128::from(from_hz.max(1))) as usize
}

/// Resamples whole clips. Band-limited, without delay: sample 0 stays at time 0.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// `None` if the rates are equal.
    fft: Option<Fft<f32>>,
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
        if from_hz == to_hz {
            return Ok(Self { from_hz, to_hz, fft: None });
        }
        // The block is an even multiple of the smallest one, so that half of it, the filter's delay, is a whole number
        // of samples at both rates.
        let smallest = u64::from(from_hz / gcd(from_hz, to_hz));
        let block = smallest * SHORTEST_BLOCK.div_ceil(smallest).next_multiple_of(2);
        let fft = Fft::new_custom(
            from_hz as usize,
            to_hz as usize,
            block as usize,
            1,
            1,
            rubato::WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|e| Error::Resample(e.to_string()))?;
        Ok(Self { from_hz, to_hz, fft: Some(fft) })
    }

    /// Resamples a whole clip; the result has exactly [`resampled_length`] samples.
    ///
    /// # Errors
    /// [`Error::Resample`] if the resampler rejects its input; no input is known to cause this.
    pub fn resample(&mut self, samples: Vec<f32>) -> Result<Vec<f32>, Error> {
        let Some(fft) = &mut self.fft else { return Ok(samples) };
        if samples.is_empty() {
            return Ok(samples);
        }
        let length = samples.len();
        let input = InterleavedSlice::new(&samples, 1, length).map_err(|e| Error::Resample(e.to_string()))?;
        let output = fft.process_all(&input, length, None).map_err(|e| Error::Resample(e.to_string()))?;
        let mut output = output.take_data();
        output.resize(resampled_length(length, self.from_hz, self.to_hz), 0.0);
        Ok(output)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
