use crate::{Error, Signing};
use std::path::Path;
use stentor_experiment::Experiment;
use stentor_page::Page;
use stentor_rounds::OfSource;
use tokio::sync::mpsc;

/// The progress of a run, sent at the end of every round.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Progress {
    /// Number of frames committed so far.
    pub committed_frames: u64,
    /// Number of frames in the whole run.
    pub total_frames: u64,
    /// Figures of the closed round's batches, by source.
    pub by_source: Vec<OfSource>,
}

/// Whether to use the state of an earlier process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The output must not contain a run.
    Fresh,
    /// Continue from the newest valid checkpoint, or start from the beginning if there is none.
    Resume,
}

/// Options of a coordinator.
#[derive(Debug)]
pub struct Options {
    /// The experiment, with absolute locations.
    pub experiment: Experiment,
    /// Fresh or resumed.
    pub start: Start,
    /// Receives a message at the end of every round.
    pub progress: Option<mpsc::UnboundedSender<Progress>>,
    /// The keys with which the run is signed, if it is.
    pub signing: Option<Signing>,
    /// The live page, if there is one.
    pub page: Option<Page>,
}

/// Reads an experiment file; relative locations in it are relative to its folder.
///
/// # Errors
/// [`Error::Read`] and [`Error::Experiment`] with the path; the latter also where the output is no folder of its own.
pub fn read_experiment(path: &Path) -> Result<Experiment, Error> {
    let shown = path.display().to_string();
    let read = |source| Error::Read { path: shown.clone(), source };
    let text = std::fs::read_to_string(path).map_err(read)?;
    let folder = std::path::absolute(path).map_err(read)?;
    let folder = folder.parent().map(|p| p.display().to_string()).unwrap_or_default();
    let own_output = |experiment: Experiment| experiment.check_output().map(|()| experiment);
    Experiment::parse(&text)
        .and_then(own_output)
        .map(|experiment| experiment.rebased(&folder))
        .and_then(own_output)
        .map_err(|source| Error::Experiment { path: shown, source })
}
