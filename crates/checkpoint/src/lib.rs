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
//! In a run that signs ([`Signer`]), manifests also have a BLAKE3 digest of each object, and the coordinator's signature. A reader
//! that has the public key ([`Trust`]), or the manifest's digest from the coordinator, accepts nothing else ([`Proof`]).
//! [`SignedRun`] is what the signatures of one run have in common, so that nothing of another run passes for its own.
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
mod signed;
mod start;
mod tensors;

pub use deployed::DeployedModel;
pub use error::Error;
pub use folders::{folders, retain, sweep};
pub use layout::{
    FINAL, MANIFEST, MODEL, SIGNED, checkpoint_age, checkpoint_name, checkpoint_store, is_state, is_state_of,
    state_name,
};
pub use load::{
    Broken, Newest, Verified, is_published, load_manifest, load_manifest_with, newest_valid,
    newest_valid_with, read_manifest, read_manifest_with, read_object, verify_objects, verify_objects_with,
};
pub use manifest::{
    DevResult, LogHead, Manifest, ModelDescription, Normalisation, Object, Origin, SCHEMA_VERSION, SignedPart,
};
pub use publish::{publish, publish_signed};
pub use result::{deploy, deploy_signed, signed_result};
pub use retention::{Action, Retained, Standing, retention};
pub use signed::{FinalObject, Proof, SignedResult, SignedRun, Signer, Trust};
pub use start::{ModelCopy, start_store};
pub use tensors::{Malformed, NamedTensor, TensorFile};

/// The digest of an object: 64-bit xxh3. It detects accidental changes, not forgeries, for which there is
/// [`Digest`](stentor_signature::Digest).
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}
