use crate::Malformed;
use crate::layout::CHECKPOINTS;
use stentor_exit::{ExitStatus, ProgramError};
use stentor_signature::Digest;
use stentor_store::Fault;
use thiserror::Error;

/// Why a checkpoint cannot be read or written.
#[derive(Debug, Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
    /// An object is not a valid tensor file.
    #[error(transparent)]
    Tensors(#[from] Malformed),
    /// A name that is not valid for a checkpoint or an object.
    #[error(
        "`{name}` is not a valid name for a checkpoint or its objects: expected letters, digits and -_.@+=:, found {found}"
    )]
    Name {
        /// As given.
        name: String,
        /// What is wrong with it.
        found: String,
    },
    /// A manifest that cannot be read.
    #[error("{location} is damaged: expected a manifest, found {reason}")]
    Manifest {
        /// The manifest's location.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A manifest whose text does not match its digest.
    #[error("{location} is damaged: expected digest {expected}, found {found}")]
    ManifestDigest {
        /// The manifest's location.
        location: String,
        /// The digest written in front of the text.
        expected: String,
        /// The digest of the text.
        found: String,
    },
    /// A manifest with another schema version.
    #[error("{location} has schema version {found}, expected {expected}: use the program that wrote it")]
    SchemaVersion {
        /// The manifest's location.
        location: String,
        /// This program's version.
        expected: u32,
        /// The file's version.
        found: u64,
    },
    /// A manifest in the folder of another checkpoint.
    #[error("{location} is out of place: expected the manifest of {expected}, found that of {found}")]
    Misplaced {
        /// The manifest's location.
        location: String,
        /// The name of the folder.
        expected: String,
        /// The name in the manifest.
        found: String,
    },
    /// An object does not exist, or is not in the manifest.
    #[error("{location} lacks `{object}`")]
    MissingObject {
        /// The checkpoint's location.
        location: String,
        /// Name within the checkpoint.
        object: String,
    },
    /// An object of another length than the manifest says.
    #[error("{location} is damaged: expected {expected} bytes, found {found}")]
    ObjectSize {
        /// The object's location.
        location: String,
        /// The length in the manifest.
        expected: u64,
        /// The length in the store.
        found: u64,
    },
    /// An object with other bytes than the manifest says.
    #[error("{location} is damaged: expected digest {expected:016x}, found {found:016x}")]
    ObjectDigest {
        /// The object's location.
        location: String,
        /// The digest in the manifest.
        expected: u64,
        /// The digest of the object's bytes.
        found: u64,
    },
    /// A checkpoint with this name was published with other content.
    #[error(
        "{location} exists with other content: another coordinator writes to the same run, or a round was repeated"
    )]
    NameTaken {
        /// The manifest's location.
        location: String,
    },
    /// A manifest that could be written but not read back.
    #[error("checkpoint {name} cannot be published because its manifest would not load: {reason}")]
    Unloadable {
        /// The checkpoint's name.
        name: String,
        /// Why it would not load.
        reason: String,
    },
    /// Something without a signature where one is demanded.
    #[error("{location} is not signed: expected a signature of the run's coordinator, found none")]
    Unsigned {
        /// The object's location.
        location: String,
    },
    /// A signature that is not accepted.
    #[error("{location}: {source}")]
    Signature {
        /// The object's location.
        location: String,
        /// Why.
        source: stentor_signature::Error,
    },
    /// Something that is signed, for another run.
    #[error(
        "{location} is out of place: expected one of run {expected}, found one of run {found} (names of `signed.json`)"
    )]
    OtherRun {
        /// The object's location.
        location: String,
        /// The run's [`SignedRun::id`](crate::SignedRun::id).
        expected: String,
        /// The other one's.
        found: String,
    },
    /// An object with other bytes than those that the run's coordinator knows.
    #[error("{location} was replaced: expected BLAKE3 digest {expected}, found {found}")]
    Replaced {
        /// The object's location.
        location: String,
        /// What the coordinator, or a signed manifest, says.
        expected: Digest,
        /// The digest of the object's bytes.
        found: Digest,
    },
    /// An object of a run that signs, without a digest that cannot be forged.
    #[error(
        "{location}: expected a BLAKE3 digest of `{object}`, because the run signs its checkpoints, found none; replace the program          that wrote it by a newer release"
    )]
    NoDigest {
        /// The manifest's or the checkpoint's location.
        location: String,
        /// Name of the object.
        object: String,
    },
    /// Nothing can be signed.
    #[error("cannot sign: {0}")]
    Signing(#[source] stentor_signature::Error),
    /// Neither a finished run nor a checkpoint.
    #[error(
        "no trained model at {location}: expected the folder of a finished run (with `final.json`) or of a checkpoint \
         (with `manifest.json`); checkpoints found{}", listed(.location, .checkpoints)
    )]
    NoModel {
        /// As given.
        location: String,
        /// Published checkpoints of the run, any of which could be given instead.
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
    /// The object that is not in the store as it was reported, if that is the error: its writer is the cause.
    #[must_use]
    pub fn unreported_object(&self) -> Option<String> {
        match self {
            Error::MissingObject { object, .. } => Some(object.clone()),
            Error::ObjectSize { location, .. } => location.rsplit('/').next().map(str::to_owned),
            Error::Name { name, .. } => Some(name.clone()),
            _ => None,
        }
    }
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
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
            Error::Signature { source, .. } | Error::Signing(source) => source.id(),
            Error::Unsigned { .. } => "E0419",
            Error::OtherRun { .. } => "E0420",
            Error::Replaced { .. } => "E0421",
            Error::NoDigest { .. } => "E0422",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Store(error) => error.exit_status(),
            Error::Signature { source, .. } | Error::Signing(source) => source.exit_status(),
            _ => ExitStatus::Data,
        }
    }
}

impl Error {
    /// The store's error, if the store failed and not the data in it.
    #[must_use]
    pub fn store(&self) -> Option<&stentor_store::Error> {
        match self {
            Error::Store(error) => Some(error),
            _ => None,
        }
    }

    /// Whether somebody else than the run's coordinator has written what was read, as far as signatures say.
    #[must_use]
    pub fn is_forgery(&self) -> bool {
        match self {
            Error::Signature { source, .. } => source.is_forgery(),
            Error::Unsigned { .. }
            | Error::OtherRun { .. }
            | Error::Replaced { .. }
            | Error::NoDigest { .. } => true,
            _ => false,
        }
    }

    /// Whether the checkpoint itself is damaged, so that an older one may be used. Otherwise the store failed, and the
    /// same checkpoint may load later.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Error::Store(store) => matches!(store.fault(), Fault::NotFound | Fault::Range),
            // A build that cannot verify says nothing about the checkpoint.
            Error::Signature { source, .. } => source.is_forgery(),
            Error::Signing(_) => false,
            _ => true,
        }
    }
}
