//! The start and the end of a run in its output folder: the state of an earlier process, and the result.

use crate::Error;
use crate::signing::{Known, SignedBy};
use crate::summary::Tally;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeSet;
use stentor_checkpoint::{FinalObject, Manifest, ModelDescription, Normalisation, Origin, Proof};
use stentor_dataset::Dataset;
use stentor_exchange::strategy::decision;
use stentor_experiment::{Experiment, Source};
use stentor_rounds::{Outcome, Saved};
use stentor_runlog::{EventLog, State, Summary, saved_switches};
use stentor_runtime::metrics;
use stentor_scores::FRAME_ERROR;
use stentor_signature::Digest;
use stentor_store::Store;

/// The summary of a finished run of this same experiment; `None` if the experiment was made longer, so that the run continues.
pub(crate) async fn concluded(
    run: &Store,
    experiment: &Experiment,
    known: &Known,
) -> Result<Option<Summary>, Error> {
    for name in ["experiment.toml", "summary.json"] {
        if !run.exists(name).await? {
            return Ok(None);
        }
    }
    let same = run.get("experiment.toml").await? == experiment.to_toml();
    let text = run.get("summary.json").await?;
    if !(same && known.is_result(run, &text).await?) {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&text).ok())
}

/// What a coordinator continues from.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    /// The newest valid checkpoint.
    pub(crate) newest: Option<(String, Saved)>,
    /// The digest of its manifest.
    pub(crate) digest: Option<Digest>,
    /// Newer checkpoints without the run's signature, with the reason.
    pub(crate) forged: Vec<(String, String)>,
    pub(crate) tally: Tally,
    /// The strategy of the experiment file with which that checkpoint was written, if the file names another one now.
    pub(crate) strategy_before: Option<String>,
}

/// The newest valid checkpoint of this run. The experiment file may have been changed since in whatever the checkpoint does not
/// depend on. Another strategy is a request to switch.
pub(crate) async fn newest_state(
    run: &Store,
    experiment: &Experiment,
    dataset: &Dataset,
    origin: Option<&Origin>,
    known: &Known,
) -> Result<Resumed, Error> {
    let newest = known.newest(run).await?;
    for broken in &newest.broken {
        tracing::warn!(checkpoint = broken.name, reason = %broken.error, "checkpoint skipped");
    }
    let forged = newest.broken.iter().filter(|broken| broken.error.is_forgery());
    let forged = forged.map(|broken| (broken.name.clone(), broken.error.to_string())).collect();
    let Some(manifest) = newest.manifest else {
        // To begin anew would put other checkpoints in the place of what a person may still restore.
        if let Some(broken) = newest.broken.first() {
            let (output, checkpoint) = (experiment.run.output.clone(), broken.name.clone());
            return Err(Error::NothingWhole { output, checkpoint, reason: broken.error.to_string() });
        }
        tracing::warn!(
            run = experiment.run.output,
            "no checkpoint to resume from: starting at the beginning"
        );
        return Ok(Resumed { forged, ..Resumed::default() });
    };
    let output = experiment.run.output.clone();
    let expected = template(experiment, dataset, "", origin);
    let other = |expected: String, found: String| Error::OtherRun { output: output.clone(), expected, found };
    if manifest.model != expected.model {
        return Err(other(
            difference(&expected.model, &manifest.model),
            difference(&manifest.model, &expected.model),
        ));
    }
    if manifest.features_fingerprint != expected.features_fingerprint {
        let named = |fingerprint: &str| format!("features {fingerprint}");
        return Err(other(named(&expected.features_fingerprint), named(&manifest.features_fingerprint)));
    }
    if manifest.origin != expected.origin {
        let named = |origin: &Option<Origin>| match origin {
            Some(origin) => format!("a run that started from {origin}"),
            None => "a run that started from weights of its seed".to_owned(),
        };
        return Err(other(named(&expected.origin), named(&manifest.origin)));
    }
    // Members normalise with the values of the set or of the start, and the model with its own: they must be the same.
    if manifest.normalisation != expected.normalisation {
        let model = match manifest.normalisation {
            Some(_) => "other means and deviations",
            None => "features without means and deviations",
        };
        let of = experiment.model.start.as_ref().unwrap_or(&experiment.data.annotated);
        let set = format!("the means and deviations of {of}");
        return Err(other(set, model.to_owned()));
    }
    let state = |reason: String| {
        let (run, checkpoint) = (output.clone(), manifest.name.clone());
        Error::Log(stentor_runlog::Error::State { run, checkpoint, reason })
    };
    let mut both: State<Tally> =
        serde_json::from_value(manifest.coordinator.clone()).map_err(|e| state(e.to_string()))?;
    both.tally.switches = saved_switches(&manifest)?;
    both.core.position.check(dataset.plan()).map_err(|e| state(e.to_string()))?;
    let two_sources = dataset.part(Source::MachineLabeled).is_some();
    check_residuals(&both.core, experiment, two_sources).map_err(state)?;
    if let Some((best, _)) = both.core.best.clone().filter(|(best, _)| *best != manifest.name) {
        match stentor_checkpoint::load_manifest_with(run, &best, known.proof()).await {
            Ok(_) => {}
            Err(error) if error.is_damage() => both.core.forget_best(),
            Err(error) => return Err(error.into()),
        }
    }
    let (before, now) = (both.core.best_by, experiment.checkpoint.best);
    if before != now && both.core.best.is_some() {
        let (before, now) = (before.name, now.name);
        tracing::warn!(before, now, "another criterion: the best checkpoint is chosen among those to come");
    }
    tracing::info!(checkpoint = manifest.name, committed_frames = manifest.committed_frames, "resuming");
    // Until the switch it goes on with the strategy of the checkpoint.
    experiment.validate_for(both.core.strategy).map_err(|e| state(e.to_string()))?;
    let strategy_before = (manifest.strategy != expected.strategy).then_some(manifest.strategy);
    let (digest, newest) = (newest.digest, Some((manifest.name, both.core)));
    Ok(Resumed { newest, digest, forged, tally: both.tally, strategy_before })
}

