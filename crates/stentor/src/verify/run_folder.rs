use super::{Object, checkpoint, parsed};
use anyhow::Result;
use stentor_checkpoint::{MANIFEST, Standing, checkpoint_store, folders, start_store};
use stentor_experiment::Experiment;
use stentor_runlog::{EVENTS, parse_events};
use stentor_store::Store;

/// Lists everything that belongs to a run: experiment, event log, the model with which it started, every published
/// checkpoint. Checkpoint folders without a manifest were never published, and are skipped.
pub(super) async fn objects(run: &Store) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    let mut started_from = None;
    if run.exists(EXPERIMENT).await? {
        let text = run.get(EXPERIMENT).await?;
        objects.push(parsed(EXPERIMENT, &text, Experiment::parse));
        let experiment = std::str::from_utf8(&text).ok().and_then(|text| Experiment::parse(text).ok());
        started_from = experiment.and_then(|experiment| experiment.model.start);
    }
    for segment in run.list(&format!("{EVENTS}/")).await? {
        let bytes = run.get(&segment).await?;
        objects.push(parsed(&segment, &bytes, |text| parse_events(&segment, text)));
    }
    let start = start_store(run);
    if start.exists(MANIFEST).await? {
        objects.extend(checkpoint::objects(&start, "start/").await?);
        started_from = None;
    }
    let folders = folders(run).await?;
    // A run may have ended before its first checkpoint and before the copy was made.
    if let Some(source) = started_from.filter(|_| folders.iter().any(|f| f.standing != Standing::Unpublished))
    {
        let fault = format!(
            "missing: the copy of `{source}`, from which the run started; resuming and replaying need it"
        );
        let name = format!("start/{MANIFEST}");
        objects.push(Object { name, bytes: None, row_groups: None, faults: vec![fault] });
    }
    for folder in folders {
        if folder.standing != Standing::Unpublished {
            let prefix = format!("checkpoints/{}/", folder.name);
            objects.extend(checkpoint::objects(&checkpoint_store(run, &folder.name), &prefix).await?);
        }
    }
    for name in [FINAL, SUMMARY] {
        if run.exists(name).await? {
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).map(drop);
            let mut object = parsed(name, &run.get(name).await?, json);
            if name == FINAL && object.faults.is_empty() {
                object.faults.extend(deployed_fault(run).await?);
            }
            objects.push(object);
        }
    }
    Ok(objects)
}

const EXPERIMENT: &str = "experiment.toml";
const FINAL: &str = "final.json";
const SUMMARY: &str = "summary.json";

/// Checks the checkpoint that a finished run names as its result.
async fn deployed_fault(run: &Store) -> Result<Option<String>> {
    match stentor_checkpoint::DeployedModel::load(run).await {
        Ok(_) => Ok(None),
        Err(error) if error.is_damage() => Ok(Some(format!("the run's result cannot be used: {error}"))),
        Err(error) => Err(error.into()),
    }
}
