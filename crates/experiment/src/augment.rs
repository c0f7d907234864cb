use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[augment]`: masks on the input of training batches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Number of stretches of mel bins that are masked in each chunk, for its whole length. Default 0; 0 to 16.
    pub frequency_masks: u32,
    /// Greatest width of such a stretch, mel bins; each has a width from 0 to this. Default 8; 1 to `features.mel_bins`.
    pub frequency_width: u32,
    /// Number of stretches of frames that are masked in each chunk, in all bins. Default 0; 0 to 16.
    pub time_masks: u32,
    /// Greatest length of such a stretch, frames of the model; each has a length from 0 to this. Default 10; 1 to 1000.
    pub time_width: u32,
    /// No stretch of frames is longer than this share of its chunk. Default 0.2; 0 to 1.
    pub time_share: f64,
}

impl Default for Augment {
    fn default() -> Self {
        Self { frequency_masks: 0, frequency_width: 8, time_masks: 0, time_width: 10, time_share: 0.2 }
    }
}

impl Augment {
    /// Whether nothing is set: the section is then not written, because programs of the protocol's version before do not know it.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn validate(&self, mel_bins: u32) -> Result<(), Error> {
        let Self { frequency_masks, frequency_width, time_masks, time_width, time_share } = *self;
        require(frequency_masks <= 16, "augment.frequency_masks", "0 to 16", frequency_masks)?;
        require(
            (1..=mel_bins).contains(&frequency_width) || self.is_default(),
            "augment.frequency_width",
            "1 to `features.mel_bins`",
            frequency_width,
        )?;
        require(time_masks <= 16, "augment.time_masks", "0 to 16", time_masks)?;
        require((1..=1000).contains(&time_width), "augment.time_width", "1 to 1000 frames", time_width)?;
        require((0.0..=1.0).contains(&time_share), "augment.time_share", "0 to 1", time_share)
    }
}
