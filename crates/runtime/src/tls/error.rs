use super::Role;
use crate::ExitStatus;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a program cannot show who it is, or does not believe who another one is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the folder cannot be read.
    #[error(
        "{}: expected {expected}, found: {source}; --tls names a folder with ca.crt, tls.crt and tls.key, which `stentor \
         certs` makes", path.display()
    )]
    Read {
        /// Of the file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A file of the folder holds something else.
    #[error("{}: expected {expected} in PEM form, found {found}; `stentor certs` makes one", path.display())]
    Content {
        /// Of the file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is.
        found: String,
    },
    /// A certificate of the folder does not say who its holder is.
    #[error(
        "{}: expected one alternative name `stentor://CLUSTER/ROLE`, found {found}; `stentor certs` makes such certificates",
        path.display()
    )]
    Nameless {
        /// Of the file.
        path: PathBuf,
        /// In words.
        found: String,
    },
    /// The folder is another program's.
    #[error("{}: expected a certificate for the role {expected}, found one for {found}; take the folder of that role", path.display())]
    OtherRole {
        /// Of the file.
        path: PathBuf,
        /// What this program is.
        expected: Role,
        /// What the certificate says.
        found: Role,
    },
    /// Certificate and key do not belong together.
    #[error("{}: tls.key is not the key of tls.crt; take both from one run of `stentor certs`", folder.display())]
    OtherKey {
        /// With both.
        folder: PathBuf,
    },
    /// The folder's own CA has not signed its certificate, or it is out of date.
    #[error("{}: {reason}; issue a new one with `stentor certs`", path.display())]
    Invalid {
        /// Of the certificate.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// A URL and the settings contradict each other.
    #[error("{url}: {reason}")]
    Url {
        /// As given.
        url: String,
        /// What does not fit, and what to do.
        reason: &'static str,
    },
    /// A listener that everybody on the network could use.
    #[error(
        "{address} can be reached from other machines, and without certificates anybody there could join the training and read \
         it: give --tls DIR (`stentor certs` makes the folder), or --insecure where the network itself is trusted"
    )]
    Exposed {
        /// As asked for.
        address: SocketAddr,
    },
    /// The other side is not who it should be, or does not believe us.
    #[error("{url}: {reason}")]
    Refused {
        /// Whom we called.
        url: String,
        /// In words, with what to do.
        reason: String,
    },
}

impl Error {
    /// Tells this error from all others, whatever its words; docs/errors.md has a line for it.
    #[must_use]
    pub fn id(&self) -> &'static str {
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
        }
    }

    /// The exit code that tells a supervisor what to do.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Url { .. } | Error::Exposed { .. } => ExitStatus::Config,
            _ => ExitStatus::Auth,
        }
    }
}
