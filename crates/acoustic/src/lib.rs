//! Acoustic models, objectives and optimisers: the only crate that links libtorch.
//!
//! A model maps normalised feature frames `[batch, frames, inputs]` to senone logits `[batch, frames, senones]`. Its
//! parameters are one flat vector ([`ParameterVector`]), because exchange, optimisers and checkpoints all work on flat
//! vectors; an [`Objective`] compares a model's [`Outputs`] with [`Targets`]; an [`Optimizer`] turns a gradient into a
//! step whose state can be saved.
//!
//! **Determinism.** Initial parameters come from our own generator ([`random`]), so that every worker builds the same
//! bits. The same inputs give the same bits if the build, libtorch, the type of CPU and the number of threads are the
//! same.
//!
//! **Extension points.**
//!
//! - A model family implements [`AcousticModel`] and has an entry in [`build`] and [`load`]. It states whether it can
//!   stream, how many frames become one output frame, and how much memory a frame takes; it may have
//!   [buffers](AcousticModel::buffers).
//! - A batch has one kind of [`Supervision`], and consists of chunks or of whole utterances ([`Extent`]).
//! - An [`Objective`] states what it [`Needs`] besides logits and labels: inner layers, a teacher's outputs, weights,
//!   whole utterances. Its [`Loss`] is a sum over frames or over sequences; a penalty on weights is reported
//!   separately.
//! - All randomness in training, of a forward pass ([`Mode::Train`]) or of what it sees ([`Masks`]), is a pure function of the
//!   batch's own numbers, so a replay gives the same bits.
//! - [`AfterApply`] modifies parameters after every change of them: masks, quantisers. Its state is part of
//!   checkpoints.

mod after_apply;
mod batch;
mod device;
mod error;
mod families;
mod gradient;
mod inference;
mod lstm;
mod masks;
mod model;
mod objective;
mod optimizer;
mod parameters;
mod pass;
pub mod random;
mod shape;
mod supervision;
#[cfg(test)]
mod test_family;

pub use after_apply::{AfterApply, AfterApplyState};
pub use batch::{Batch, Chunk, Extent, Labels, SoftLabels, Utterance, utterance_batches};
pub use device::{ChosenDevice, choose_device, set_threads};
pub use error::Error;
pub use families::{build, load};
pub use gradient::{Conditions, Score, mean_gradient};
pub use inference::{Aligned, TopKLabels, log_posteriors, score, top_k};
pub use lstm::LstmModel;
pub use masks::Masks;
pub use model::{AcousticModel, Outputs, StreamState};
pub use objective::{
    Given, HardLabels, Loss, LossUnit, Mixed, Needs, Objective, TopK, annotated_objective,
    machine_labeled_objective,
};
pub use optimizer::{Adam, Optimizer, OptimizerState, Sgd, build_optimizer, clip_to_norm, scale_gradient};
pub use parameters::{NamedSlice, NamedValues, ParameterSlot, ParameterVector};
pub use pass::{Dropout, InnerLayers, Mode, Pass};
pub use shape::{FrameSizes, ModelShape};
pub use supervision::{Soft, Supervision, SupervisionKind, Targets};

/// libtorch's tensors, for callers that use a [`Tensor`] or a [`Device`].
pub use tch;
pub use tch::{Device, Tensor};
