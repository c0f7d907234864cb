use crate::Error;
use crate::mel::{MelBin, mel_bins};
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::sync::Arc;
use stentor_experiment::Features;

/// First-order high-pass that lifts the upper band of speech.
const PRE_EMPHASIS: f32 = 0.97;

/// Kaldi-compatible log-mel filter bank: povey window, pre-emphasis, mean removed per frame, frames only where the whole
/// window fits (`snip_edges`), no dither, logarithm floored at f32's epsilon.
///
/// Precision follows Kaldi: single up to the window, double for the Fourier transform, single again after it. A bin may
/// contain only 10⁻⁹ of its frame's energy, which the rounding errors of a single-precision transform would hide.
///
/// Contains its own scratch memory: clone it for each thread.
#[derive(Clone)]
pub struct Fbank {
    window: Vec<f32>,
    shift: usize,
    bins: Vec<MelBin>,
    high_hz: f32,
    fft: Arc<dyn RealToComplex<f64>>,
    padded: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
    power: Vec<f32>,
}

impl std::fmt::Debug for Fbank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fbank")
            .field("bins", &self.bins.len())
            .field("high_hz", &self.high_hz)
            .finish_non_exhaustive()
    }
}

impl Fbank {
    /// Computes window and filters. `corpus_nyquist_hz`, half the sample rate of the source audio, is the upper edge if
    /// `features.high_hz` is 0.
    ///
    /// # Errors
    /// [`Error::MelRange`] if the source has no frequencies above `features.low_hz`.
    pub fn new(features: &Features, corpus_nyquist_hz: f32) -> Result<Self, Error> {
        let rate_hz = features.sample_rate_hz as f32;
        let low_hz = features.low_hz;
        let wanted = if features.high_hz > 0.0 { features.high_hz } else { corpus_nyquist_hz };
        let high_hz = wanted.min(rate_hz / 2.0);
        if high_hz.partial_cmp(&low_hz) != Some(std::cmp::Ordering::Greater) {
            return Err(Error::MelRange { low_hz, high_hz, nyquist_hz: corpus_nyquist_hz });
        }
        let samples = |ms: u32| ((features.sample_rate_hz * ms) as usize / 1_000).max(1);
        let length = samples(features.window_ms).max(2);
        let size = length.next_power_of_two();
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        Ok(Self {
            window: povey_window(length),
            shift: samples(features.hop_ms),
            bins: mel_bins(features.mel_bins as usize, low_hz, high_hz, rate_hz, size),
            high_hz,
            padded: vec![0.0; size],
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; size / 2 + 1],
            fft,
        })
    }

    /// Returns the upper edge of the last mel bin, Hz.
    #[must_use]
    pub fn high_hz(&self) -> f32 {
        self.high_hz
    }

    /// Returns the bins that are too narrow for the transform's resolution; their value is always the logarithm of the
    /// floor.
    #[must_use]
    pub fn empty_bins(&self) -> Vec<usize> {
        (0..self.bins.len()).filter(|&i| self.bins[i].is_empty()).collect()
    }

    /// Samples from the start of a frame to that of the next.
    pub(crate) fn shift(&self) -> usize {
        self.shift
    }

    /// Returns the number of frames of `samples` samples.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        samples.checked_sub(self.window.len()).map_or(0, |rest| 1 + rest / self.shift)
    }

    /// Appends the frames of a clip, `[frames, mel_bins]` row-major, natural logarithms, and returns their number.
    /// `samples` are at `features.sample_rate_hz`, ±32768.
    pub fn compute(&mut self, samples: &[f32], out: &mut Vec<f32>) -> usize {
        let frames = self.frames(samples.len());
        out.reserve(frames * self.bins.len());
        for frame in 0..frames {
            let start = frame * self.shift;
            self.power_spectrum(&samples[start..start + self.window.len()]);
            out.extend(self.bins.iter().map(|bin| bin.energy(&self.power).max(f32::EPSILON).ln()));
        }
        frames
    }

    fn power_spectrum(&mut self, samples: &[f32]) {
        let length = samples.len();
        let mean = samples.iter().sum::<f32>() / length as f32;
        // The first sample has no predecessor: Kaldi uses the sample itself.
        let mut before = samples[0] - mean;
        for ((padded, &sample), weight) in self.padded.iter_mut().zip(samples).zip(&self.window) {
            let centred = sample - mean;
            *padded = f64::from((centred - PRE_EMPHASIS * before) * weight);
            before = centred;
        }
        self.padded[length..].fill(0.0);
        self.fft
            .process_with_scratch(&mut self.padded, &mut self.spectrum, &mut self.scratch)
            .expect("the transform allocated the buffers");
        for (power, line) in self.power.iter_mut().zip(&self.spectrum) {
            let (re, im) = (line.re as f32, line.im as f32);
            *power = re * re + im * im;
        }
    }
}

/// Kaldi's povey window: a Hann window to the power of 0.85, which reaches zero at the edges.
fn povey_window(length: usize) -> Vec<f32> {
    let step = std::f64::consts::TAU / (length - 1) as f64;
    (0..length).map(|i| (0.5 - 0.5 * (step * i as f64).cos()).powf(0.85) as f32).collect()
}

/// Returns the number of stacked frames that `frames` filter-bank frames make; incomplete ones at the end are dropped.
///
/// Stacking copies nothing: `[frames, bins]` row-major is `[frames / stack, bins × stack]` in the same memory.
#[must_use]
pub fn stacked_frames(frames: usize, stack: u32) -> usize {
    frames / stack.max(1) as usize
}
