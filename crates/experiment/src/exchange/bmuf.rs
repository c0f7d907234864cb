use super::block_preset::BlockPreset;
use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[exchange.bmuf]`: blockwise model-update filtering. `preset` gives defaults, and keys in the file take precedence;
/// once read, every key has a value, and `stentor config show` prints them all.
///
/// Workers start a block at S and end it at θᵢ. Every `block` batches, with G = mean(θᵢ) − S:
/// Δ ← ηΔ + ζG; W ← W + Δ; the next S is W (classical) or W + ηΔ (Nesterov). W is deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Keys")]
pub struct Bmuf {
    /// The published method from which the defaults of the other keys are taken. Default `bmuf`.
    pub preset: BlockPreset,
    /// Batches of a worker between two exchanges. Default 50; 1 to 10000.
    pub block: u32,
    /// Block momentum η; absent (default): 1 − 1/N for N workers. 0 to 1, 1 excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// Block learning rate ζ. Default 1; above 0.
    pub learning_rate: f64,
    /// The kind of momentum, which decides where workers start the next block. Default `nesterov`.
    pub kind: BmufMomentum,
    /// What happens to a worker's own optimiser state at the end of a block. Default `keep`.
    pub moments: BlockMoments,
    /// How models are weighted in the mean. Default `frames`.
    pub weights: BmufWeights,
    /// Share of all frames at the start during which η is 0: blocks are exchanged as usual, and their models are
    /// averaged without momentum. Default 0; 0 to 1.
    pub warmup: f64,
    /// The format in which a worker sends its block. Default `f32`.
    pub deltas: BlockDeltas,
    /// Share of values that `deltas = "threshold"` sends; τ follows it. Default 0.03; 0 to 0.5, 0 excluded.
    pub delta_density: f64,
}

/// Where a worker starts its next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BmufMomentum {
    /// At W.
    Classical,
    /// At W + ηΔ.
    Nesterov,
}

/// What happens to a worker's own optimiser state at the end of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockMoments {
    /// It is kept.
    Keep,
    /// It is reset to zero.
    Reset,
    /// Workers send it, and all continue with its mean, weighted as the models are. Costs the optimiser's vectors (SGD
    /// with momentum 1, Adam 2) in addition to the model in each direction, as `f32`.
    Average,
}

/// How models are weighted in the mean of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BmufWeights {
    /// By the number of frames that each has processed in the block.
    Frames,
    /// All equally.
    Equal,
}

impl BmufWeights {
    /// Returns the weight of a model that has processed this many frames: 0 for none.
    #[must_use]
    pub fn of(self, frames: u64) -> u64 {
        match self {
            BmufWeights::Frames => frames,
            BmufWeights::Equal => frames.min(1),
        }
    }
}

/// The format in which a worker sends its block. With anything but `f32`, the update is the mean of the differences
/// Gᵢ = θᵢ − S; a worker keeps what it could not send and adds it to the difference of its next block, if the block
/// counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockDeltas {
    /// The whole model θᵢ, 4 bytes a value, without rounding.
    F32,
    /// Gᵢ as bfloat16, 2 bytes a value, rounded to nearest even.
    Bf16,
    /// Signs of Gᵢ's values that reach a threshold, coded as in GTC; τ is agreed in the same way. Every worker has the
    /// same weight, whatever `weights` says. The first block, for which no τ is known yet, is sent as `f32`.
    Threshold,
}

impl BlockPreset {
    /// Returns the value of every key in this preset.
    #[must_use]
    pub fn settings(self) -> Bmuf {
        let bmuf = Bmuf {
            preset: self,
            block: 50,
            momentum: None,
            learning_rate: 1.0,
            kind: BmufMomentum::Nesterov,
            moments: BlockMoments::Keep,
            weights: BmufWeights::Frames,
            warmup: 0.0,
            deltas: BlockDeltas::F32,
            delta_density: 0.03,
        };
        match self {
            BlockPreset::Bmuf => bmuf,
            BlockPreset::Slowmo => Bmuf {
                momentum: Some(0.7),
                kind: BmufMomentum::Classical,
                moments: BlockMoments::Reset,
                weights: BmufWeights::Equal,
                ..bmuf
            },
            BlockPreset::Diloco => Bmuf {
                block: 500,
                momentum: Some(0.9),
                learning_rate: 0.7,
                weights: BmufWeights::Equal,
                ..bmuf
            },
        }
    }
}

/// The table as written: absent keys come from the preset.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    preset: Option<BlockPreset>,
    block: Option<u32>,
    momentum: Option<f64>,
    learning_rate: Option<f64>,
    kind: Option<BmufMomentum>,
    moments: Option<BlockMoments>,
    weights: Option<BmufWeights>,
    warmup: Option<f64>,
    deltas: Option<BlockDeltas>,
    delta_density: Option<f64>,
}

impl From<Keys> for Bmuf {
    fn from(keys: Keys) -> Self {
        let preset = keys.preset.unwrap_or(BlockPreset::Bmuf).settings();
        Self {
            preset: preset.preset,
            block: keys.block.unwrap_or(preset.block),
            momentum: keys.momentum.or(preset.momentum),
            learning_rate: keys.learning_rate.unwrap_or(preset.learning_rate),
            kind: keys.kind.unwrap_or(preset.kind),
            moments: keys.moments.unwrap_or(preset.moments),
            weights: keys.weights.unwrap_or(preset.weights),
            warmup: keys.warmup.unwrap_or(preset.warmup),
            deltas: keys.deltas.unwrap_or(preset.deltas),
            delta_density: keys.delta_density.unwrap_or(preset.delta_density),
        }
    }
}

impl Default for Bmuf {
    fn default() -> Self {
        BlockPreset::Bmuf.settings()
    }
}

impl Bmuf {
    /// Returns block momentum η of a full block of `workers` members at `progress`, the share of the run's frames that
    /// are committed (0 to 1): 0 within `warmup`, then as set, or 1 − 1/N (Chen & Huo 2016, §3), with which the steady
    /// gain is N. It follows the number of members at once.
    ///
    /// The run's last block may be shorter than the others and must not be filtered with the momentum of a full one:
    /// its η is in proportion to its frames (`short_block_momentum` of `stentor-exchange`).
    #[must_use]
    pub fn momentum_for(&self, workers: usize, progress: f64) -> f64 {
        if progress < self.warmup {
            return 0.0;
        }
        self.momentum.unwrap_or(1.0 - 1.0 / workers.max(1) as f64)
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        require((1..=10_000).contains(&self.block), "exchange.bmuf.block", "1 to 10000", self.block)?;
        require(
            self.momentum.is_none_or(|m| (0.0..1.0).contains(&m)),
            "exchange.bmuf.momentum",
            "0 to 1, 1 excluded",
            self.momentum.unwrap_or_default(),
        )?;
        require(
            self.learning_rate > 0.0 && self.learning_rate.is_finite(),
            "exchange.bmuf.learning_rate",
            "a number above 0",
            self.learning_rate,
        )?;
        require((0.0..=1.0).contains(&self.warmup), "exchange.bmuf.warmup", "0 to 1", self.warmup)?;
        require(
            self.delta_density > 0.0 && self.delta_density <= 0.5,
            "exchange.bmuf.delta_density",
            "above 0, at most 0.5",
            self.delta_density,
        )
    }
}
