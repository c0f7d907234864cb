//! `cargo xtask page`: pictures of the live page of a small real run, light and dark, on a desk and on a phone.

use crate::environment::Environment;
use crate::process::{self, Deadline};
use crate::programs::{self, Build};
use crate::progress;
use crate::setup::{self, Accelerator, Part};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

/// Where to put them.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder for the pictures.
    #[arg(long, value_name = "DIR")]
    screenshots: PathBuf,
}

pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    let parts = [Part::Libtorch(Accelerator::Cpu), Part::Python, Part::Asterisk, Part::Browser];
    setup::run(environment, &parts)?;
    let programs = progress::step("build the programs", || programs::build(environment, Build::Tests))?;
    let out = std::path::absolute(&options.screenshots)
        .with_context(|| format!("{} is no folder", options.screenshots.display()))?;
    let mut command =
        environment.cargo(&["run", "--package", "stentor-tests", "--example", "page_pictures", "--"])?;
    command
        .arg(out)
        .env("STENTOR_BIN", programs)
        .env("STENTOR_ALIGNER", environment.aligner())
        .env("STENTOR_CORPORA", environment.corpora())
        .env("STENTOR_BROWSER", environment.browser());
    progress::step("take the pictures", || process::run(&mut command, Deadline::minutes(20)))
}
