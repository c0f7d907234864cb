//! `cargo xtask abuse`.

use clap::Args;
use std::path::PathBuf;

/// Which cases, and where the figures go.
#[derive(Debug, Args)]
pub struct Options {
    /// Only this case; may be given several times. Default: all.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}
