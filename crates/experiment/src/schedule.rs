use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[schedule]`: order of the data and learning rate. Everything is measured in committed frames, not rounds, so that
/// the number of workers changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Number of passes over the unannotated data, or over the annotated data if there are no others. Default 4; 1 to
    /// 10000.
    pub passes: u32,
    /// Number of annotated passes during one pass over the unannotated data. Default 4; 0 to 1000.
    pub annotated_passes: u32,
    /// How the two sources alternate. Default `sub-epoch`.
    pub interleave: Interleave,
    /// Number of machine-labeled batches in a sub-epoch. Default 64; at least 1.
    pub sub_epoch_batches: u32,
    /// Peak learning rate. Default 0.001; above 0.
    pub learning_rate: f64,
    /// Learning rate at the end, as a fraction of the peak; the decay is linear in frames. Default 0.05; 0 to 1.
    pub final_fraction: f64,
    /// Share of all frames over which the rate rises from 0 to its peak. Default 0.02; 0 to 1.
    pub warmup_fraction: f64,
    /// Factor on the learning rate of annotated batches if two sources alternate; GTC on gradients with SGD applies it
    /// to the gradients before they are thresholded. Default 2; above 0.
    pub annotated_multiplier: f64,
    /// Number of evaluations on dev without improvement after which training stops. Default 0: never.
    pub patience: u32,
}

/// How annotated and machine-labeled data alternate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interleave {
    /// `sub_epoch_batches` machine-labeled batches, then the annotated data's share.
    SubEpoch,
    /// Round by round, in proportion.
    Batch,
    /// All machine-labeled data first, then all annotated: for comparison.
    Segregated,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            passes: 4,
            annotated_passes: 4,
            interleave: Interleave::SubEpoch,
            sub_epoch_batches: 64,
            learning_rate: 1e-3,
            final_fraction: 0.05,
            warmup_fraction: 0.02,
            annotated_multiplier: 2.0,
            patience: 0,
        }
    }
}

impl Schedule {
    /// Returns the learning rate after `progress` (0 to 1) of all frames, before the source's multiplier: a linear rise
    /// over `warmup_fraction`, then a linear decay to `final_fraction` of the peak.
    #[must_use]
    pub fn learning_rate_at(&self, progress: f64) -> f64 {
        let progress = progress.clamp(0.0, 1.0);
        let rise = if self.warmup_fraction > 0.0 { (progress / self.warmup_fraction).min(1.0) } else { 1.0 };
        // The first round must change the model: the rate is at least one hundredth of the peak during the rise.
        let rise = rise.max(0.01);
        let fall = 1.0 - (1.0 - self.final_fraction) * progress;
        self.learning_rate * rise * fall
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let fraction = |v: f64| (0.0..=1.0).contains(&v);
        require((1..=10_000).contains(&self.passes), "schedule.passes", "1 to 10000", self.passes)?;
        require(
            self.annotated_passes <= 1000,
            "schedule.annotated_passes",
            "0 to 1000",
            self.annotated_passes,
        )?;
        require(
            self.sub_epoch_batches >= 1,
            "schedule.sub_epoch_batches",
            "at least 1",
            self.sub_epoch_batches,
        )?;
        require(
            self.learning_rate > 0.0 && self.learning_rate.is_finite(),
            "schedule.learning_rate",
            "a number above 0",
            self.learning_rate,
        )?;
        require(fraction(self.final_fraction), "schedule.final_fraction", "0 to 1", self.final_fraction)?;
        require(fraction(self.warmup_fraction), "schedule.warmup_fraction", "0 to 1", self.warmup_fraction)?;
        require(
            self.annotated_multiplier > 0.0 && self.annotated_multiplier.is_finite(),
            "schedule.annotated_multiplier",
            "a number above 0",
            self.annotated_multiplier,
        )
    }
}
