//! Gradient threshold compression (Strom 2015, "Scalable distributed DNN training using commodity GPU cloud
//! computing").
//!
//! In each round every worker adds its mean gradient (or its optimiser's update) g to its residual r, sends one sign
//! for each value that reaches the threshold τ, and subtracts that τ:
//!
//! ```text
//! v = fl(r + g)      n = +1 where v ≥ τ, −1 where v ≤ −τ, else 0      r′ = v − τ·n
//! ```
//!
//! The coordinator adds the signs of c contributors to counts, and every replica applies the mean `(τ/c)·Σn`. Counts
//! are integers: their sum does not depend on the order of arrival, so all replicas have the same bits.
//!
//! A worker adopts r′ only when the update names it as a contributor; otherwise it keeps r and computes the batch
//! again. So [`Encoder::encode`] writes r′ to a second buffer. A worker without any frames sends nothing, keeps r, and
//! is not counted in c.

mod apply;
mod bits;
mod choose;
mod counts;
mod density;
mod encode;
mod header;
mod kernel;
mod marks;
mod read;
mod rethreshold;
mod rice;
mod tau;
mod warmup;
mod write;

pub use apply::{add_scaled, check, counts_to_mean, decode_add, decode_counts, decode_mean};
pub use counts::{Counts, encode_counts};
pub use density::suggest_tau;
pub use encode::{EncodeStats, Encoder, encode};
pub use header::{Header, MAX_CONTRIBUTORS};
pub use rethreshold::Rethreshold;
pub use tau::Tau;
pub use warmup::{Phase, phase};
