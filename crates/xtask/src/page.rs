//! `cargo xtask page`: screenshots of the live page of a small real run, light and dark, for a desktop and a phone.

use crate::environment::Environment;
use crate::process::{self, Deadline};
use crate::programs::{self, Build};
use crate::progress;
use crate::setup::{self, Accelerator, Part};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

/// Options of the command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder for the screenshots.
    #[arg(long, value_name = "DIR")]
    screenshots: PathBuf,
}

pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    let parts = [Part::Libtorch(Accelerator::Cpu), Part::Python, Part::Asterisk, Part::Browser];
    setup::run(environment, &parts)?;
    let programs = progress::step("build the programs", || programs::build(environment, Build::Tests))?;
    let out = std::path::absolute(&options.screenshots)
        .with_context(|| format!("{} is not a folder", options.screenshots.display()))?;
    let mut command =
        environment.cargo(&["run", "--package", "stentor-tests", "--example", "page_pictures", "--"])?;
    command
        .arg(out)
        .env("STENTOR_BIN", programs)
        .env("STENTOR_ALIGNER", environment.aligner())
        .env("STENTOR_CORPORA", environment.corpora())
        .env("STENTOR_BROWSER", environment.browser());
    progress::step("make the screenshots", || process::run(&mut command, Deadline::minutes(20)))
}
