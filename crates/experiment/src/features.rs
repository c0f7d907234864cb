use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[features]`: Kaldi-compatible log-mel filter bank, then stacking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    /// Rate to which audio is resampled, Hz. Default 16000.
    pub sample_rate_hz: u32,
    /// Number of mel bins. Default 64; 8 to 256.
    pub mel_bins: u32,
    /// Window length, ms. Default 25.
    pub window_ms: u32,
    /// Hop between filter-bank frames, ms. Default 10.
    pub hop_ms: u32,
    /// Lower edge of the first mel bin, Hz. Default 20.
    pub low_hz: f32,
    /// Upper edge of the last mel bin, Hz; 0 (default) means the corpus's own Nyquist frequency, at most half of
    /// `sample_rate_hz`.
    pub high_hz: f32,
    /// Number of consecutive filter-bank frames that make one frame of the model. Default 3 (30 ms).
    pub stack: u32,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            sample_rate_hz: 16_000,
            mel_bins: 64,
            window_ms: 25,
            hop_ms: 10,
            low_hz: 20.0,
            high_hz: 0.0,
            stack: 3,
        }
    }
}

impl Features {
    /// Returns the width of a stacked frame: `mel_bins × stack`.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.mel_bins as usize * self.stack as usize
    }

    /// Returns the duration of a stacked frame, in milliseconds.
    #[must_use]
    pub fn frame_ms(&self) -> u32 {
        self.hop_ms * self.stack
    }

    /// Checks every setting against its bounds.
    ///
    /// # Errors
    /// [`Error::Value`] naming the key.
    pub fn validate(&self) -> Result<(), Error> {
        let nyquist = self.sample_rate_hz as f32 / 2.0;
        require(
            (4_000..=48_000).contains(&self.sample_rate_hz),
            "features.sample_rate_hz",
            "4000 to 48000 Hz",
            self.sample_rate_hz,
        )?;
        require((8..=256).contains(&self.mel_bins), "features.mel_bins", "8 to 256", self.mel_bins)?;
        require((5..=100).contains(&self.window_ms), "features.window_ms", "5 to 100 ms", self.window_ms)?;
        require(
            self.hop_ms >= 1 && self.hop_ms <= self.window_ms,
            "features.hop_ms",
            "1 ms to the window's length",
            self.hop_ms,
        )?;
        require(
            self.low_hz >= 0.0 && self.low_hz < nyquist,
            "features.low_hz",
            "0 Hz to half the sample rate",
            self.low_hz,
        )?;
        require(
            self.high_hz == 0.0 || (self.high_hz > self.low_hz && self.high_hz <= nyquist),
            "features.high_hz",
            "0, or above `low_hz` and at most half the sample rate",
            self.high_hz,
        )?;
        require((1..=8).contains(&self.stack), "features.stack", "1 to 8 frames", self.stack)
    }
}