/// Describes the keys of `section` in which `one` differs from `other`.
pub(crate) fn described(section: &str, one: &Value, other: &Value) -> String {
    let keys = one.as_object().into_iter().flatten();
    let keys = keys.filter(|(key, value)| other.get(key) != Some(value));
    let words: Vec<String> = keys.map(|(key, value)| format!("{section}.{key} = {value}")).collect();
    words.join(", ")
}

/// Versions before [`Saved::scaled_residuals`] kept unscaled gradients, and applied the sum at the whole rate of the round's
/// source. It is not known from which source's batches such a residual came.
fn check_residuals(saved: &Saved, experiment: &Experiment, two_sources: bool) -> Result<(), String> {
    let multiplier = experiment.schedule.annotated_multiplier;
    let scales = decision(saved.strategy).keeps_residual()
        && experiment.scales_gradients()
        && two_sources
        && multiplier != 1.0;
    if saved.scaled_residuals || !scales {
        return Ok(());
    }
    Err(format!(
        "expected residuals of gradients times their source's factor on the learning rate \
         (`schedule.annotated_multiplier` = {multiplier}), found those of gradients as they were, of an earlier version of this \
         program; finish the run with the version that began it, or start a new one"
    ))
}

/// Describes the properties of a model in which another one differs.
pub(crate) fn difference(model: &ModelDescription, other: &ModelDescription) -> String {
    let mut words = vec![described("model", &model.model, &other.model)];
    for (what, own, others) in
        [("inputs", model.inputs, other.inputs), ("senones", model.senones, other.senones)]
    {
        if own != others {
            words.push(format!("{own} {what}"));
        }
    }
    words.retain(|words| !words.is_empty());
    words.join(", ")
}

/// The parts that are the same in every manifest of a run.
pub(crate) fn template(
    experiment: &Experiment,
    dataset: &Dataset,
    run_id: &str,
    origin: Option<&Origin>,
) -> Manifest {
    let (features, normalisation) = (dataset.manifest(), dataset.normalisation());
    Manifest {
        schema_version: stentor_checkpoint::SCHEMA_VERSION,
        run_id: run_id.to_owned(),
        total_frames: dataset.plan().total_frames(),
        strategy: experiment.exchange.strategy.name().to_owned(),
        model: ModelDescription {
            model: serde_json::to_value(experiment.model.architecture.resolved()).unwrap_or_default(),
            inputs: features.dimension,
            senones: features.senones.len(),
        },
        features_fingerprint: features.inputs_fingerprint(),
        features: serde_json::to_value(&features.settings).unwrap_or_default(),
        senones: Some(features.senones.clone()),
        normalisation: Some(Normalisation {
            mean: normalisation.mean.clone(),
            std: normalisation.std.clone(),
        }),
        origin: origin.cloned(),
        ..Manifest::default()
    }
}

