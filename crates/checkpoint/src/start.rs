use crate::layout::{MANIFEST, MODEL, START};
use crate::load::{read_manifest_in, read_object_in};
use crate::result::model_folder;
use crate::{Error, Manifest, Origin, seal};
use bytes::Bytes;
use serde_json::Value;
use stentor_store::Store;

/// The folder in which a run keeps the model that it started from. It is laid out like a checkpoint, but contains only
/// the model and no state of the run. So a run can be started again, joined and replayed, even if the original model
/// is gone.
#[must_use]
pub fn start_store(run: &Store) -> Store {
    run.child(START)
}

/// A copy of a trained model, verified, to be written to another store.
#[derive(Debug, Clone)]
pub struct ModelCopy {
    manifest: Manifest,
    bytes: Bytes,
}

impl ModelCopy {
    /// Reads the model of a finished run or of a checkpoint; `store` may be the folder of either.
    ///
    /// # Errors
    /// [`Error::NoModel`] if it is neither; otherwise what is wrong with the checkpoint.
    pub async fn read(store: &Store) -> Result<Self, Error> {
        let folder = model_folder(store).await?;
        let manifest = read_manifest_in(&folder).await?;
        let bytes = read_object_in(&folder, &manifest, MODEL).await?;
        Ok(Self { manifest, bytes })
    }

    /// The manifest of its checkpoint.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The object with its parameters.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn into_manifest(self) -> Manifest {
        self.manifest
    }

    /// Writes it to `folder`: the parameters, then a manifest that lists only these. Name, run and digest stay those
    /// of the model.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn write(&self, folder: &Store) -> Result<(), Error> {
        let objects = self.manifest.object(MODEL).cloned().into_iter().collect();
        let manifest =
            Manifest { objects, coordinator: Value::Null, previous: None, ..self.manifest.clone() };
        folder.put(MODEL, self.bytes.clone()).await?;
        Ok(folder.put(MANIFEST, seal::encode(&manifest)?).await?)
    }
}

impl Origin {
    /// The model that `manifest` describes, as the start of a run.
    #[must_use]
    pub fn of(manifest: &Manifest, new_output: bool) -> Self {
        Self {
            run_id: manifest.run_id.clone(),
            checkpoint: manifest.name.clone(),
            digest: manifest.object(MODEL).map_or(0, |object| object.digest),
            new_output,
        }
    }
}
