//! The strategies of exchange, as benchmarks and chaos run them all.

use clap::ValueEnum;

/// How the workers agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategy {
    Dense,
    Gtc,
    Bmuf,
    TwoTier,
}

impl Strategy {
    pub(crate) const ALL: [Strategy; 4] = [Strategy::Dense, Strategy::Gtc, Strategy::Bmuf, Strategy::TwoTier];

    /// As the experiment file has it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Strategy::Dense => "dense",
            Strategy::Gtc => "gtc",
            Strategy::Bmuf => "bmuf",
            Strategy::TwoTier => "two-tier",
        }
    }

    /// For people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Strategy::Dense => "dense",
            Strategy::Gtc => "GTC",
            Strategy::Bmuf => "BMUF",
            Strategy::TwoTier => "two tiers",
        }
    }
}
