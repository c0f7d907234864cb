use anyhow::{Result, bail};
use stentor_shards::{Kind, MANIFEST};
use stentor_store::Store;
use stentor_transcribe::BUNDLE;

/// What a path refers to.
pub(crate) enum Place {
    Features(Store),
    Labels(Store),
    /// A shard file in its folder.
    Shard(Store, String),
    Checkpoint(Store),
    Run(Store),
    /// What `stentor export --bundle` made.
    ModelFolder(Store),
}

/// Objects of which at least one must exist in the folder of a run.
const OF_A_RUN: [&str; 3] = ["experiment.toml", "final.json", "summary.json"];

/// Finds out what is at a path, from the names of objects and the manifest's `kind`.
pub(crate) async fn find(path: &str) -> Result<Place> {
    let store = Store::open(path)?;
    if store.exists(MANIFEST).await? {
        return Ok(by_manifest(store).await?);
    }
    for object in OF_A_RUN {
        if store.exists(object).await? {
            return Ok(Place::Run(store));
        }
    }
    let objects = store.list("").await?;
    if objects.iter().any(|object| object.starts_with("checkpoints/")) {
        return Ok(Place::Run(store));
    }
    // After runs: a model may have been exported into the folder of its run, which must not hide the run.
    if objects.iter().any(|object| object == BUNDLE) {
        return Ok(Place::ModelFolder(store));
    }
    if objects.is_empty() {
        // The path has no objects below it. Folders are never requested as objects, because not every S3 server reports
        // their absence clearly.
        if let Some((folder, file)) = split(path.trim_end_matches('/')) {
            let folder = Store::open(folder)?;
            if folder.exists(file).await? {
                return Ok(Place::Shard(folder, file.to_owned()));
            }
        }
        bail!("{path} does not exist, or is empty");
    }
    if objects.iter().any(|object| object.ends_with(".parquet") && !object.contains('/')) {
        bail!(
            "{path} contains shards but no {MANIFEST}: the set is still being written, or writing it was interrupted"
        );
    }
    bail!(
        "{path} is not one of: feature set, label set, shard file (.parquet), checkpoint, run, model folder"
    );
}

async fn by_manifest(store: Store) -> Result<Place, stentor_store::Error> {
    let bytes = store.get(MANIFEST).await?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    // Sets are recognised here even if their manifest is broken, because the reader of sets gives the best error
    // message. The manifest of a checkpoint has no kind.
    let says = |kind: Kind| value["kind"] == serde_json::json!(kind);
    Ok(if says(Kind::Labels) {
        Place::Labels(store)
    } else if says(Kind::Features) {
        Place::Features(store)
    } else {
        Place::Checkpoint(store)
    })
}

/// Splits a path into folder and last component; `None` if there is no last component.
fn split(path: &str) -> Option<(&str, &str)> {
    let (folder, file) = path.rsplit_once('/').unwrap_or((".", path));
    let folder = if folder.is_empty() { "/" } else { folder };
    (!file.is_empty() && file != "." && file != ".." && !folder.ends_with(":/")).then_some((folder, file))
}
