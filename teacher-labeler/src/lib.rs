//! The labeling job: runs a model over feature shards, and writes the most probable senones of every frame to label
//! shards.
//!
//! There is one output per feature shard, published once. A job that was killed continues where it stopped, and the
//! result has the same bytes. Several jobs may share the shards ([`Options::index`], [`Options::of`]); the one that
//! completes the last shard publishes the manifest. Evaluation uses the same program with a `top_k` of all outputs.

mod error;
mod job;
mod lanes;
mod options;
mod teacher;

pub use error::Error;
pub use job::{Figures, run};
pub use options::Options;
