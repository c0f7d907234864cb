//! `cargo xtask compose-test`.

use clap::Args;
use std::path::PathBuf;

/// Options of the test.
#[derive(Debug, Args)]
pub struct Options {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Leave the stack and its data at the end, for inspection.
    #[arg(long)]
    pub keep: bool,
}
