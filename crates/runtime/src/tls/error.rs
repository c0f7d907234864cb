use super::identity::Role;
use crate::{ExitStatus, ProgramError};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a program's certificates cannot be used, or authentication failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the folder cannot be read.
    #[error(
        "{}: expected {expected}, found: {source}; --tls names a folder with ca.crt, tls.crt and tls.key, which `stentor \
         certs` makes", path.display()
    )]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// What the file must contain.
        expected: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A file of the folder has other content.
    #[error("{}: expected {expected} in PEM form, found {found}; `stentor certs` makes one", path.display())]
    Content {
        /// Path of the file.
        path: PathBuf,
        /// What the file must contain.
        expected: &'static str,
        /// What it contains.
        found: String,
    },
    /// A certificate of the folder does not contain the identity of its holder.
    #[error(
        "{}: expected one alternative name `stentor://CLUSTER/ROLE`, found {found}; `stentor certs` makes such certificates",
        path.display()
    )]
    Nameless {
        /// Path of the file.
        path: PathBuf,
        /// The names found.
        found: String,
    },
    /// The folder is for another role.
    #[error("{}: expected a certificate for the role {expected}, found one for {found}; use the folder of that role", path.display())]
    OtherRole {
        /// Path of the file.
        path: PathBuf,
        /// The role of this program.
        expected: Role,
        /// The role in the certificate.
        found: Role,
    },
    /// Certificate and key do not belong together.
    #[error("{}: tls.key is not the key of tls.crt; use both from one run of `stentor certs`", folder.display())]
    OtherKey {
        /// The folder with both.
        folder: PathBuf,
    },
    /// The certificate is not signed by the folder's CA, or is not valid now.
    #[error("{}: {reason}; issue a new one with `stentor certs`", path.display())]
    Invalid {
        /// Path of the certificate.
        path: PathBuf,
        /// Why it is not valid.
        reason: String,
    },
    /// A URL and the settings contradict each other.
    #[error("{url}: {reason}")]
    Url {
        /// As given.
        url: String,
        /// The contradiction, and what to do.
        reason: &'static str,
    },
    /// A listener that everyone on the network could use.
    #[error(
        "{address} can be reached from other machines, and without certificates anyone there could join the training and read \
         it: give --tls DIR (`stentor certs` makes the folder), or --insecure where the network itself is trusted"
    )]
    Exposed {
        /// The requested address.
        address: SocketAddr,
    },
    /// The other side has another identity than expected, or does not accept ours.
    #[error("{url}: {reason}")]
    Refused {
        /// The URL of the call.
        url: String,
        /// Why, and what to do.
        reason: String,
    },
    /// This build has no TLS.
    #[error(
        "{asked}: this program was built without TLS, as the demo needs none; use programs that are built with the feature \
         `crypto`, as `cargo xtask programs --release` does"
    )]
    NotBuilt {
        /// What needs TLS: a folder, a URL or a command.
        asked: String,
    },
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Read { .. } => "E0801",
            Error::Content { .. } => "E0802",
            Error::Nameless { .. } => "E0803",
            Error::OtherRole { .. } => "E0804",
            Error::OtherKey { .. } => "E0805",
            Error::Invalid { .. } => "E0806",
            Error::Url { .. } => "E0807",
            Error::Exposed { .. } => "E0808",
            Error::Refused { .. } => "E0809",
            Error::NotBuilt { .. } => "E0810",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Url { .. } | Error::Exposed { .. } | Error::NotBuilt { .. } => ExitStatus::Config,
            Error::Read { .. }
            | Error::Content { .. }
            | Error::Nameless { .. }
            | Error::OtherRole { .. }
            | Error::OtherKey { .. }
            | Error::Invalid { .. }
            | Error::Refused { .. } => ExitStatus::Auth,
        }
    }
}
