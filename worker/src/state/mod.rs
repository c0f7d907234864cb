//! A replica's state as objects of a checkpoint: the parameters to deploy, what all replicas share, and what is this
//! worker's own.

use crate::Error;
use crate::client::Doing;
use crate::replica::Replica;
use std::collections::BTreeMap;
use stentor_acoustic::{AfterApply, AfterApplyState, NamedValues, OptimizerState};
use stentor_checkpoint::{
    Manifest, NamedTensor, Proof, TensorFile, checkpoint_store, read_manifest_with, read_object, state_name,
};
use stentor_exchange::strategy::Shared;
use stentor_messages::Written;
use stentor_signature::Digest;
use stentor_store::Store;

/// Parameters to deploy and buffers, by name.
const MODEL: &str = "model.safetensors";
/// Optimiser, block momentum and what is done after updates, as far as they are the same on every replica.
const REPLICATED: &str = "replicated.safetensors";

/// Writes this member's part of checkpoint `name` and returns what was written; reports each object to `doing`.
pub(crate) async fn save(
    replica: &Replica,
    run: &Store,
    name: &str,
    identity: &str,
    writes_model: bool,
    doing: &Doing,
) -> Result<Vec<Written>, Error> {
    let mut files = Vec::new();
    if writes_model {
        files.push((MODEL.to_owned(), model(replica)));
        files.push((REPLICATED.to_owned(), replicated(replica)));
    }
    files.push((state_name(identity), own(replica)));
    let folder = checkpoint_store(run, name);
    let mut written = Vec::with_capacity(files.len());
    for (object, file) in files {
        doing.now(format!("writing {object} of checkpoint {name}"));
        let bytes = file.to_bytes()?;
        let (length, digest) = (bytes.len() as u64, stentor_checkpoint::digest(&bytes));
        let blake3 = Some(Digest::of(&bytes).bytes());
        // A round that is repeated after a fall-back has another lineage, hence another folder: nothing is overwritten.
        folder.put(&object, bytes).await?;
        written.push(Written { name: object, bytes: length, digest, blake3 });
    }
    Ok(written)
}

/// Loads checkpoint `name` into a new replica. A newcomer takes another member's optimiser and starts without a
/// residual. `proof`: what shows that it is the coordinator's checkpoint.
pub(crate) async fn load(
    replica: &mut Replica,
    run: &Store,
    name: &str,
    identity: &str,
    proof: Proof<'_>,
) -> Result<(), Error> {
    // Only the objects that this worker needs are read, and each is verified while it is read.
    let manifest = read_manifest_with(run, name, proof).await?;
    let read = async |object: &str| -> Result<TensorFile, Error> {
        Ok(TensorFile::from_bytes(&read_object(run, &manifest, object).await?)?)
    };
    restore_model(replica, &read(MODEL).await?)?;
    restore_shared(replica, read(REPLICATED).await?)?;
    let mine = state_name(identity);
    if has(&manifest, &mine) {
        return restore_own(replica, &read(&mine).await?);
    }
    let peer = manifest.objects.iter().map(|o| &o.name).find(|n| n.starts_with("state-"));
    if let Some(peer) = peer {
        tracing::info!(peer, "no state of this worker's own: taking a peer's optimiser, no residual");
        let state = read(peer).await?;
        restore_optimizer(replica, &state, true)?;
    }
    Ok(())
}

const OPTIMIZER: &str = "optimizer.";
const STEPS: &str = "optimizer.steps";

fn has(manifest: &Manifest, object: &str) -> bool {
    manifest.objects.iter().any(|o| o.name == object)
}

fn model(replica: &Replica) -> TensorFile {
    let mut file = TensorFile::default();
    let deployed = replica.deployed();
    for slot in replica.parameters().slots() {
        let values = deployed[slot.offset..slot.offset + slot.len].to_vec();
        file.tensors.insert(slot.name.clone(), NamedTensor { shape: slot.shape.clone(), values });
    }
    for NamedValues { name, shape, values } in replica.trainer.model.buffers() {
        file.tensors.insert(name, NamedTensor { shape, values });
    }
    file
}

fn replicated(replica: &Replica) -> TensorFile {
    let mut file = TensorFile::default();
    put_optimizer(&mut file, replica, false);
    let Shared { vectors, numbers } = replica.member.shared();
    put_all(&mut file, "", vectors, numbers);
    for hook in &replica.trainer.after_apply {
        let AfterApplyState { vectors, numbers } = hook.state();
        put_all(&mut file, &after_apply(hook.as_ref()), vectors, numbers);
    }
    file
}

