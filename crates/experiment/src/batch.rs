use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[batch]`: utterances are cut into chunks, and chunks are combined into batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Batch {
    /// Frames of a chunk that count in the loss; an utterance's first and last chunk have fewer, and where it is cut
    /// changes from pass to pass. Default 50 (1.5 s); 1 to 10000.
    pub chunk_frames: u32,
    /// Warm-up frames before a chunk, from the same utterance, outside the loss. Default 10; 0 to 1000.
    pub left_context: u32,
    /// Frames after a chunk, from the same utterance, outside the loss: for bidirectional models, for which 0 gives a
    /// warning, and for those with `model.look_ahead`, which is the least that it can be. Default 0; 0 to 1000.
    pub right_context: u32,
    /// Number of chunks in a batch of one worker. Default 32; 1 to 4096.
    pub chunks: u32,
    /// Number of batches of a work unit, the piece of data that a worker reads at once. Default 8; 1 to 1000.
    pub unit_batches: u32,
}

impl Default for Batch {
    fn default() -> Self {
        Self { chunk_frames: 50, left_context: 10, right_context: 0, chunks: 32, unit_batches: 8 }
    }
}

impl Batch {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        require(
            (1..=10_000).contains(&self.chunk_frames),
            "batch.chunk_frames",
            "1 to 10000 frames",
            self.chunk_frames,
        )?;
        require(self.left_context <= 1000, "batch.left_context", "0 to 1000 frames", self.left_context)?;
        require(self.right_context <= 1000, "batch.right_context", "0 to 1000 frames", self.right_context)?;
        require((1..=4096).contains(&self.chunks), "batch.chunks", "1 to 4096", self.chunks)?;
        require((1..=1000).contains(&self.unit_batches), "batch.unit_batches", "1 to 1000", self.unit_batches)
    }
}
