use crate::layout::{FINAL, MANIFEST, MODEL, check_name, checkpoint_store};
use crate::load::{published, read_manifest_in};
use crate::{Error, Manifest, ModelCopy, TensorFile, read_manifest, read_object};
use serde::{Deserialize, Serialize};
use stentor_store::Store;

/// `final.json`: the run's result.
#[derive(Debug, Serialize, Deserialize)]
struct Final {
    checkpoint: String,
}

/// A trained model: its description and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployedModel {
    /// The manifest of its checkpoint.
    pub manifest: Manifest,
    /// The parameters by name.
    pub parameters: TensorFile,
}

/// Makes checkpoint `name` the result of `run`, which [`DeployedModel::load`] loads.
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

impl DeployedModel {
    /// Loads the model of a finished run or of a checkpoint; `store` may be the folder of either. Parameters are
    /// verified.
    ///
    /// # Errors
    /// [`Error::NoModel`] if it is neither, with the names of checkpoints that could be used instead; otherwise what
    /// is wrong with the checkpoint.
    pub async fn load(store: &Store) -> Result<Self, Error> {
        let copy = ModelCopy::read(store).await?;
        let parameters = TensorFile::from_bytes(copy.bytes())?;
        Ok(DeployedModel { manifest: copy.into_manifest(), parameters })
    }

    /// The manifest of the model that [`DeployedModel::load`] loads, without its parameters.
    ///
    /// # Errors
    /// As [`DeployedModel::load`], except for the parameters.
    pub async fn describe(store: &Store) -> Result<Manifest, Error> {
        read_manifest_in(&model_folder(store).await?).await
    }

    /// Identifies the model: the digest of the parameters' file and the features it was trained on.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = self.manifest.object(MODEL).map_or(0, |object| object.digest);
        format!("{digest:016x}-{}", self.manifest.features_fingerprint)
    }
}
