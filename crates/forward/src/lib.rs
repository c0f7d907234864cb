//! The forward pass of a trained model in Rust, without libtorch: what a recogniser needs of an acoustic model.
//!
//! A [`Network`] is made from an architecture and parameters by name, as they are in a checkpoint. It maps normalised frames
//! `[frames, inputs]` to log posteriors `[frames, outputs]`. A unidirectional one also has a [`Stream`], which takes frames as
//! they come.
//!
//! **Determinism.** Each sum is a chain of fused multiply-adds in one order: bias, inputs, then recurrent inputs. How many frames
//! or outputs are computed side by side, and with which instructions, does not change a chain. So a stream gives the bits of the
//! whole utterance, whatever its pieces, and results do not depend on the number of cores. Every x86-64 CPU gives the same
//! bits; one without FMA emulates it, slowly. (`ln` is that of the platform's library.)
//!
//! Results differ from those of `stentor-acoustic` by rounding only. A test there compares both.

mod activation;
mod cell;
mod error;
mod inference;
mod lanes;
mod layer;
mod level;
mod network;
mod softmax;
mod stream;
mod weights;

pub use error::Error;
pub use network::{NamedSlice, Network};
pub use stream::Stream;
