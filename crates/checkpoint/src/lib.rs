//! Checkpoints: layout, publication, search, and retention of a run's saved state.
//!
//! A checkpoint is a folder `checkpoints/<name>/` of the run's store:
//!
//! | object | |
//! |---|---|
//! | `model.safetensors` | parameters to deploy |
//! | `replicated.safetensors` | other state that is the same on every replica |
//! | `state-<identity>.safetensors` | a member's residual and own optimiser |
//! | `manifest.json` | published last: the content of the checkpoint, with a digest of each object |
//!
//! **Invariant:** a checkpoint exists when its manifest does. A folder without a manifest is not a checkpoint,
//! whatever it contains: it is being written, or was abandoned.
//!
//! **Invariant:** a published manifest never changes. [`publish`] may be repeated; it refuses other content.
//!
//! **Invariant:** all content is verified. The manifest holds each object's size and xxh3 digest, its own digest is in
//! front of it, and [`newest_valid`] skips checkpoints that do not match and returns the reason.
//!
//! A run that starts from another model keeps a copy of it in `start/`, with the layout of a checkpoint
//! ([`ModelCopy`]).
//!
//! No file contains pickle or code: [`TensorFile`] holds only numbers.

mod deployed;
mod error;
mod folders;
mod layout;
mod load;
mod manifest;
mod name;
mod publish;
mod result;
mod retention;
mod seal;
mod start;
mod tensors;

pub use deployed::DeployedModel;
pub use error::Error;
pub use folders::{folders, retain, sweep};
pub use layout::{
    MANIFEST, MODEL, checkpoint_age, checkpoint_name, checkpoint_store, is_state, is_state_of, state_name,
};
pub use load::{
    Broken, Newest, is_published, load_manifest, newest_valid, read_manifest, read_object, verify_objects,
};
pub use manifest::{DevResult, Manifest, ModelDescription, Normalisation, Object, Origin, SCHEMA_VERSION};
pub use publish::publish;
pub use result::deploy;
pub use retention::{Action, Retained, Standing, retention};
pub use start::{ModelCopy, start_store};
pub use tensors::{Malformed, NamedTensor, TensorFile};

/// The digest of an object: 64-bit xxh3. It detects accidental changes, not forgeries.
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}
