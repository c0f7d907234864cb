use crate::text::Text;
use anyhow::Result;
use indicatif::HumanCount;
use serde::Serialize;
use serde_json::Value;
use stentor_checkpoint::{
    DeployedModel, Error, Origin, Retained, Standing, folders, load_manifest, read_manifest, start_store,
};
use stentor_experiment::Experiment;
use stentor_runlog::{Switches, saved_switches};
use stentor_scores::FRAME_ERROR;
use stentor_store::Store;

#[derive(Debug, Serialize)]
pub(super) struct RunFolder {
    location: String,
    /// `None` if the run has no experiment file, or one that this program cannot read.
    experiment: Option<Experiment>,
    /// Changes of strategy recorded in the newest readable checkpoint.
    switches: Switches,
    /// As written by the coordinator; null before the end of the run.
    summary: Value,
    checkpoints: Vec<Checkpoint>,
    /// `None` if the weights were drawn.
    start: Option<Start>,
}

/// The model with which a run started.
#[derive(Debug, Serialize)]
struct Start {
    /// As named in the experiment.
    named: String,
    /// Read from the run's own copy; null if it cannot be read.
    model: Option<Origin>,
    /// The error, if it cannot be read.
    problem: Option<String>,
}

/// The standing of the checkpoint that a finished run deploys.
const RESULT: &str = "the run's result";

#[derive(Debug, Serialize)]
struct Checkpoint {
    name: String,
    standing: &'static str,
    round: Option<u64>,
    dev_frame_error: Option<f64>,
}

pub(super) async fn run_folder(store: &Store) -> Result<RunFolder> {
    let experiment = text_of(store, "experiment.toml").await?.and_then(|text| Experiment::parse(&text).ok());
    let summary = text_of(store, "summary.json").await?.and_then(|text| serde_json::from_str(&text).ok());
    let mut checkpoints: Vec<_> = folders(store).await?.into_iter().map(Checkpoint::from).collect();
    for result in checkpoints.iter_mut().filter(|checkpoint| checkpoint.standing == RESULT) {
        // Errors in it are reported by `stentor verify`.
        let Ok(manifest) = load_manifest(store, &result.name).await else { continue };
        result.round = Some(manifest.round);
        result.dev_frame_error = manifest.dev.and_then(|dev| dev.scores.get(FRAME_ERROR));
    }
    let switches = switches(store, &checkpoints).await;
    let start = match &experiment {
        Some(experiment) => start(store, experiment).await?,
        None => None,
    };
    Ok(RunFolder {
        location: store.location().to_owned(),
        experiment,
        switches,
        summary: summary.unwrap_or_default(),
        checkpoints,
        start,
    })
}

async fn switches(store: &Store, checkpoints: &[Checkpoint]) -> Switches {
    // Names sort by age.
    for Checkpoint { name, .. } in checkpoints.iter().rev() {
        if let Ok(manifest) = read_manifest(store, name).await
            && let Ok(switches) = saved_switches(&manifest)
        {
            return switches;
        }
    }
    Switches::default()
}

/// Describes the model with which the run started, from the run's own copy; the original may have changed since.
async fn start(store: &Store, experiment: &Experiment) -> Result<Option<Start>> {
    let Some(named) = experiment.model.start.clone() else { return Ok(None) };
    let (model, problem) = match DeployedModel::describe(&start_store(store)).await {
        Ok(manifest) => (Some(Origin::of(&manifest, experiment.model.new_output)), None),
        Err(Error::Store(error)) if !error.is_not_found() => return Err(error.into()),
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(Some(Start { named, model, problem }))
}

async fn text_of(store: &Store, name: &str) -> Result<Option<String>> {
    match store.get(name).await {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl From<Retained> for Checkpoint {
    fn from(Retained { name, standing }: Retained) -> Self {
        let of = |standing, round, dev_frame_error| Checkpoint { name, standing, round, dev_frame_error };
        match standing {
            Standing::Published { round, dev, .. } => {
                of("published", Some(round), dev.and_then(|scores| scores.get(FRAME_ERROR)))
            }
            Standing::Deployed => of(RESULT, None, None),
            Standing::Damaged => of("damaged", None, None),
            Standing::Unpublished => of("not published", None, None),
        }
    }
}

impl RunFolder {
    pub(super) fn render(&self, text: &mut Text) {
        text.heading(format_args!("run {}", self.location));
        match &self.experiment {
            Some(experiment) => {
                text.item("name", &experiment.run.name);
                text.item("seed", experiment.run.seed);
                match self.switches.in_force() {
                    None => text.item("strategy", experiment.exchange.strategy.name()),
                    Some(_) => text.item("strategy", &self.switches),
                }
            }
            None => text.item("experiment", "no readable experiment.toml"),
        }
        if let Some(Start { named, model, problem }) = &self.start {
            text.item("started from", named);
            if let Some(model) = model {
                text.item("that is", model);
            }
            if let Some(problem) = problem {
                text.item("its copy", problem);
            }
        }
        let finished = self.checkpoints.iter().any(|checkpoint| checkpoint.standing == RESULT);
        text.item("state", if finished { "finished" } else { "not finished" });
        if let Value::Object(summary) = &self.summary {
            text.heading("summary");
            // The switches are printed above, in words.
            for (name, value) in summary.iter().filter(|(name, _)| *name != "switches") {
                match value {
                    Value::Object(parts) => {
                        for (part, value) in parts {
                            text.item(format_args!("{name}, {part}"), shown(value));
                        }
                    }
                    value => text.item(name, shown(value)),
                }
            }
        }
        text.heading(format_args!("checkpoints: {}", self.checkpoints.len()));
        for Checkpoint { name, standing, round, dev_frame_error } in &self.checkpoints {
            text.row([
                name.clone(),
                (*standing).to_owned(),
                round.map_or_else(String::new, |round| format!("round {}", HumanCount(round))),
                dev_frame_error.map_or_else(String::new, |error| format!("dev {}", FRAME_ERROR.show(error))),
            ]);
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => HumanCount(whole).to_string(),
            (None, Some(real)) => format!("{real:.2}"),
            _ => number.to_string(),
        },
        Value::Null => "unknown".to_owned(),
        other => other.to_string(),
    }
}
