use crate::Error;
use crate::state_machine::OfSource;
use std::path::Path;
use stentor_experiment::Experiment;
use stentor_page::Page;
use tokio::sync::mpsc;

/// How far a run is; sent at every round's end.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Progress {
    /// The schedule's clock.
    pub committed_frames: u64,
    /// Its end.
    pub total_frames: u64,
    /// What the closed round's batches came to, source by source.
    pub by_source: Vec<OfSource>,
}

/// Whether earlier state is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The output must hold no run.
    Fresh,
    /// Go on from the newest valid checkpoint; begin where there is none.
    Resume,
}

/// What a coordinator is started with.
#[derive(Debug)]
pub struct Options {
    /// The experiment, locations made absolute.
    pub experiment: Experiment,
    /// Fresh or resumed.
    pub start: Start,
    /// Where rounds' ends are told, if anywhere.
    pub progress: Option<mpsc::UnboundedSender<Progress>>,
    /// The page that shows the run, if one does.
    pub page: Option<Page>,
}

/// Reads an experiment file; relative locations in it are meant from its own folder.
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
