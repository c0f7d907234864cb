use clap::ValueEnum;

/// How contributions become an update, for benchmarks and chaos tests.
// Doc comments of variants would become help texts; the names are enough.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    Dense,
    Gtc,
    Bmuf,
    TwoTier,
}

impl Strategy {
    /// All of them, in the order of tables.
    pub const ALL: [Strategy; 4] = [Strategy::Dense, Strategy::Gtc, Strategy::Bmuf, Strategy::TwoTier];

    /// The name in the experiment file.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Strategy::Dense => "dense",
            Strategy::Gtc => "gtc",
            Strategy::Bmuf => "bmuf",
            Strategy::TwoTier => "two-tier",
        }
    }

    /// The name for display.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Strategy::Dense => "dense",
            Strategy::Gtc => "GTC",
            Strategy::Bmuf => "BMUF",
            Strategy::TwoTier => "two tiers",
        }
    }
}
