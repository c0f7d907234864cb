use crate::deployed::model_folder;
use crate::layout::{MANIFEST, MODEL, START};
use crate::load::{read_manifest_in, read_object_in};
use crate::{Error, Manifest, Origin, seal};
use bytes::Bytes;
use serde_json::Value;
use stentor_store::Store;

/// Where a run keeps the model that it started from: a folder like a checkpoint's, with the model and nothing of its run's
/// state. So a run can be begun again, joined and replayed whatever has become of the place the model came from.
#[must_use]
pub fn start_store(run: &Store) -> Store {
    run.child(START)
}

/// A trained model as it lies in a store, verified, to be kept elsewhere.
#[derive(Debug, Clone)]
pub struct ModelCopy {
    manifest: Manifest,
    bytes: Bytes,
}

impl ModelCopy {
    /// Reads the model of a finished run or of a checkpoint, whichever folder `store` is.
    ///
    /// # Errors
    /// [`Error::NoModel`] where it is neither; else what is wrong with the checkpoint.
    pub async fn read(store: &Store) -> Result<Self, Error> {
        let folder = model_folder(store).await?;
        let manifest = read_manifest_in(&folder).await?;
        let bytes = read_object_in(&folder, &manifest, MODEL).await?;
        Ok(Self { manifest, bytes })
    }

    /// Of the checkpoint.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The object of its parameters.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn into_manifest(self) -> Manifest {
        self.manifest
    }

    /// Writes it to `folder`: parameters, then a manifest that names nothing else. Name, run and digest stay the model's own.
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
    /// The model that `manifest` describes, as one to start from.
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
