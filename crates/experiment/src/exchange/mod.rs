mod block_preset;
mod bmuf;
mod gtc;
mod two_tier;

pub use block_preset::BlockPreset;
pub use bmuf::{BlockDeltas, BlockMoments, Bmuf, BmufMomentum, BmufWeights};
pub use gtc::{Gtc, GtcApply, GtcDownlink};
pub use two_tier::TwoTier;

use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[exchange]`: how the workers' contributions become one update. One word, `strategy`, selects the strategy; the
/// tables of the others may stay in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exchange {
    /// `dense` (default), `gtc`, `bmuf` or `two-tier`.
    pub strategy: Strategy,
    /// URLs of the reducers, each of which sums one contiguous range of the parameter vector, so that no single link
    /// carries everything: `["http://10.0.0.1:7500", …]`, at most 1024. The first sums the first range, and so on.
    /// Empty (default): the coordinator sums everything in its own process.
    pub reducers: Vec<String>,
    /// Whole vectors (`dense`, and blocks) whose 2-norm is too large are in no sum, and their worker starts again from a
    /// checkpoint: beyond the median of this and recent rounds plus this many times their median absolute deviation, which is
    /// assumed to be at least a tenth of the median. Default 1000; 0 to 1e6, 0: every finite vector is added. Signs of ±τ are
    /// bounded by τ.
    pub norm_mads: f64,
    /// Settings of gradient threshold compression.
    pub gtc: Gtc,
    /// Settings of blockwise model-update filtering.
    pub bmuf: Bmuf,
    /// Settings of GTC inside groups with BMUF across them.
    pub two_tier: TwoTier,
}

/// Strategies of exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All-reduce of whole gradients, every batch.
    Dense,
    /// Gradient threshold compression (Strom 2015), every batch.
    Gtc,
    /// Blockwise model-update filtering (Chen & Huo 2016), every `block` batches.
    Bmuf,
    /// GTC inside groups of workers, every batch; BMUF across groups, every `block` batches (Interspeech 2019).
    TwoTier,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Strategy; 4] = [Strategy::Dense, Strategy::Gtc, Strategy::Bmuf, Strategy::TwoTier];

    /// Returns the word in the config file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Dense => "dense",
            Strategy::Gtc => "gtc",
            Strategy::Bmuf => "bmuf",
            Strategy::TwoTier => "two-tier",
        }
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            strategy: Strategy::Dense,
            reducers: Vec::new(),
            norm_mads: 1000.0,
            gtc: Gtc::default(),
            bmuf: Bmuf::default(),
            two_tier: TwoTier::default(),
        }
    }
}

impl Exchange {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        self.gtc.validate()?;
        self.bmuf.validate()?;
        self.two_tier.validate()?;
        require((0.0..=1e6).contains(&self.norm_mads), "exchange.norm_mads", "0 to 1e6", self.norm_mads)?;
        require(self.reducers.len() <= 1024, "exchange.reducers", "at most 1024", self.reducers.len())?;
        for (index, reducer) in self.reducers.iter().enumerate() {
            let address = reducer.strip_prefix("http://").or_else(|| reducer.strip_prefix("https://"));
            require(
                address.is_some_and(|a| !a.is_empty()),
                "exchange.reducers",
                "URLs that begin with http:// or https://",
                format_args!("`{reducer}`"),
            )?;
            let port = address.and_then(|address| address.rsplit_once(':')).map(|(_, port)| port);
            let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
            let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
            require(
                port.is_none_or(|port| !is_number(port) || is_port(port)),
                "exchange.reducers",
                "URLs with a port from 1 to 65535",
                format_args!("`{reducer}`"),
            )?;
            require(
                !self.reducers[..index].contains(reducer),
                "exchange.reducers",
                "each reducer only once",
                format_args!("`{reducer}` twice"),
            )?;
        }
        Ok(())
    }
}
