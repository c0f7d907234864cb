use crate::error::{Error, require};
use crate::interval::Interval;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stentor_scores::{CRITERIA, Criterion, FRAME_ERROR};

/// `[checkpoint]`: state is published at round boundaries, by position in the run and by time. At those by position dev data are
/// scored, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoint {
    /// Number of checkpoints in the whole run, at equal distances in committed frames; the last is at its end. Default
    /// 10; 1 to 100000.
    pub count: u32,
    /// Longest time between two checkpoints, as a whole number and a unit, which is `s`, `min`, `h` or `d`: `"90s"`, `"15min"`,
    /// `"2h"`. When it has passed since the last checkpoint, or since the first round, the next boundary writes one, without
    /// scoring dev data, so that the clock decides neither which model is the best nor when training ends. Optional: without
    /// it, only `count` decides. 1s to 30d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Interval>,
    /// Number of newest checkpoints that are kept, in addition to the best on dev. Default 2; at least 1.
    pub keep: u32,
    /// Criterion that selects the best checkpoint on dev, which is kept, is deployed at the end, and counts as an
    /// improvement for `schedule.patience`. Default `frame-error`.
    #[schemars(schema_with = "criteria")]
    pub best: Criterion,
}

/// Every criterion with its meaning.
fn criteria(_: &mut SchemaGenerator) -> Schema {
    let words = CRITERIA.map(
        |criterion| json!({"type": "string", "const": criterion.name, "description": criterion.meaning}),
    );
    let mut schema = Schema::default();
    schema.insert("oneOf".to_owned(), Value::from(words.to_vec()));
    schema
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { count: 10, every: None, keep: 2, best: FRAME_ERROR }
    }
}

impl Checkpoint {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        require((1..=100_000).contains(&self.count), "checkpoint.count", "1 to 100000", self.count)?;
        if let Some(every) = self.every {
            let bounds = Interval::of_seconds(1)..=Interval::of_seconds(30 * 86_400);
            require(bounds.contains(&every), "checkpoint.every", "1s to 30d", every)?;
        }
        require(self.keep >= 1, "checkpoint.keep", "at least 1", self.keep)
    }
}
