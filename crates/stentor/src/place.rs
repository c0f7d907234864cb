use anyhow::{Result, bail};
use stentor_shards::{Kind, MANIFEST};
use stentor_store::Store;

/// What a path leads to.
pub(crate) enum Place {
    Features(Store),
    Labels(Store),
    /// A file in its folder.
    Shard(Store, String),
    Checkpoint(Store),
    Run(Store),
}

/// Objects of which one at least makes a folder a run.
const OF_A_RUN: [&str; 3] = ["experiment.toml", "final.json", "summary.json"];

/// Looks what is there, by the names of objects and by the manifest's `kind`.
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
    if objects.is_empty() {
        // Nothing is below it. A folder is never asked for as an object: not every S3 server says plainly that it is none.
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
            "{path} holds shards but no {MANIFEST}: the set is still being written, or writing it was cut short"
        );
    }
    bail!("{path} is none of these: feature set, label set, shard file (.parquet), checkpoint, run");
}

async fn by_manifest(store: Store) -> Result<Place, stentor_store::Error> {
    let bytes = store.get(MANIFEST).await?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    // A broken manifest of a set still says so here and there, and the reader of sets tells best what is wrong; the
    // manifest of a checkpoint has no kind.
    let says = |kind: Kind| value["kind"] == serde_json::json!(kind);
    Ok(if says(Kind::Labels) {
        Place::Labels(store)
    } else if says(Kind::Features) {
        Place::Features(store)
    } else {
        Place::Checkpoint(store)
    })
}

/// Folder and last part; none where there is no last part.
fn split(path: &str) -> Option<(&str, &str)> {
    let (folder, file) = path.rsplit_once('/').unwrap_or((".", path));
    let folder = if folder.is_empty() { "/" } else { folder };
    (!file.is_empty() && file != "." && file != ".." && !folder.ends_with(":/")).then_some((folder, file))
}
