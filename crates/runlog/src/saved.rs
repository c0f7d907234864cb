use crate::{Error, Slot, Switches};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_checkpoint::Manifest;
use stentor_exchange::strategy::SuggestedTau;
use stentor_experiment::{Source, Strategy};
use stentor_plan::Position;
use stentor_scores::{Criterion, FRAME_ERROR};

/// The core's state at a boundary: all that a later incarnation needs to continue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The next round.
    pub round: u64,
    /// Position in the plan.
    pub position: Position,
    /// τ suggested by the last contributions of each source.
    #[serde(default)]
    pub suggested_tau: SuggestedTau,
    /// τ suggested by the contributions to the last block.
    #[serde(default)]
    pub suggested_block_tau: Option<f32>,
    /// Number of regular checkpoints so far.
    pub checkpoints: u32,
    /// The best checkpoint on dev and its value of `best_by`.
    pub best: Option<(String, f64)>,
    /// The criterion of `best`. Absent in records of versions whose only criterion was the frame error.
    #[serde(default = "frame_error")]
    pub best_by: Criterion,
    /// Number of evaluations since the best one.
    pub stale_evaluations: u32,
    /// Whether training is finished with this checkpoint.
    #[serde(default)]
    pub finished: bool,
    /// Identities of the run, by slot, at the boundary.
    pub roster: BTreeMap<Slot, String>,
    /// The strategy from here on.
    pub strategy: Strategy,
    /// Row groups that have been quarantined so far.
    #[serde(default)]
    pub quarantined: Vec<BadRowGroup>,
    /// Whether residuals of gradients contain them multiplied by their source's factor on the learning rate, as
    /// [`Experiment::scales_gradients`](stentor_experiment::Experiment::scales_gradients) requires. Absent in state of
    /// older versions, which did not scale.
    #[serde(default)]
    pub scaled_residuals: bool,
}

impl Saved {
    /// Forgets the best checkpoint, because it does not exist any more: it was superseded before the run fell back to
    /// an earlier one.
    pub fn forget_best(&mut self) {
        (self.best, self.stale_evaluations) = (None, 0);
    }
}

fn frame_error() -> Criterion {
    FRAME_ERROR
}

/// A row group that cannot be used: its bytes are not those that the manifest describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRowGroup {
    /// Source of the row group.
    pub source: Source,
    /// Number over all shards of the source.
    pub place: u64,
    /// Name of the shard.
    pub file: String,
    /// Number within the shard.
    pub row_group: u64,
    /// Number of frames of its utterances.
    pub frames: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The coordinator's part of a checkpoint's manifest. `T` are running totals, of which other programs read only the
/// changes of strategy: see [`saved_switches`].
#[derive(Debug, Serialize, Deserialize)]
pub struct State<T> {
    /// State from which the core continues.
    pub core: Saved,
    /// Running totals of the run so far.
    pub tally: T,
}

/// The part of the running totals that other programs read.
#[derive(Deserialize)]
struct Told {
    /// Absent in checkpoints of older versions.
    #[serde(default)]
    switches: Switches,
}

/// Returns the core's state in a checkpoint's manifest.
///
/// # Errors
/// [`Error::State`] if it is missing or of an incompatible version.
pub fn saved_state(manifest: &Manifest) -> Result<Saved, Error> {
    Ok(state::<IgnoredAny>(manifest)?.core)
}

/// Returns the changes of strategy before a checkpoint.
///
/// # Errors
/// As [`saved_state`].
pub fn saved_switches(manifest: &Manifest) -> Result<Switches, Error> {
    let State { core, tally: Told { mut switches } } = state(manifest)?;
    // The totals are those at publication, when the run had already continued.
    switches.back_to(core.round);
    Ok(switches)
}

fn state<T: DeserializeOwned>(manifest: &Manifest) -> Result<State<T>, Error> {
    serde_json::from_value(manifest.coordinator.clone()).map_err(|e| Error::State {
        run: manifest.run_id.clone(),
        checkpoint: manifest.name.clone(),
        reason: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use stentor_exit::ProgramError;
    use stentor_experiment::{Batch, Schedule};
    use stentor_plan::{Catalogue, Plan, RowGroup};

    fn saved() -> Saved {
        let catalogue = Catalogue { row_groups: vec![RowGroup { frames: 300, utterances: 4 }] };
        let plan = Plan::new(catalogue, None, &Batch::default(), &Schedule::default(), 7).unwrap();
        Saved {
            round: 3,
            position: Position::new(&plan),
            suggested_tau: SuggestedTau::default(),
            suggested_block_tau: None,
            checkpoints: 1,
            best: None,
            best_by: FRAME_ERROR,
            stale_evaluations: 0,
            finished: false,
            roster: BTreeMap::from([(0, "a".to_owned())]),
            strategy: Strategy::Gtc,
            quarantined: Vec::new(),
            scaled_residuals: true,
        }
    }

    fn manifest(coordinator: Value) -> Manifest {
        Manifest {
            name: "001000-0000000003".into(),
            run_id: "r-1".into(),
            coordinator,
            ..Manifest::default()
        }
    }

    /// Returns a manifest of the checkpoint before round 3, with these totals.
    fn beside(tally: Value) -> Manifest {
        manifest(serde_json::to_value(State { core: saved(), tally }).unwrap())
    }

    #[test]
    fn the_cores_state_is_read_whatever_other_totals_are_stored_and_an_invalid_record_is_named() {
        assert_eq!(saved_state(&beside(json!({"rounds": 3}))).unwrap(), saved());
        let error = saved_state(&manifest(json!({"core": {}, "tally": {}}))).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("r-1") && words.contains("`001000-0000000003`"), "{words}");
        assert_eq!(error.id(), "E0504");
    }

    #[test]
    fn a_record_of_before_there_were_criteria_has_its_best_checkpoint_by_frame_error() {
        let mut record = serde_json::to_value(Saved { best: Some(("a".into(), 44.5)), ..saved() }).unwrap();
        assert_eq!(record.as_object_mut().unwrap().remove("best_by"), Some(json!("frame-error")));
        let read: Saved = serde_json::from_value(record).unwrap();
        assert_eq!((read.best, read.best_by), (Some(("a".into(), 44.5)), FRAME_ERROR));
    }

    #[test]
    fn switches_after_the_checkpoint_but_before_its_publication_do_not_count() {
        let switches = json!([
            {"round": 3, "from": "gtc", "to": "bmuf"},
            {"round": 4, "from": "bmuf", "to": "dense"},
        ]);
        let found = saved_switches(&beside(json!({"rounds": 5, "switches": switches}))).unwrap();
        assert_eq!(found.to_string(), "gtc until round 3, then bmuf");
        assert_eq!(saved_switches(&beside(json!({"rounds": 3}))).unwrap(), Switches::default());
    }
}
