use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[exchange.gtc]`: gradient threshold compression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gtc {
    /// What is thresholded. Default `auto`.
    pub apply: GtcApply,
    /// Share of values to send; τ follows it. Default 0.03; 0 to 0.5, 0 excluded. Ignored where `tau` is set.
    pub density: f64,
    /// A fixed threshold in units of what is thresholded; rounded to 8 significant bits. Absent: τ follows `density`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tau: Option<f32>,
    /// Share of all frames at the start that are exchanged dense. Default 0.02; 0 to 1.
    pub warmup_dense: f64,
    /// Share of all frames over which the density then falls to `density`. Default 0.1; 0 to 1.
    pub warmup_falling: f64,
    /// Density at the start of the fall. Default 0.1; 0 to 0.5, 0 excluded.
    pub warmup_density: f64,
    /// Bound on a residual's magnitude in multiples of τ; 0 (default) turns it off.
    pub residual_clip: f64,
    /// What the coordinator sends to the workers. Default `exact`.
    pub downlink: GtcDownlink,
}

/// What is thresholded, and whether the optimiser runs before or after the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GtcApply {
    /// `gradient` with SGD, `update` with an adaptive optimiser.
    Auto,
    /// Each worker's gradient, with SGD multiplied by its source's factor on the learning rate; one replicated
    /// optimiser after the sum (Strom 2015).
    Gradient,
    /// The update of each worker's own optimiser.
    Update,
}

/// What the coordinator sends to the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GtcDownlink {
    /// The sum of all contributions.
    Exact,
    /// The sum thresholded again, with a residual at the coordinator: its size does not grow with the workers.
    Rethreshold,
}

impl Default for Gtc {
    fn default() -> Self {
        Self {
            apply: GtcApply::Auto,
            density: 0.03,
            tau: None,
            warmup_dense: 0.02,
            warmup_falling: 0.1,
            warmup_density: 0.1,
            residual_clip: 0.0,
            downlink: GtcDownlink::Exact,
        }
    }
}

impl Gtc {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let density = |v: f64| v > 0.0 && v <= 0.5;
        let fraction = |v: f64| (0.0..=1.0).contains(&v);
        require(density(self.density), "exchange.gtc.density", "above 0, at most 0.5", self.density)?;
        require(
            self.tau.is_none_or(|t| t.is_finite() && t > 0.0),
            "exchange.gtc.tau",
            "a number above 0",
            self.tau.unwrap_or_default(),
        )?;
        require(fraction(self.warmup_dense), "exchange.gtc.warmup_dense", "0 to 1", self.warmup_dense)?;
        require(fraction(self.warmup_falling), "exchange.gtc.warmup_falling", "0 to 1", self.warmup_falling)?;
        require(
            density(self.warmup_density),
            "exchange.gtc.warmup_density",
            "above 0, at most 0.5",
            self.warmup_density,
        )?;
        require(
            self.residual_clip == 0.0 || self.residual_clip >= 1.0,
            "exchange.gtc.residual_clip",
            "0, or at least 1",
            self.residual_clip,
        )
    }
}
