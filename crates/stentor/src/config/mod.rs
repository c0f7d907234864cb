mod reference;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use stentor_experiment::Experiment;

/// Check or show an experiment file.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether the file is valid, and warn of what is valid and hardly meant.
    Check {
        /// The experiment file.
        experiment: PathBuf,
    },
    /// Print the experiment with every default written out.
    Show {
        /// The experiment file.
        experiment: PathBuf,
    },
    /// Print the page about every table and key, in Markdown.
    Reference,
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    match &arguments.action {
        Action::Check { experiment } => {
            let read = read(experiment)?;
            read.warnings().iter().for_each(|warning| stentor_runtime::errln!("stentor: warning: {warning}"));
            stentor_runtime::outln!("{}: valid", experiment.display());
        }
        Action::Reference => stentor_runtime::out!("{}", reference::page()),
        Action::Show { experiment } => stentor_runtime::out!("{}", read(experiment)?.to_toml()),
    }
    Ok(())
}

/// Reads an experiment file, as written: relative locations stay relative.
pub(crate) fn read(path: &Path) -> Result<Experiment> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Experiment::parse(&text).with_context(|| path.display().to_string())
}
