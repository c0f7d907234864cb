//! The strategies of exchange, for benchmarks and chaos tests.

use clap::ValueEnum;

/// How contributions become an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategy {
    Dense,
    Gtc,
    Bmuf,
    TwoTier,
}

impl Strategy {
    pub(crate) const ALL: [Strategy; 4] = [Strategy::Dense, Strategy::Gtc, Strategy::Bmuf, Strategy::TwoTier];

    /// The name in the experiment file.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Strategy::Dense => "dense",
            Strategy::Gtc => "gtc",
            Strategy::Bmuf => "bmuf",
            Strategy::TwoTier => "two-tier",
        }
    }

    /// The name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Strategy::Dense => "dense",
            Strategy::Gtc => "GTC",
            Strategy::Bmuf => "BMUF",
            Strategy::TwoTier => "two tiers",
        }
    }
}
