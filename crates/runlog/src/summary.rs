use crate::Switches;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The figures of a finished run: `summary.json` in its folder, and the output of `stentor train --json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the run.
    pub run: String,
    /// The strategy in force at the end, by its word in the experiment file.
    pub strategy: String,
    /// Changes of strategy during the run. Summaries of older programs do not have this key.
    #[serde(default)]
    pub switches: Switches,
    /// The checkpoint to deploy.
    pub checkpoint: String,
    /// Closed rounds.
    pub rounds: u64,
    /// Valid frames trained on.
    pub frames: u64,
    /// The same by source.
    pub frames_by_source: BTreeMap<String, u64>,
    /// Sent by the workers, headers included.
    pub bytes_up: u64,
    /// Received by the workers, headers included.
    pub bytes_down: u64,
    /// Sent and received per frame trained.
    pub bytes_per_frame: f64,
    /// From the end of the first round to the end of the last one.
    pub seconds: f64,
    /// Highest resident memory of the programs, MB: `coordinator` and `worker`.
    pub peak_rss_mb: BTreeMap<String, f64>,
    /// Frame error on dev of the chosen checkpoint, percent of frames, over senones.
    pub dev_frame_error: Option<f64>,
}
