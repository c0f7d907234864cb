use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[run]`: identity of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Name of the run; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Seed of initial weights, of the plan and of all other random numbers. Default 1.
    #[serde(default = "one")]
    pub seed: u64,
    /// Folder or URL for checkpoints, events and the final model: a separate one, outside the folders of data.
    pub output: String,
    /// Whether figures are also written for TensorBoard, to the folder `tensorboard` in `output`. Default true.
    #[serde(default = "yes")]
    pub tensorboard: bool,
}

fn yes() -> bool {
    true
}

fn one() -> u64 {
    1
}

impl Run {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        require(
            !self.name.is_empty() && self.name.chars().all(plain),
            "run.name",
            "letters, digits, `-`, `_` or `.`",
            &self.name,
        )
    }
}