fn own(replica: &Replica) -> TensorFile {
    let mut file = TensorFile::default();
    put_optimizer(&mut file, replica, true);
    replica.member.own().into_iter().for_each(|(name, kept)| put(&mut file, name, kept.to_vec()));
    file
}

fn put(file: &mut TensorFile, name: &str, values: Vec<f32>) {
    file.tensors.insert(name.to_owned(), NamedTensor { shape: vec![values.len()], values });
}

/// Vectors and numbers, each name with `prefix` before it.
fn put_all(
    file: &mut TensorFile,
    prefix: &str,
    vectors: BTreeMap<String, Vec<f32>>,
    numbers: BTreeMap<String, f64>,
) {
    vectors.into_iter().for_each(|(name, values)| put(file, &format!("{prefix}{name}"), values));
    // Hexadecimal bits, so that a checkpoint restores exactly the same number.
    let bits =
        |(name, number): (String, f64)| (format!("{prefix}{name}"), format!("{:016x}", number.to_bits()));
    file.metadata.extend(numbers.into_iter().map(bits));
}

/// The number with such bits; `None` for metadata of another kind.
fn number(bits: &str) -> Option<f64> {
    u64::from_str_radix(bits, 16).ok().map(f64::from_bits)
}

/// Prefix of the names of a hook's state.
fn after_apply(hook: &dyn AfterApply) -> String {
    format!("after_apply.{}.", hook.name())
}

/// Writes the optimiser: to the worker's own state if each worker makes its own steps, otherwise to the replicated state.
fn put_optimizer(file: &mut TensorFile, replica: &Replica, alone: bool) {
    if replica.member.steps_alone() != alone {
        return;
    }
    let OptimizerState { steps, vectors } = replica.trainer.optimizer.state();
    vectors.into_iter().for_each(|(name, values)| put(file, &format!("{OPTIMIZER}{name}"), values));
    file.metadata.insert(STEPS.into(), steps.to_string());
}

/// As [`put_optimizer`].
fn restore_optimizer(replica: &mut Replica, file: &TensorFile, alone: bool) -> Result<(), Error> {
    if replica.member.steps_alone() != alone {
        return Ok(());
    }
    let vectors = file
        .tensors
        .iter()
        .filter_map(|(name, t)| Some((name.strip_prefix(OPTIMIZER)?.to_owned(), t.values.clone())))
        .collect();
    let steps = file.metadata.get(STEPS).and_then(|s| s.parse().ok()).unwrap_or(0);
    Ok(replica.trainer.optimizer.load_state(&OptimizerState { steps, vectors })?)
}

fn restore_model(replica: &Replica, file: &TensorFile) -> Result<(), Error> {
    let named = file.tensors.iter().map(|(n, t)| (n.as_str(), t.shape.as_slice(), t.values.as_slice()));
    Ok(replica.trainer.model.restore(named)?)
}

fn restore_shared(replica: &mut Replica, file: TensorFile) -> Result<(), Error> {
    restore_optimizer(replica, &file, false)?;
    for hook in &mut replica.trainer.after_apply {
        let prefix = after_apply(hook.as_ref());
        let own = |name: &str| name.strip_prefix(&prefix).map(str::to_owned);
        let vectors = file.tensors.iter().filter_map(|(name, t)| Some((own(name)?, t.values.clone())));
        let numbers = file.metadata.iter().filter_map(|(name, bits)| Some((own(name)?, number(bits)?)));
        hook.load_state(&AfterApplyState { vectors: vectors.collect(), numbers: numbers.collect() })?;
    }
    let mut shared = Shared {
        vectors: file.tensors.into_iter().map(|(name, tensor)| (name, tensor.values)).collect(),
        numbers: file.metadata.into_iter().filter_map(|(name, bits)| Some((name, number(&bits)?))).collect(),
    };
    replica.member.restore(&mut shared, &mut replica.trainer)?;
    replica.project()
}

fn restore_own(replica: &mut Replica, file: &TensorFile) -> Result<(), Error> {
    restore_optimizer(replica, file, true)?;
    for (name, kept) in replica.member.own_mut() {
        let Some(saved) = file.tensors.get(name) else { continue };
        if saved.values.len() != kept.len() {
            let (expected, found) = (kept.len(), saved.values.len());
            return Err(Error::Protocol(format!("expected `{name}` of {expected} values, found {found}")));
        }
        kept.copy_from_slice(&saved.values);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
