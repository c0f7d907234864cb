use crate::layout::MODEL;
use crate::load::read_manifest_in;
use crate::result::model_folder;
use crate::signed::{Proof, Trust};
use crate::{Error, Manifest, ModelCopy, TensorFile};
use stentor_store::Store;

/// A trained model: its description and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployedModel {
    /// The manifest of its checkpoint.
    pub manifest: Manifest,
    /// The parameters by name.
    pub parameters: TensorFile,
}

impl DeployedModel {
    /// Loads the model of a finished run or of a checkpoint; `store` may be the folder of either. Parameters are
    /// verified.
    ///
    /// # Errors
    /// [`Error::NoModel`] if it is neither, with the names of checkpoints that could be used instead; otherwise what
    /// is wrong with the checkpoint.
    pub async fn load(store: &Store) -> Result<Self, Error> {
        Self::load_trusted(store, None).await
    }

    /// Like [`DeployedModel::load`]; if `trust` is given, the model must have its signature, and so must the run's result.
    ///
    /// # Errors
    /// As [`DeployedModel::load`] and [`ModelCopy::read_trusted`].
    pub async fn load_trusted(store: &Store, trust: Option<&Trust>) -> Result<Self, Error> {
        Self::of(ModelCopy::read_trusted(store, trust).await?)
    }

    /// Loads the model of the checkpoint in `folder`, or of a copy, for a reader that demands a proof.
    ///
    /// # Errors
    /// As [`ModelCopy::read_in`].
    pub async fn load_in(folder: &Store, proof: Proof<'_>) -> Result<Self, Error> {
        Self::of(ModelCopy::read_in(folder, proof).await?)
    }

    fn of(copy: ModelCopy) -> Result<Self, Error> {
        let parameters = TensorFile::from_bytes(copy.bytes())?;
        Ok(DeployedModel { manifest: copy.into_manifest(), parameters })
    }

    /// The manifest of the model that [`DeployedModel::load`] loads, without its parameters.
    ///
    /// # Errors
    /// As [`DeployedModel::load`], except for the parameters.
    pub async fn describe(store: &Store) -> Result<Manifest, Error> {
        Ok(read_manifest_in(&model_folder(store, None).await?.0, Proof::None).await?.manifest)
    }

    /// The manifest of the model that [`DeployedModel::load_in`] loads, without its parameters.
    ///
    /// # Errors
    /// As [`DeployedModel::load_in`], except for the parameters.
    pub async fn describe_in(folder: &Store, proof: Proof<'_>) -> Result<Manifest, Error> {
        Ok(read_manifest_in(folder, proof).await?.manifest)
    }

    /// Identifies the model: the digest of the parameters' file and the features it was trained on.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = self.manifest.object(MODEL).map_or(0, |object| object.digest);
        format!("{digest:016x}-{}", self.manifest.features_fingerprint)
    }
}
