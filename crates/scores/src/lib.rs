//! What training and evaluation count, and the criteria by which models are compared.
//!
//! A worker counts [`Sums`]: numbers with names, over the frames, words or utterances that it processed. Sums of several workers
//! are merged by addition. A [`Criterion`] computes one number from merged sums and says which direction is better; [`Scores`]
//! are the values of all criteria, and of the penalty on weights. `registry.rs` defines every sum and every criterion. Other code merges, compares and stores
//! them without knowing what they mean: to add a criterion, add it there and have the workers count its sums.
//!
//! The crate is pure: it does no I/O.

mod criterion;
mod error;
mod lookup;
mod registry;
mod scores;
mod sums;

pub use criterion::{Criterion, Direction, Unit};
pub use error::Error;
pub use registry::{
    CORRECT_FRAMES, CRITERIA, FRAME_ERROR, FRAMES, LOSS, LOSS_SUM, PENALTY, PENALTY_SUM, REPORTED, frame_sums,
};
pub use scores::Scores;
pub use sums::{MAX_NAME_BYTES, MAX_SUMS, Sums};
