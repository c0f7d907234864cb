use crate::layout::{MANIFEST, MODEL, START};
use crate::load::{read_manifest_in, read_object_in};
use crate::result::model_folder;
use crate::signed::{Proof, Trust};
use crate::{Error, Manifest, Origin, seal};
use bytes::Bytes;
use serde_json::Value;
use stentor_signature::Digest;
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
        Self::read_trusted(store, None).await
    }

    /// Like [`ModelCopy::read`]; if `trust` is given, the model must have its signature, and so must the run's result.
    ///
    /// # Errors
    /// As [`ModelCopy::read`]; without signatures [`Error::Unsigned`], [`Error::Signature`], [`Error::OtherRun`].
    pub async fn read_trusted(store: &Store, trust: Option<&Trust>) -> Result<Self, Error> {
        let (folder, trust) = model_folder(store, trust).await?;
        Self::read_in(&folder, trust.as_ref().into()).await
    }

    /// Reads the model of the checkpoint in `folder`, or of a copy, for a reader that demands a proof.
    ///
    /// # Errors
    /// As [`ModelCopy::read`] and [`read_manifest_with`](crate::read_manifest_with).
    pub async fn read_in(folder: &Store, proof: Proof<'_>) -> Result<Self, Error> {
        let manifest = read_manifest_in(folder, proof).await?.manifest;
        let bytes = read_object_in(folder, &manifest, MODEL).await?;
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

    /// With a digest of the parameters that cannot be forged, for a run that signs.
    #[must_use]
    pub fn with_digest(mut self) -> Self {
        let blake3 = Digest::of(&self.bytes);
        for object in self.manifest.objects.iter_mut().filter(|object| object.name == MODEL) {
            object.blake3 = Some(blake3);
        }
        self
    }

    /// The digest of the manifest that [`ModelCopy::write`] writes.
    ///
    /// # Errors
    /// [`Error::Unloadable`].
    pub fn manifest_digest(&self) -> Result<Digest, Error> {
        Ok(Digest::of(&self.sealed()?))
    }

    /// The copy's manifest: it lists only the parameters, and has no signature.
    fn sealed(&self) -> Result<Bytes, Error> {
        let objects = self.manifest.object(MODEL).cloned().into_iter().collect();
        let manifest = Manifest {
            objects,
            coordinator: Value::Null,
            previous: None,
            signed: None,
            ..self.manifest.clone()
        };
        seal::encode(&manifest, None)
    }

    /// Writes it to `folder`: the parameters, then a manifest that lists only these. Name, run and digest stay those
    /// of the model.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn write(&self, folder: &Store) -> Result<(), Error> {
        folder.put(MODEL, self.bytes.clone()).await?;
        Ok(folder.put(MANIFEST, self.sealed()?).await?)
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
