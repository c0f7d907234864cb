//! Checkpoints: how the state of a run is laid out, published, found again and thinned out.
//!
//! A checkpoint is a folder `checkpoints/<name>/` of the run's store:
//!
//! | object | |
//! |---|---|
//! | `model.safetensors` | parameters to deploy |
//! | `replicated.safetensors` | what is the same on every replica beside them |
//! | `state-<identity>.safetensors` | a member's residual and own optimiser |
//! | `manifest.json` | published last: what the checkpoint holds, with a digest of each object |
//!
//! **Invariant:** a checkpoint exists when its manifest does. A folder without a manifest is none, whatever is in it: it
//! is being written, or was abandoned.
//!
//! **Invariant:** a published manifest never changes. [`publish`] may be repeated; with other content it is refused.
//!
//! **Invariant:** nothing is believed unread. Each object's size and xxh3 digest stand in the manifest, the manifest's own
//! digest stands in front of it, and [`newest_valid`] passes over what does not match and says why.
//!
//! A run that starts from another model keeps a copy of it in `start/`, laid out like a checkpoint ([`ModelCopy`]).
//!
//! No pickle and no code in any file: [`TensorFile`] holds numbers and nothing else.

mod deployed;
mod error;
mod inventory;
mod layout;
mod load;
mod manifest;
mod publish;
mod retention;
mod seal;
mod start;
mod tensors;

pub use deployed::{DeployedModel, deploy};
pub use error::Error;
pub use inventory::{inventory, retain, sweep};
pub use layout::{MANIFEST, MODEL, checkpoint_age, checkpoint_name, checkpoint_store};
pub use load::{
    Broken, Newest, is_published, load_manifest, newest_valid, read_manifest, read_object, verify_objects,
};
pub use manifest::{DevResult, Manifest, ModelDescription, Normalisation, Object, Origin, SCHEMA_VERSION};
pub use publish::publish;
pub use retention::{Action, Retained, Standing, retention};
pub use start::{ModelCopy, start_store};
pub use tensors::{Malformed, NamedTensor, TensorFile};

/// The digest by which objects are told apart: 64-bit xxh3. It finds accidents, not forgeries.
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}
