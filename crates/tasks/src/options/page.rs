//! `cargo xtask page`.

use clap::Args;
use std::path::PathBuf;

/// Options of the command.
#[derive(Debug, Args)]
pub struct Options {
    /// Folder for the screenshots.
    #[arg(long, value_name = "DIR")]
    pub screenshots: PathBuf,
}
