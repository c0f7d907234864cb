//! The labeling job: a model over feature shards, the most probable senones of every frame into label shards.
//!
//! One output per feature shard, published once. A job that was killed goes on where it stopped, and the result is the
//! same bytes; several jobs may share the shards ([`Options::index`], [`Options::of`]). The one that completes the last
//! shard publishes the manifest. Evaluation uses the same program with a `top_k` of all outputs.

mod error;
mod job;
mod lanes;
mod options;
mod teacher;

pub use error::Error;
pub use job::{Figures, run};
pub use options::Options;
