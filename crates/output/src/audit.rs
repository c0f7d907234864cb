use serde::{Deserialize, Serialize};
use std::fmt;
use stentor_experiment::Source;
use stentor_plan::Lease;

/// The result of the audit of a run: `stentor ledger audit --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Folder or URL of the run.
    pub run: String,
    /// How far the run is.
    pub state: State,
    /// Whether each batch counted exactly once, as far as the audit applies.
    pub clean: bool,
    /// The checkpoint up to which the audit applies; `None` if there is none yet.
    pub checkpoint: Option<String>,
    /// The round after it.
    pub round: u64,
    /// Share of the run's frames that is committed.
    pub progress: f64,
    /// What was committed of each source.
    pub sources: Vec<OfSource>,
    /// What fall-backs made void.
    pub void: Vec<Void>,
    /// Number of batches in rounds after the checkpoint, which may still become void.
    pub not_judged: u64,
    /// Row groups without which batches were made.
    pub quarantined: Vec<Quarantined>,
    /// Newer checkpoints that cannot be used: they lose no batch, but the run could not resume from them.
    pub broken: Vec<String>,
    /// Batches that were expected and not committed.
    pub missing: Listed,
    /// Batches that were committed again.
    pub twice: Listed,
    /// Batches that were committed, but not according to the ledger.
    pub unexpected: Listed,
    /// Leases that are not in the plan, and other contradictions.
    pub contradictions: Vec<String>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// The whole plan is done.
    #[serde(rename = "finished")]
    Finished,
    /// The run has a result, and a part of the plan is left.
    #[serde(rename = "stopped early")]
    StoppedEarly,
    /// The run has no result yet.
    #[serde(rename = "under way")]
    UnderWay,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Finished => "finished",
            State::StoppedEarly => "stopped early",
            State::UnderWay => "under way",
        })
    }
}

/// What was committed of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfSource {
    /// The source.
    pub source: Source,
    /// Number of passes.
    pub passes: u32,
    /// Number of committed batches.
    pub committed: u64,
    /// Number of batches of all passes.
    pub of: u64,
}

/// What a fall-back to a checkpoint made void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    /// The lineage that the fall-back began.
    pub lineage: u64,
    /// Its first round.
    pub round: u64,
    /// Number of void rounds.
    pub rounds: u64,
    /// Number of void batches.
    pub batches: u64,
    /// Why the run fell back.
    pub reason: String,
}

/// A quarantined row group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quarantined {
    /// Its source.
    pub source: Source,
    /// Its file.
    pub file: String,
    /// Its index in the file.
    pub row_group: u64,
    /// Its frames.
    pub frames: u64,
    /// What is wrong with it.
    pub reason: String,
    /// The worker that found it first.
    pub worker: String,
}

/// A number of batches, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Number of batches.
    pub batches: u64,
    /// The first ones, as leases.
    pub leases: Vec<Lease>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_run_is_written_as_it_is_shown() {
        for state in [State::Finished, State::StoppedEarly, State::UnderWay] {
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(json, format!("\"{state}\""));
            assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
        }
    }
}
