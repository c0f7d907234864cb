use crate::layout::{FINAL, MANIFEST, MODEL, checkpoint_store};
use crate::load::published;
use crate::name::check_name;
use crate::{Error, read_manifest, read_object};
use serde::{Deserialize, Serialize};
use stentor_store::Store;

/// `final.json`: the run's result.
#[derive(Debug, Serialize, Deserialize)]
struct Final {
    checkpoint: String,
}

/// Makes checkpoint `name` the result of `run`, which [`DeployedModel::load`](crate::DeployedModel::load) loads.
///
/// # Errors
/// An error about the checkpoint if its model cannot be read, [`Error::Store`].
pub async fn deploy(run: &Store, name: &str) -> Result<(), Error> {
    let manifest = read_manifest(run, name).await?;
    read_object(run, &manifest, MODEL).await?;
    let text = serde_json::to_vec_pretty(&Final { checkpoint: name.to_owned() });
    let text = text.expect("a struct of strings is JSON");
    Ok(run.put(FINAL, text.into()).await?)
}

/// The checkpoint that `final.json` names; `None` if the run is not finished.
pub(crate) async fn deployed_name(run: &Store) -> Result<Option<String>, Error> {
    let bytes = match run.get(FINAL).await {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    let location = || format!("{}/{FINAL}", run.location());
    let named: Final = serde_json::from_slice(&bytes)
        .map_err(|e| Error::Manifest { location: location(), reason: e.to_string() })?;
    check_name(&named.checkpoint)?;
    Ok(Some(named.checkpoint))
}

/// The folder of the checkpoint for `store`: itself if it is a checkpoint, or the one that its run deploys.
pub(crate) async fn model_folder(store: &Store) -> Result<Store, Error> {
    match deployed_name(store).await? {
        Some(name) => Ok(checkpoint_store(store, &name)),
        None if store.exists(MANIFEST).await? => Ok(store.clone()),
        None => {
            let checkpoints = published(store).await?;
            Err(Error::NoModel { location: store.location().to_owned(), checkpoints })
        }
    }
}
