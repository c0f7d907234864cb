use stentor_store::Store;

/// Object with the parameters to deploy.
pub const MODEL: &str = "model.safetensors";
/// Object whose existence makes a folder a checkpoint.
pub const MANIFEST: &str = "manifest.json";
/// Object of a run that says that it is signed.
pub const SIGNED: &str = "signed.json";
/// Object of a run that names the checkpoint to deploy.
pub const FINAL: &str = "final.json";
/// Folder with the checkpoints of a run.
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// Folder of a run with the model that it started from.
pub(crate) const START: &str = "start";

/// Name of the object with a member's own state: its residual and optimiser.
#[must_use]
pub fn state_name(identity: &str) -> String {
    format!("{STATE}{identity}.safetensors")
}

const STATE: &str = "state-";

/// Whether an object has the state of a member.
#[must_use]
pub fn is_state(object: &str) -> bool {
    object.starts_with(STATE)
}

/// Whether an object has the state of the member `identity`.
#[must_use]
pub fn is_state_of(object: &str, identity: &str) -> bool {
    object.strip_prefix(STATE).is_some_and(|of| of.strip_suffix(".safetensors").unwrap_or(of) == identity)
}

/// The name of the checkpoint before `round` of `lineage`. Sorting names sorts by age.
#[must_use]
pub fn checkpoint_name(lineage: u64, round: u64) -> String {
    format!("{lineage:06}-{round:010}")
}

/// Lineage and round of a name made by [`checkpoint_name`]; `None` for other names.
#[must_use]
pub fn checkpoint_age(name: &str) -> Option<(u64, u64)> {
    let (lineage, round) = name.split_once('-')?;
    let age = (lineage.parse().ok()?, round.parse().ok()?);
    (checkpoint_name(age.0, age.1) == name).then_some(age)
}

/// The folder of checkpoint `name` in the folder of its run.
#[must_use]
pub fn checkpoint_store(run: &Store, name: &str) -> Store {
    run.child(CHECKPOINTS).child(name)
}
