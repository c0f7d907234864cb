mod block_preset;
mod bmuf;
mod gtc;

pub use block_preset::BlockPreset;
pub use bmuf::{BlockDeltas, BlockMoments, Bmuf, BmufMomentum, BmufWeights};
pub use gtc::{Gtc, GtcApply, GtcDownlink};

use crate::error::Error;
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

impl Default for Exchange {
    fn default() -> Self {
        Self { strategy: Strategy::Dense, gtc: Gtc::default(), bmuf: Bmuf::default() }
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
        self.gtc.validate()?;
        self.bmuf.validate()
    }
}
