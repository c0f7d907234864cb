use crate::error::{Error, require};
use serde::{Deserialize, Serialize};

/// `[exchange]`: how the workers agree. `strategy` toggles with one word; the tables of the others may stay in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exchange {
    /// `dense` (default), `gtc` or `bmuf`.
    pub strategy: Strategy,
    /// Settings of gradient threshold compression.
    pub gtc: Gtc,
    /// Settings of blockwise model-update filtering.
    pub bmuf: Bmuf,
}

/// Strategies of exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All-reduce of whole gradients, every batch.
    Dense,
    /// Gradient threshold compression (Strom 2015), every batch.
    Gtc,
    /// Blockwise model-update filtering (Chen & Huo 2016), every `block` batches.
    Bmuf,
}

impl Strategy {
    /// The word in the config file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Dense => "dense",
            Strategy::Gtc => "gtc",
            Strategy::Bmuf => "bmuf",
        }
    }
}

/// `[exchange.gtc]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gtc {
    /// What is thresholded. Default `auto`.
    pub apply: GtcApply,
    /// Share of values to send; τ follows it. Default 0.03; 0 to 0.5, 0 excluded. Ignored where `tau` is set.
    pub density: f64,
    /// A fixed threshold in units of what is thresholded; rounded to 8 significant bits. Absent: τ follows `density`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tau: Option<f32>,
    /// Share of all frames exchanged dense at the start. Default 0.02; 0 to 1.
    pub warmup_dense: f64,
    /// Share of all frames over which the density then falls to `density`. Default 0.1; 0 to 1.
    pub warmup_falling: f64,
    /// Density at the start of the fall. Default 0.1; 0 to 0.5, 0 excluded.
    pub warmup_density: f64,
    /// Bound on a residual's magnitude in multiples of τ; 0 (default) turns it off.
    pub residual_clip: f64,
    /// What the coordinator sends down. Default `exact`.
    pub downlink: GtcDownlink,
}

/// What is thresholded and where the optimiser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GtcApply {
    /// `gradient` with SGD, `update` with an adaptive optimiser.
    Auto,
    /// Each worker's gradient; one replicated optimiser after the sum (Strom 2015).
    Gradient,
    /// Each worker's own optimiser's update.
    Update,
}

/// What the coordinator sends down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GtcDownlink {
    /// The sum of all contributions.
    Exact,
    /// The sum thresholded again, with a residual at the coordinator: its size does not grow with the workers.
    Rethreshold,
}

/// `[exchange.bmuf]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bmuf {
    /// Batches of a worker between two exchanges. Default 50; 1 to 10000.
    pub block: u32,
    /// Block momentum η; absent (default): 1 − 1/N for N workers. 0 to 1, 1 excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// Block learning rate ζ. Default 1; above 0.
    pub learning_rate: f64,
    /// Default `nesterov`.
    pub kind: BmufMomentum,
    /// What becomes of a worker's own optimiser state at a block's end. Default `keep`.
    pub moments: BlockMoments,
    /// How models are weighted in the mean. Default `frames`.
    pub weights: BmufWeights,
}

/// Where a worker starts its next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BmufMomentum {
    /// At W.
    Classical,
    /// At W + ηΔ.
    Nesterov,
}

/// What becomes of a worker's own optimiser state at a block's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockMoments {
    /// It stays.
    Keep,
    /// It starts anew from zero.
    Reset,
}

/// How models are weighted in the mean of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BmufWeights {
    /// By the frames each has seen in the block.
    Frames,
    /// All alike.
    Equal,
}

impl Default for Exchange {
    fn default() -> Self {
        Self { strategy: Strategy::Dense, gtc: Gtc::default(), bmuf: Bmuf::default() }
    }
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

impl Default for Bmuf {
    fn default() -> Self {
        Self {
            block: 50,
            momentum: None,
            learning_rate: 1.0,
            kind: BmufMomentum::Nesterov,
            moments: BlockMoments::Keep,
            weights: BmufWeights::Frames,
        }
    }
}

impl Bmuf {
    /// Block momentum η for `workers` members: as set, or 1 − 1/N (Chen & Huo 2016, §3).
    #[must_use]
    pub fn momentum_for(&self, workers: usize) -> f64 {
        self.momentum.unwrap_or(1.0 - 1.0 / workers.max(1) as f64)
    }
}

impl Exchange {
    /// Batches that a worker computes for one round.
    #[must_use]
    pub fn batches_per_round(&self) -> u32 {
        match self.strategy {
            Strategy::Dense | Strategy::Gtc => 1,
            Strategy::Bmuf => self.bmuf.block,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let density = |v: f64| v > 0.0 && v <= 0.5;
        let fraction = |v: f64| (0.0..=1.0).contains(&v);
        let Gtc { tau, .. } = self.gtc;
        require(density(self.gtc.density), "exchange.gtc.density", "above 0, at most 0.5", self.gtc.density)?;
        require(
            tau.is_none_or(|t| t.is_finite() && t > 0.0),
            "exchange.gtc.tau",
            "a number above 0",
            tau.unwrap_or_default(),
        )?;
        require(
            fraction(self.gtc.warmup_dense),
            "exchange.gtc.warmup_dense",
            "0 to 1",
            self.gtc.warmup_dense,
        )?;
        require(
            fraction(self.gtc.warmup_falling),
            "exchange.gtc.warmup_falling",
            "0 to 1",
            self.gtc.warmup_falling,
        )?;
        require(
            density(self.gtc.warmup_density),
            "exchange.gtc.warmup_density",
            "above 0, at most 0.5",
            self.gtc.warmup_density,
        )?;
        require(
            self.gtc.residual_clip == 0.0 || self.gtc.residual_clip >= 1.0,
            "exchange.gtc.residual_clip",
            "0, or at least 1",
            self.gtc.residual_clip,
        )?;
        require(
            (1..=10_000).contains(&self.bmuf.block),
            "exchange.bmuf.block",
            "1 to 10000",
            self.bmuf.block,
        )?;
        require(
            self.bmuf.momentum.is_none_or(|m| (0.0..1.0).contains(&m)),
            "exchange.bmuf.momentum",
            "0 to 1, 1 excluded",
            self.bmuf.momentum.unwrap_or_default(),
        )?;
        require(
            self.bmuf.learning_rate > 0.0 && self.bmuf.learning_rate.is_finite(),
            "exchange.bmuf.learning_rate",
            "a number above 0",
            self.bmuf.learning_rate,
        )
    }
}
