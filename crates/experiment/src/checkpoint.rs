use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[checkpoint]`: dev data are scored and state is published at the same round boundaries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoint {
    /// Number of checkpoints in the whole run, at equal distances in committed frames; the last is at its end. Default
    /// 10; 1 to 100000.
    pub count: u32,
    /// Number of newest checkpoints that are kept, in addition to the best on dev. Default 2; at least 1.
    pub keep: u32,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { count: 10, keep: 2 }
    }
}

impl Checkpoint {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        require((1..=100_000).contains(&self.count), "checkpoint.count", "1 to 100000", self.count)?;
        require(self.keep >= 1, "checkpoint.keep", "at least 1", self.keep)
    }
}
