//! The arithmetic of the exchange: how many workers' gradients, updates or models are combined into one.
//!
//! There are three methods, all pure functions on slices of `f32` (no clock, socket, file or random number in this
//! crate):
//!
//! - [`gtc`]: gradient threshold compression (Strom 2015). A worker sends signs of ±τ and keeps the rest as a residual;
//!   the sum of signs is an integer, so it does not depend on the order of arrival.
//! - dense: [`WeightedMean`] of whole vectors, added in slot order; [`StreamingMean`] is the same, part by part as they
//!   arrive.
//! - [`BlockMomentum`]: blockwise model-update filtering (Chen & Huo 2016) on the mean of whole models, or of their
//!   differences: as `f32`, as bfloat16 with error feedback, or as signs.
//!
//! [`strategy`] builds strategies from them: one file each, with its decisions, its member's side and its reduction.
//!
//! [`Reducer`] computes the sums of all three. Everything that decodes bytes accepts untrusted ones: it returns an
//! [`Error`], never panics, and never uses more memory than the caller's own vector needs.

mod bf16;
mod bmuf;
mod dense;
mod digest;
mod error;
pub mod gtc;
mod mean;
mod precision;
mod ranges;
mod reducer;
pub mod strategy;
mod streaming;

pub use bf16::{decode_bf16, encode_bf16};
pub use bmuf::{BlockMomentum, BlockParts, short_block_momentum};
pub use dense::{add_scaled_dense, decode_dense, encode_dense};
pub use digest::{Digest, digest, digest_f32};
pub use error::Error;
pub use gtc::{EncodeStats, Encoder, Phase, Rethreshold, Tau};
pub use mean::WeightedMean;
pub use precision::Precision;
pub use ranges::{RANGE_ALIGNMENT, ranges};
pub use reducer::{Reducer, Reduction, Summation, check_signs};
pub use strategy::{Deltas, Encoding};
pub use streaming::StreamingMean;
