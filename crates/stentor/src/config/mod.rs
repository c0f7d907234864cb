mod reference;
mod show;

use crate::in_file;
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use stentor_dataset::Dataset;
use stentor_experiment::{Experiment, StoreKind};
use stentor_store::Store;

/// Check or show an experiment file.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check whether the file is valid, and warn about settings that are valid but probably not intended. If the data
    /// exist, they are checked too.
    Check {
        /// The experiment file.
        experiment: PathBuf,
    },
    /// Print the experiment with every default written out, and absent keys as comments.
    Show {
        /// The experiment file.
        experiment: PathBuf,
    },
    /// Print the reference of all tables and keys, in Markdown.
    Reference,
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    match &arguments.action {
        Action::Check { experiment } => {
            let read = read(experiment)?;
            check_kinds(&read)?;
            for warning in read.warnings() {
                stentor_runtime::errln!("stentor: warning: {warning}");
            }
            match of_the_data(&rebased(read, experiment))? {
                OfTheData::Warnings(warnings) => {
                    for warning in warnings {
                        stentor_runtime::errln!("stentor: warning: {warning}");
                    }
                }
                OfTheData::Unchecked(why) => {
                    stentor_runtime::errln!("stentor: note: the data were not checked: {why}");
                }
            }
            stentor_runtime::outln!("{}: valid", experiment.display());
        }
        Action::Reference => stentor_runtime::out!("{}", reference::page()),
        Action::Show { experiment } => stentor_runtime::out!("{}", show::text(&read(experiment)?)),
    }
    Ok(())
}

/// Reads an experiment file as written: relative locations stay relative.
pub(crate) fn read(path: &Path) -> Result<Experiment> {
    let shown = || path.display().to_string();
    let text = in_file::text(path, "an experiment file")?;
    let experiment = Experiment::parse(&text).with_context(shown)?;
    experiment.check_output().with_context(shown)?;
    let folder = std::path::absolute(path).with_context(shown)?;
    let folder = folder.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    experiment.clone().rebased(&folder).check_output().with_context(shown)?;
    Ok(experiment)
}

/// Reads the experiment in `file`; relative locations are resolved against the file's folder.
pub(crate) fn rebased(experiment: Experiment, file: &Path) -> Experiment {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    experiment.rebased(&folder.to_string_lossy())
}

/// Refuses locations of a kind that no store has. Nothing is connected to.
fn check_kinds(experiment: &Experiment) -> Result<()> {
    let data = &experiment.data;
    let optional =
        [&data.unannotated, &data.labels, &data.annotated_labels, &data.dev, &experiment.model.start];
    let named = optional.into_iter().flatten();
    for location in [&experiment.run.output, &data.annotated].into_iter().chain(named) {
        if location.split_once("://").is_some_and(|(scheme, _)| StoreKind::of(scheme).is_none()) {
            Store::open(location)?;
        }
    }
    Ok(())
}

/// What the manifests of the data say about an experiment.
enum OfTheData {
    Warnings(Vec<String>),
    /// Why they were not looked at.
    Unchecked(String),
}

/// Returns the warnings about the experiment that the manifests of the data allow. They are not looked at if the data do not
/// exist yet or are on the network, because a check must be quick whatever the state of the network.
fn of_the_data(experiment: &Experiment) -> Result<OfTheData> {
    if !experiment.data.is_local() {
        return Ok(OfTheData::Unchecked("they are on the network".to_owned()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the I/O runtime")?;
    Ok(match runtime.block_on(Dataset::open(experiment)) {
        Ok(dataset) => {
            OfTheData::Warnings(dataset.warnings(experiment).iter().map(ToString::to_string).collect())
        }
        Err(error) if error.is_missing() => OfTheData::Unchecked(error.to_string()),
        Err(error) => OfTheData::Warnings(vec![error.to_string()]),
    })
}
