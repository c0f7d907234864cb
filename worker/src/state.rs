//! A replica's state as objects of a checkpoint: the parameters to deploy, what all replicas share, and what is this
//! worker's own.

use crate::Error;
use crate::client::Doing;
use crate::replica::Replica;
use stentor_acoustic::OptimizerState;
use stentor_checkpoint::{Manifest, NamedTensor, TensorFile, checkpoint_store, read_manifest, read_object};
use stentor_exchange::{BlockMomentum, BlockParts};
use stentor_proto::v1::WrittenObject;
use stentor_store::Store;

/// Parameters to deploy, by name.
const MODEL: &str = "model.safetensors";
/// Optimiser and block momentum, if they are the same on every replica.
const REPLICATED: &str = "replicated.safetensors";

/// Name of the object with residual and own optimiser of one identity.
fn own_state(identity: &str) -> String {
    format!("state-{identity}.safetensors")
}

/// Writes this member's part of checkpoint `name` and says what was written; `doing` is told of each object.
pub(crate) async fn save(
    replica: &Replica,
    run: &Store,
    name: &str,
    identity: &str,
    writes_model: bool,
    doing: &Doing,
) -> Result<Vec<WrittenObject>, Error> {
    let mut files = Vec::new();
    if writes_model {
        files.push((MODEL.to_owned(), model(replica)));
        files.push((REPLICATED.to_owned(), replicated(replica)));
    }
    files.push((own_state(identity), own(replica)));
    let folder = checkpoint_store(run, name);
    let mut written = Vec::with_capacity(files.len());
    for (object, file) in files {
        doing.now(format!("writing {object} of checkpoint {name}"));
        let bytes = file.to_bytes()?;
        let (length, digest) = (bytes.len() as u64, stentor_checkpoint::digest(&bytes));
        // A round that is done again after a fall-back has another lineage, hence another folder: nothing is overwritten.
        folder.put(&object, bytes).await?;
        written.push(WrittenObject { name: object, bytes: length, digest });
    }
    Ok(written)
}

/// Loads checkpoint `name` into a new replica. A newcomer takes another member's optimiser and starts without a
/// residual.
pub(crate) async fn load(
    replica: &mut Replica,
    run: &Store,
    name: &str,
    identity: &str,
) -> Result<(), Error> {
    // Only the objects that this worker needs are read, and each is verified while it is read.
    let manifest = read_manifest(run, name).await?;
    let read = async |object: &str| -> Result<TensorFile, Error> {
        Ok(TensorFile::from_bytes(&read_object(run, &manifest, object).await?)?)
    };
    let parameters = read(MODEL).await?;
    let named = parameters.tensors.iter().map(|(n, t)| (n.as_str(), t.shape.as_slice(), t.values.as_slice()));
    replica.model.parameters().load_named(named)?;
    let shared = read(REPLICATED).await?;
    restore_shared(replica, &shared)?;
    let mine = own_state(identity);
    if has(&manifest, &mine) {
        return restore_own(replica, &read(&mine).await?);
    }
    let peer = manifest.objects.iter().map(|o| &o.name).find(|n| n.starts_with("state-"));
    if let Some(peer) = peer {
        tracing::info!(
            peer,
            "the checkpoint has no state of this worker: using a peer's optimiser and no residual"
        );
        let mut state = read(peer).await?;
        state.tensors.remove(RESIDUAL);
        state.tensors.remove(BLOCK_RESIDUAL);
        restore_own(replica, &state)?;
    }
    Ok(())
}

const RESIDUAL: &str = "residual";
const BLOCK_RESIDUAL: &str = "block.residual";
const BLOCK_DELTA: &str = "block.delta";
const OPTIMIZER: &str = "optimizer.";
const STEPS: &str = "optimizer.steps";
const LOOK_AHEAD: &str = "block.look_ahead_eta";

fn has(manifest: &Manifest, object: &str) -> bool {
    manifest.objects.iter().any(|o| o.name == object)
}