/// Publishes the result of a run that has ended.
pub(crate) async fn conclude(
    outcome: Outcome,
    run: &Store,
    experiment: &Experiment,
    tally: &Tally,
    (signed, events): (Option<&SignedBy>, &EventLog),
) -> Result<Summary, Error> {
    let checkpoint = match outcome {
        Outcome::Finished { checkpoint } => checkpoint,
        Outcome::LostQuorum { reason } => return Err(Error::LostQuorum(reason)),
        Outcome::Interrupted => return Err(Error::Interrupted),
        Outcome::BadData { reason } => return Err(Error::BadData(reason)),
        Outcome::Replaced { by } => return Err(Error::Replaced { by }),
        Outcome::Disagreement { reason } => return Err(Error::Disagreement(reason)),
        Outcome::NonFinite { reason } => return Err(Error::NonFinite(reason)),
        Outcome::Broken { reason } => return Err(Error::Broken(reason)),
    };
    let proof = Proof::from(signed.map(SignedBy::trust));
    let (manifest, _) = stentor_checkpoint::load_manifest_with(run, &checkpoint, proof).await?;
    let dev = manifest.dev.and_then(|dev| dev.scores.get(FRAME_ERROR));
    let summary = tally.summary(&experiment.run.name, experiment.exchange.strategy, &checkpoint, dev);
    let json = Bytes::from(serde_json::to_vec_pretty(&summary).unwrap_or_default());
    match signed {
        Some(signed) => {
            let object =
                |name: &str, bytes: &[u8]| FinalObject { name: name.to_owned(), blake3: Digest::of(bytes) };
            let objects = vec![
                object("experiment.toml", experiment.to_toml().as_bytes()),
                object("summary.json", &json),
            ];
            signed.deploy(run, &checkpoint, events.head().cloned(), objects).await?;
        }
        None => stentor_checkpoint::deploy(run, &checkpoint).await?,
    }
    metrics::finished(1);
    run.put("summary.json", json).await?;
    // The deletions after the last publication may have been abandoned at the end of the run.
    let (keep, needed) = (experiment.checkpoint.keep as usize, BTreeSet::from([checkpoint]));
    if let Err(error) = stentor_checkpoint::retain(run, keep, &needed).await {
        tracing::warn!(%error, "old checkpoints could not be deleted");
    }
    tracing::info!(checkpoint = summary.checkpoint, frames = summary.frames, "the run is finished");
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::small_run::small_run;
    use stentor_plan::Position;

    /// The state in a checkpoint of an earlier version: it does not say that residuals are scaled.
    fn written_before(strategy: &str) -> Saved {
        let (_, plan) = small_run("", "");
        let position = serde_json::to_value(Position::new(&plan)).unwrap();
        serde_json::from_value(serde_json::json!({
            "round": 3, "position": position, "suggested_tau": 0.5, "checkpoints": 1, "best": null,
            "stale_evaluations": 0, "roster": {"0": "a"}, "strategy": strategy,
        }))
        .unwrap()
    }

    fn experiment(sections: &str) -> Experiment {
        small_run("", sections).0
    }

    const SGD: &str = "[optimizer]\nkind = \"sgd\"\n[exchange]\nstrategy = \"gtc\"";

    #[test]
    fn a_run_with_unscaled_residuals_of_gradients_is_refused_with_the_multiplier_and_what_to_do() {
        for strategy in ["gtc", "two-tier"] {
            let reason = check_residuals(&written_before(strategy), &experiment(SGD), true).unwrap_err();
            assert!(reason.contains("annotated_multiplier` = 2"), "{reason}");
            assert!(reason.contains("finish the run with the version that began it"), "{reason}");
        }
        let written_now = Saved { scaled_residuals: true, ..written_before("gtc") };
        let again: Saved = serde_json::from_value(serde_json::to_value(written_now).unwrap()).unwrap();
        assert_eq!(check_residuals(&again, &experiment(SGD), true), Ok(()));
    }

    #[test]
    fn a_run_of_before_goes_on_where_scaling_changes_nothing() {
        let adam = experiment("[exchange]\nstrategy = \"gtc\"");
        assert_eq!(check_residuals(&written_before("gtc"), &adam, true), Ok(()));
        assert_eq!(check_residuals(&written_before("dense"), &experiment(SGD), true), Ok(()));
        assert_eq!(check_residuals(&written_before("gtc"), &experiment(SGD), false), Ok(()));
        let mut one = experiment(SGD);
        one.schedule.annotated_multiplier = 1.0;
        assert_eq!(check_residuals(&written_before("gtc"), &one, true), Ok(()));
    }
}
