use crate::Malformed;
use crate::layout::CHECKPOINTS;
use stentor_store::Fault;
use thiserror::Error;

/// What can be wrong with a checkpoint, or prevent one.
#[derive(Debug, Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
    /// An object is not what a tensor file looks like.
    #[error(transparent)]
    Tensors(#[from] Malformed),
    /// A name that cannot be a checkpoint's or an object's.
    #[error(
        "`{name}` cannot name a checkpoint or an object of one: expected letters, digits and -_.@+=:, found {found}"
    )]
    Name {
        /// As given.
        name: String,
        /// What is wrong with it.
        found: String,
    },
    /// A manifest that cannot be read as one.
    #[error("{location} is damaged: expected a manifest, found {reason}")]
    Manifest {
        /// Of the manifest.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A manifest whose text does not match its digest.
    #[error("{location} is damaged: expected digest {expected}, found {found}")]
    ManifestDigest {
        /// Of the manifest.
        location: String,
        /// As written in front of it.
        expected: String,
        /// Of the text that is there.
        found: String,
    },
    /// A manifest of another layout.
    #[error("{location} has schema version {found}, expected {expected}: use the program that wrote it")]
    SchemaVersion {
        /// Of the manifest.
        location: String,
        /// This program's.
        expected: u32,
        /// The file's.
        found: u64,
    },
    /// A manifest in the folder of another checkpoint.
    #[error("{location} is out of place: expected the manifest of {expected}, found that of {found}")]
    Misplaced {
        /// Of the manifest.
        location: String,
        /// The folder's name.
        expected: String,
        /// The manifest's.
        found: String,
    },
    /// An object is not there, or not in the manifest.
    #[error("{location} lacks `{object}`")]
    MissingObject {
        /// Of the checkpoint.
        location: String,
        /// Name within the checkpoint.
        object: String,
    },
    /// An object of another length than the manifest says.
    #[error("{location} is damaged: expected {expected} bytes, found {found}")]
    ObjectSize {
        /// Of the object.
        location: String,
        /// The manifest's.
        expected: u64,
        /// The store's.
        found: u64,
    },
    /// An object with other bytes than the manifest says.
    #[error("{location} is damaged: expected digest {expected:016x}, found {found:016x}")]
    ObjectDigest {
        /// Of the object.
        location: String,
        /// The manifest's.
        expected: u64,
        /// Of the bytes that are there.
        found: u64,
    },
    /// A checkpoint of this name was published with other content.
    #[error(
        "{location} exists with other content: another coordinator writes to the same run, or a round was repeated"
    )]
    NameTaken {
        /// Of the manifest.
        location: String,
    },
    /// A manifest that could be written but not read back.
    #[error("checkpoint {name} cannot be published, for its manifest would not load: {reason}")]
    Unloadable {
        /// Of the checkpoint.
        name: String,
        /// What would go wrong.
        reason: String,
    },
    /// Neither a finished run nor a checkpoint.
    #[error(
        "no trained model at {location}: expected the folder of a finished run (with `final.json`) or of a checkpoint \
         (with `manifest.json`); checkpoints found{}", listed(.location, .checkpoints)
    )]
    NoModel {
        /// As given.
        location: String,
        /// Published checkpoints of the run, any of which could be named instead.
        checkpoints: Vec<String>,
    },
    /// A set of shards where a model was to be.
    #[error(
        "{location}: expected a trained model, the folder of a finished run or of one of its checkpoints, found a set of {kind}"
    )]
    Set {
        /// Of its manifest.
        location: String,
        /// What its shards hold.
        kind: String,
    },
}

/// Where checkpoints are, and their names.
fn listed(location: &str, checkpoints: &[String]) -> String {
    match checkpoints.is_empty() {
        true => ": none".to_owned(),
        false => format!(" in {location}/{CHECKPOINTS}: {}", checkpoints.join(", ")),
    }
}

impl Error {
    /// Tells this error from all others, whatever its words; docs/errors.md has a line for it.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Error::Store(error) => error.id(),
            Error::Tensors(_) => "E0401",
            Error::Name { .. } => "E0402",
            Error::Manifest { .. } => "E0403",
            Error::ManifestDigest { .. } => "E0404",
            Error::SchemaVersion { .. } => "E0405",
            Error::Misplaced { .. } => "E0406",
            Error::MissingObject { .. } => "E0407",
            Error::ObjectSize { .. } => "E0408",
            Error::ObjectDigest { .. } => "E0409",
            Error::NameTaken { .. } => "E0410",
            Error::Unloadable { .. } => "E0411",
            Error::NoModel { .. } => "E0412",
            Error::Set { .. } => "E0413",
        }
    }

    /// The store's own error, where the store is at fault rather than what is in it.
    #[must_use]
    pub fn store(&self) -> Option<&stentor_store::Error> {
        match self {
            Error::Store(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the checkpoint itself is at fault, so that an older one may serve; else the store is, and the same
    /// checkpoint may load in a while.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        self.store().is_none_or(|store| matches!(store.fault(), Fault::NotFound | Fault::Range))
    }
}
