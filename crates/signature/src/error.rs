use crate::KeyId;
use std::path::PathBuf;
use stentor_exit::{ExitStatus, ProgramError};
use thiserror::Error;

/// Why something cannot be signed, or a signature is not accepted.
#[derive(Debug, Error)]
pub enum Error {
    /// A file with a key cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file has no key of the expected kind.
    #[error("{place}: expected {expected}, found {found}; `stentor signing-key` makes a pair")]
    Key {
        /// The file.
        place: String,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// The signature is of a key that the reader does not trust.
    #[error("expected a signature of {trusted}, found one of key {found}")]
    UnknownKey {
        /// The keys that are trusted, in words.
        trusted: String,
        /// The key that the signature names.
        found: KeyId,
    },
    /// The signature does not belong to the bytes.
    #[error("the signature is not one of key {key} over these bytes: they, or it, are forged or damaged")]
    Forged {
        /// The key that the signature names.
        key: KeyId,
    },
    /// A statement that cannot be written as JSON.
    #[error("cannot be signed: {reason}")]
    Statement {
        /// The serialiser's message.
        reason: String,
    },
    /// The cryptographic library failed without a reason.
    #[error("the cryptographic library failed; it gives no reason")]
    Unspecified,
    /// This build cannot sign or verify.
    #[error(
        "this build has no signatures, because it was made without the feature `crypto`, as the programs of the quick demo are; use \
         those of `cargo xtask programs --release` or of the images"
    )]
    NotBuilt,
}

impl Error {
    /// Whether it says that somebody else than a trusted key's owner has written what was read.
    #[must_use]
    pub fn is_forgery(&self) -> bool {
        matches!(self, Error::UnknownKey { .. } | Error::Forged { .. })
    }
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Read { .. } | Error::Key { .. } => "E0414",
            Error::UnknownKey { .. } => "E0415",
            Error::Forged { .. } => "E0416",
            Error::Statement { .. } | Error::Unspecified => "E0417",
            Error::NotBuilt => "E0418",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Read { .. } | Error::Key { .. } | Error::NotBuilt => ExitStatus::Config,
            Error::UnknownKey { .. } | Error::Forged { .. } => ExitStatus::Data,
            Error::Statement { .. } | Error::Unspecified => ExitStatus::Failure,
        }
    }
}
