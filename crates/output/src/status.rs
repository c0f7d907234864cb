use serde::{Deserialize, Serialize};

/// What a coordinator says about its run: `stentor status --json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// The run, with its incarnation.
    pub run_id: String,
    /// The strategy in force.
    pub strategy: String,
    /// The strategy that follows at the next boundary; empty if none was asked for.
    pub switching_to: String,
    /// Rises when the run falls back to a checkpoint.
    pub lineage: u64,
    /// Rises with every change of members.
    pub membership_epoch: u64,
    /// The open round.
    pub round: u64,
    /// Frames of closed rounds, as planned.
    pub committed_frames: u64,
    /// Frames of the whole run.
    pub total_frames: u64,
    /// Name of the newest published checkpoint; empty before the first.
    pub newest_checkpoint: String,
    /// The pause of the run, if there is one.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// What the coordinator waits for, in words; empty if nothing.
    pub waiting: String,
    /// By slot.
    pub members: Vec<Member>,
}

/// A pause of the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Pause {
    /// Who asked for it.
    pub by: String,
    /// Since then.
    pub seconds: f64,
    /// Whether its checkpoint is published, and no round closes any more.
    pub held: bool,
}

/// A member of the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Member {
    /// Its place in sums.
    pub slot: u32,
    /// The name that it keeps across restarts.
    pub identity: String,
    /// What it reported last.
    pub doing: String,
    /// Time since its last heartbeat, in seconds.
    pub seconds_since_heard: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_was_written() {
        let member =
            Member { slot: 1, identity: "b".into(), doing: "round 7".into(), seconds_since_heard: 0.5 };
        let status = Status { run_id: "r-1".into(), round: 7, members: vec![member], ..Status::default() };
        let json = serde_json::to_string(&status).unwrap();
        assert!(
            json.contains("\"membership_epoch\":0") && json.contains("\"seconds_since_heard\":0.5"),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
    }
}
