use crate::error::Error;
use serde::{Deserialize, Serialize};
use stentor_checkpoint::{ModelDescription, Normalisation, Object, digest};
use stentor_experiment::Features;
use stentor_inventory::Inventory;

/// Schema version of descriptions.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The file of a bundle that describes it. It is written last: without it a folder is no bundle.
pub const BUNDLE: &str = "bundle.json";

/// What is known of a trained model besides its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainedModel {
    /// The run that trained the model.
    pub run_id: String,
    /// Its checkpoint in that run.
    pub checkpoint: String,
    /// Architecture and sizes.
    pub model: ModelDescription,
    /// How sound becomes frames. `high_hz` is that of the corpus the model was trained on, never 0.
    pub features: Features,
    /// The model's own.
    pub normalisation: Normalisation,
    /// The model's outputs in order.
    pub senones: Inventory,
}

/// What a bundle consists of, and all of the model but its large parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Of the program that wrote it.
    pub schema_version: u32,
    /// Name and version of the program that wrote it.
    pub created_by: String,
    /// The model; its fields stand beside the others in the file.
    #[serde(flatten)]
    pub trained: TrainedModel,
    /// The other files of the folder.
    pub parts: Vec<Object>,
    /// The digest of all of this, with an empty text in this place.
    pub fingerprint: String,
}

impl Description {
    /// The digest of the content, in hexadecimal.
    fn digest(&self) -> String {
        let bare = Self { fingerprint: String::new(), ..self.clone() };
        // A description has no part that JSON cannot express.
        format!("{:016x}", digest(&serde_json::to_vec(&bare).unwrap_or_default()))
    }

    /// The same with the fingerprint of its content.
    #[must_use]
    pub fn sealed(self) -> Self {
        Self { fingerprint: self.digest(), ..self }
    }

    /// Reads a description and checks its fingerprint. `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Description`], [`Error::Version`], [`Error::Fingerprint`].
    pub fn read(bytes: &[u8], path: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Versioned {
            schema_version: u64,
        }
        let damaged = |error: serde_json::Error| Error::Description {
            path: path.to_owned(),
            reason: format!("expected the description of a model folder, found another text: {error}"),
        };
        let Versioned { schema_version } = serde_json::from_slice(bytes).map_err(damaged)?;
        if schema_version != u64::from(SCHEMA_VERSION) {
            let (path, expected) = (path.to_owned(), SCHEMA_VERSION);
            return Err(Error::Version { path, expected, found: schema_version });
        }
        let description: Self = serde_json::from_slice(bytes).map_err(damaged)?;
        let found = description.digest();
        if description.fingerprint != found {
            let (path, expected) = (path.to_owned(), description.fingerprint);
            return Err(Error::Fingerprint { path, expected, found });
        }
        Ok(description)
    }

    /// The text of the file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        // As above.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}
