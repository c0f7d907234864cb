use crate::error::{Error, require};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stentor_scores::{CRITERIA, Criterion, FRAME_ERROR};

/// `[checkpoint]`: dev data are scored and state is published at the same round boundaries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoint {
    /// Number of checkpoints in the whole run, at equal distances in committed frames; the last is at its end. Default
    /// 10; 1 to 100000.
    pub count: u32,
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
        Self { count: 10, keep: 2, best: FRAME_ERROR }
    }
}

impl Checkpoint {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        require((1..=100_000).contains(&self.count), "checkpoint.count", "1 to 100000", self.count)?;
        require(self.keep >= 1, "checkpoint.keep", "at least 1", self.keep)
    }
}
