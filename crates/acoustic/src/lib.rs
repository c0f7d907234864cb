//! Acoustic models, what they minimise, and how they step: the only crate that links libtorch.
//!
//! A model maps normalised feature frames `[batch, frames, inputs]` to senone logits `[batch, frames, senones]`. Its
//! parameters are one flat vector ([`ParameterVector`]), because exchange, optimisers and checkpoints all work on flat
//! vectors; an [`Objective`] compares a model's [`Outputs`] with [`Targets`]; an [`Optimizer`] turns a gradient into a
//! step whose state can be saved.
//!
//! **Determinism.** Initial parameters come from a generator of our own ([`random`]), so that every worker builds the
//! same bits. The same inputs on the same build, libtorch, kind of CPU and number of threads give the same bits.
//!
//! **Seams.** A model family implements [`AcousticModel`]. An objective sees logits, inner layers when they are asked
//! for ([`InnerLayers`]) and, through [`ParameterVector::view`], weights.

mod batch;
mod device;
mod error;
mod gradient;
mod inference;
mod lstm;
mod model;
mod objective;
mod optimizer;
mod parameters;
pub mod random;
mod shape;

pub use batch::{Batch, Chunk, SoftLabels};
pub use device::{ChosenDevice, choose_device, set_threads};
pub use error::Error;
pub use gradient::{Score, mean_gradient};
pub use inference::{Aligned, TopKLabels, log_posteriors, score, top_k};
pub use lstm::LstmModel;
pub use model::{AcousticModel, InnerLayers, Outputs, StreamState, build, load};
pub use objective::{
    HardLabels, LossSum, Mixed, Objective, Soft, Targets, TopK, annotated_objective,
    machine_labeled_objective,
};
pub use optimizer::{Adam, Optimizer, OptimizerState, Sgd, build_optimizer, clip_to_norm, scale_gradient};
pub use parameters::{NamedParameter, ParameterSlot, ParameterVector};
pub use shape::ModelShape;

/// libtorch's tensors, for callers that hold a [`Tensor`] or a [`Device`].
pub use tch;
pub use tch::{Device, Tensor};
