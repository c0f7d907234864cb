//! `cargo xtask simulate`.

use clap::Args;
use std::path::PathBuf;

/// Which runs to simulate.
#[derive(Debug, Args)]
pub struct Options {
    /// Number of simulated runs without an injected bug.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub from: u64,
    /// Only inject this bug and search for it; may be given several times. Without this option, each bug is searched
    /// for after the runs without a bug.
    #[arg(long, value_name = "NAME")]
    pub bug: Vec<String>,
    /// Print each step of the run with the seed `--from`, with the injected bug if one is given.
    #[arg(long)]
    pub trace: bool,
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}