fn model(replica: &Replica) -> TensorFile {
    let mut file = TensorFile::default();
    let deployed = replica.deployed();
    for slot in replica.model.parameters().slots() {
        let values = deployed[slot.offset..slot.offset + slot.len].to_vec();
        file.tensors.insert(slot.name.clone(), NamedTensor { shape: slot.shape.clone(), values });
    }
    file
}

fn replicated(replica: &Replica) -> TensorFile {
    let mut file = TensorFile::default();
    if !replica.steps_alone() {
        put_optimizer(&mut file, &replica.optimizer.state());
    }
    if let Some(block) = &replica.block {
        let parts = block.filter.parts();
        put(&mut file, BLOCK_DELTA, parts.delta);
        // As hexadecimal bits: loading a checkpoint gives exactly the same number.
        file.metadata.insert(LOOK_AHEAD.into(), format!("{:016x}", parts.look_ahead_eta.to_bits()));
    }
    file
}

fn own(replica: &Replica) -> TensorFile {
    let mut file = TensorFile::default();
    if replica.steps_alone() {
        put_optimizer(&mut file, &replica.optimizer.state());
    }
    if let Some(residual) = &replica.residual {
        put(&mut file, RESIDUAL, residual.kept.clone());
    }
    if let Some(residual) = replica.block.as_ref().and_then(|block| block.residual.as_ref()) {
        put(&mut file, BLOCK_RESIDUAL, residual.kept.clone());
    }
    file
}

fn put(file: &mut TensorFile, name: &str, values: Vec<f32>) {
    file.tensors.insert(name.to_owned(), NamedTensor { shape: vec![values.len()], values });
}

fn put_optimizer(file: &mut TensorFile, state: &OptimizerState) {
    for (name, values) in &state.vectors {
        put(file, &format!("{OPTIMIZER}{name}"), values.clone());
    }
    file.metadata.insert(STEPS.into(), state.steps.to_string());
}

fn restore_optimizer(replica: &mut Replica, file: &TensorFile) -> Result<(), Error> {
    let vectors = file
        .tensors
        .iter()
        .filter_map(|(name, t)| Some((name.strip_prefix(OPTIMIZER)?.to_owned(), t.values.clone())))
        .collect();
    let steps = file.metadata.get(STEPS).and_then(|s| s.parse().ok()).unwrap_or(0);
    Ok(replica.optimizer.load_state(&OptimizerState { steps, vectors })?)
}

fn restore_shared(replica: &mut Replica, file: &TensorFile) -> Result<(), Error> {
    if !replica.steps_alone() {
        restore_optimizer(replica, file)?;
    }
    let Some(block) = &mut replica.block else { return Ok(()) };
    let w = replica.model.parameters().to_host();
    let missing = || Error::Protocol(format!("expected `{BLOCK_DELTA}` in {REPLICATED}, found nothing"));
    let delta = file.tensors.get(BLOCK_DELTA).ok_or_else(missing)?.values.clone();
    let look_ahead_eta = file
        .metadata
        .get(LOOK_AHEAD)
        .and_then(|bits| u64::from_str_radix(bits, 16).ok())
        .map(f64::from_bits)
        .ok_or_else(missing)?;
    block.filter = BlockMomentum::from_parts(BlockParts { w, delta, look_ahead_eta }, block.kind)?;
    replica.model.parameters().load_host(block.filter.start())?;
    Ok(())
}

fn restore_own(replica: &mut Replica, file: &TensorFile) -> Result<(), Error> {
    if replica.steps_alone() {
        restore_optimizer(replica, file)?;
    }
    let len = replica.len();
    let own = [
        (RESIDUAL, replica.residual.as_mut()),
        (BLOCK_RESIDUAL, replica.block.as_mut().and_then(|block| block.residual.as_mut())),
    ];
    for (name, residual) in own {
        let (Some(residual), Some(kept)) = (residual, file.tensors.get(name)) else { continue };
        if kept.values.len() != len {
            let found = kept.values.len();
            return Err(Error::Protocol(format!("expected `{name}` of {len} values, found {found}")));
        }
        residual.kept.clone_from(&kept.values);
    }
    Ok(())
}
