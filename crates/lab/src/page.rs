//! `cargo xtask page`: screenshots of the live page of a small real run, light and dark, for a desktop and a phone.

use crate::corpora;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use stentor_tasks::options::page::Options;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::progress;
use stentor_tasks::{Corpus, Environment};

pub(crate) fn run(environment: &Environment, programs: &Path, options: &Options) -> Result<()> {
    corpora::make(environment, Corpus::Asterisk)?;
    let out = std::path::absolute(&options.screenshots)
        .with_context(|| format!("{} is not a folder", options.screenshots.display()))?;
    let mut command = Command::new(programs.join("examples/page_pictures"));
    command
        .arg(out)
        .env("STENTOR_BIN", programs)
        .env("STENTOR_ALIGNER", environment.aligner())
        .env("STENTOR_CORPORA", environment.corpora())
        .env("STENTOR_BROWSER", environment.browser());
    progress::step("make the screenshots", || process::run(&mut command, Deadline::minutes(20)))
}
