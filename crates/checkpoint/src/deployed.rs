use crate::layout::MODEL;
use crate::load::read_manifest_in;
use crate::result::model_folder;
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
