use std::io;
use stentor_exit::{ExitStatus, ProgramError};
use thiserror::Error;

/// Errors of a store; every variant names the full location.
#[derive(Debug, Error)]
pub enum Error {
    /// The store's location cannot be opened.
    #[error(
        "cannot open the store `{location}`: {reason}; expected a folder, or a URL of file://, s3://, gs:// or az://"
    )]
    Location {
        /// As given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The name is not valid for an object.
    #[error("`{name}` is not a valid name for an object under {location}: {reason}")]
    Name {
        /// The store's location.
        location: String,
        /// As given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such object. Trying again does not help until it has been written.
    #[error("{location} does not exist")]
    NotFound {
        /// The object's location.
        location: String,
    },
    /// The byte range is not within the object.
    #[error(
        "{location} has {size} bytes, but bytes {start}..{end} were asked for; it is shorter than expected"
    )]
    Range {
        /// The object's location.
        location: String,
        /// First requested byte.
        start: u64,
        /// One past the last requested byte.
        end: u64,
        /// The object's size in bytes.
        size: u64,
    },
    /// The store refuses access with these credentials or for this user, or is read-only on this machine.
    #[error("no permission to {operation} {location}: {reason}")]
    Denied {
        /// `read`, `write`, `list` or `delete`.
        operation: &'static str,
        /// The object's location.
        location: String,
        /// The store's error message.
        reason: String,
    },
    /// This place cannot hold objects, whoever writes and however often: a file where a folder must be, a name that is too long for it,
    /// a bucket that does not exist.
    #[error("cannot {operation} {location}: {reason}; name a place that can hold files")]
    Unusable {
        /// `read`, `write`, `list` or `delete`.
        operation: &'static str,
        /// The object's location.
        location: String,
        /// The store's error message.
        reason: String,
    },
    /// Everything else: network, full disk, an error in the server. Trying again may help.
    #[error("cannot {operation} {location}: {reason}")]
    Unavailable {
        /// `read`, `write`, `list` or `delete`.
        operation: &'static str,
        /// The object's location.
        location: String,
        /// The store's error message.
        reason: String,
    },
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Location { .. } => "E0201",
            Error::Name { .. } => "E0202",
            Error::NotFound { .. } => "E0203",
            Error::Range { .. } => "E0204",
            Error::Denied { .. } => "E0205",
            Error::Unavailable { .. } => "E0206",
            Error::Unusable { .. } => "E0207",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.fault().into()
    }
}

impl Error {
    /// The kind of fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Error::Location { .. } => Fault::Location,
            Error::Name { .. } => Fault::Name,
            Error::Unusable { .. } => Fault::Unusable,
            Error::Denied { .. } => Fault::Denied,
            Error::NotFound { .. } => Fault::NotFound,
            Error::Range { .. } => Fault::Range,
            Error::Unavailable { .. } => Fault::Unavailable,
        }
    }

    /// Whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.fault() == Fault::NotFound
    }

    /// Whether the same call may succeed later without a repair.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.fault() == Fault::Unavailable
    }

    pub(crate) fn from_objects(
        operation: &'static str,
        location: String,
        error: &object_store::Error,
    ) -> Self {
        match Fault::of(operation, error) {
            Fault::NotFound => Error::NotFound { location },
            Fault::Denied => {
                let hint = if operation == WRITE && has_no_links(error) { NO_LINKS } else { "" };
                Error::Denied { operation, location, reason: innermost(error) + hint }
            }
            Fault::Location | Fault::Name | Fault::Unusable => {
                Error::Unusable { operation, location, reason: innermost(error) }
            }
            Fault::Range | Fault::Unavailable => {
                Error::Unavailable { operation, location, reason: innermost(error) }
            }
        }
    }
}

/// Kinds of fault, by the cause that must be corrected. A program's exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The store's location: no such kind of store, or wrong settings.
    Location,
    /// The object's name.
    Name,
    /// The place, which cannot hold objects.
    Unusable,
    /// Permissions or credentials.
    Denied,
    /// The object, which has not been written.
    NotFound,
    /// The object, which is shorter than expected.
    Range,
    /// Network, disk or server; or nothing, because the same call may succeed later.
    Unavailable,
}

impl Fault {
    /// The fault of an `object_store` error in `operation`.
    fn of(operation: &str, error: &object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            // A write needs no existing folder or object, so it is the bucket that is missing.
            E::NotFound { .. } if operation == WRITE => Fault::Unusable,
            E::NotFound { .. } => Fault::NotFound,
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Fault::Denied,
            E::InvalidPath { .. } => Fault::Name,
            E::UnknownConfigurationKey { .. } => Fault::Location,
            E::NotSupported { .. } | E::NotImplemented { .. } => Fault::Unusable,
            _ => {
                let io = chain(error).find_map(|e| e.downcast_ref::<io::Error>());
                io.map_or(Fault::Unavailable, |io| Self::of_io(operation, io))
            }
        }
    }

    /// The fault of a system error on a file. `operation` is `read`, `write`, `list` or `delete`.
    #[must_use]
    pub fn of_io(operation: &str, error: &io::Error) -> Self {
        use io::ErrorKind as K;
        match error.kind() {
            // Of one machine's mount, which others may have with other rights.
            K::PermissionDenied | K::ReadOnlyFilesystem => Fault::Denied,
            // An object in a local folder is a file, and nothing is below a file.
            K::NotFound | K::NotADirectory if operation != WRITE => Fault::NotFound,
            K::NotFound
            | K::NotADirectory
            | K::IsADirectory
            | K::DirectoryNotEmpty
            | K::AlreadyExists
            | K::InvalidFilename
            | K::Unsupported => Fault::Unusable,
            _ if error.raw_os_error() == Some(LINKS_IN_A_CIRCLE) => Fault::Unusable,
            K::InvalidInput => Fault::Name,
            _ => Fault::Unavailable,
        }
    }
}

impl From<Fault> for ExitStatus {
    fn from(fault: Fault) -> ExitStatus {
        match fault {
            Fault::Location | Fault::Name | Fault::Unusable => ExitStatus::Config,
            Fault::Denied => ExitStatus::Auth,
            Fault::NotFound | Fault::Range => ExitStatus::Data,
            Fault::Unavailable => ExitStatus::Retryable,
        }
    }
}

/// The operation that needs no existing object.
const WRITE: &str = "write";

/// `EPERM` on Linux, which `link` returns on file systems without hard links; other refusals are `EACCES`.
const NOT_PERMITTED: i32 = 1;

/// Objects get their names by hard links, so that two writers never write the same one.
const NO_LINKS: &str = "; does this file system have hard links? FAT, and some network and FUSE mounts, do not: name a folder on \
                        another one";

/// `ELOOP` on Linux; the standard library's `ErrorKind` for it is not stable.
const LINKS_IN_A_CIRCLE: i32 = 40;

pub(crate) fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e| e.source())
}

/// Whether a local file could not get its name because the file system has no hard links.
fn has_no_links(error: &object_store::Error) -> bool {
    let system = chain(error).find_map(|e| e.downcast_ref::<io::Error>());
    system.is_some_and(|system| system.raw_os_error() == Some(NOT_PERMITTED))
}

/// The innermost error message. The outer layers repeat path and operation, which our own message already names.
fn innermost(error: &object_store::Error) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn system_errors_on_files_are_distinguished_by_their_remedy() {
        let of = |operation, kind: ErrorKind| Fault::of_io(operation, &io::Error::from(kind));
        for kind in [
            ErrorKind::NotADirectory,
            ErrorKind::InvalidFilename,
            ErrorKind::IsADirectory,
            ErrorKind::NotFound,
        ] {
            assert_eq!(of("write", kind), Fault::Unusable, "{kind:?}");
        }
        assert_eq!(of("read", ErrorKind::NotADirectory), Fault::NotFound);
        assert_eq!(of("list", ErrorKind::NotFound), Fault::NotFound);
        assert_eq!(of("read", ErrorKind::InvalidFilename), Fault::Unusable);
        for operation in ["read", "write", "list", "delete"] {
            assert_eq!(of(operation, ErrorKind::PermissionDenied), Fault::Denied);
            for kind in [
                ErrorKind::StorageFull,
                ErrorKind::QuotaExceeded,
                ErrorKind::TimedOut,
                ErrorKind::ConnectionReset,
                ErrorKind::ResourceBusy,
                ErrorKind::Other,
            ] {
                assert_eq!(of(operation, kind), Fault::Unavailable, "{operation} {kind:?}");
            }
        }
        // Error numbers on Linux: EROFS, ENAMETOOLONG, ELOOP, EIO.
        for (number, fault) in
            [(30, Fault::Denied), (36, Fault::Unusable), (40, Fault::Unusable), (5, Fault::Unavailable)]
        {
            assert_eq!(Fault::of_io("write", &io::Error::from_raw_os_error(number)), fault, "{number}");
        }
    }

    #[test]
    fn only_a_fault_of_a_store_that_may_pass_is_worth_another_start() {
        for fault in [
            Fault::Location,
            Fault::Name,
            Fault::Unusable,
            Fault::Denied,
            Fault::NotFound,
            Fault::Range,
            Fault::Unavailable,
        ] {
            let status = ExitStatus::from(fault);
            assert_eq!(status.may_succeed_again(), fault == Fault::Unavailable, "{fault:?}");
        }
    }

    #[test]
    fn server_errors_are_distinguished_by_their_remedy() {
        let missing = |path: &str| object_store::Error::NotFound { path: path.into(), source: "gone".into() };
        assert_eq!(Fault::of("read", &missing("x")), Fault::NotFound);
        assert_eq!(Fault::of("write", &missing("bucket/x")), Fault::Unusable);
        let denied = object_store::Error::Unauthenticated { path: "x".into(), source: "who?".into() };
        assert_eq!(Fault::of("list", &denied), Fault::Denied);
        let no_links = io::Error::from_raw_os_error(NOT_PERMITTED);
        let no_links = object_store::Error::PermissionDenied { path: "x".into(), source: no_links.into() };
        let error = Error::from_objects("write", "usb/x".into(), &no_links);
        assert!(error.id() == "E0205" && error.to_string().contains("hard links"), "{error}");
        let secret = io::Error::from_raw_os_error(13);
        let secret = object_store::Error::PermissionDenied { path: "x".into(), source: secret.into() };
        assert!(!Error::from_objects("write", "x".into(), &secret).to_string().contains("hard links"));
        let broken = |source: io::Error| object_store::Error::Generic { store: "S3", source: source.into() };
        assert_eq!(Fault::of("write", &broken(io::Error::other("503"))), Fault::Unavailable);
        let full = broken(ErrorKind::InvalidFilename.into());
        let error = Error::from_objects("write", "runs/x".into(), &full);
        assert_eq!((error.id(), error.fault()), ("E0207", Fault::Unusable));
        assert!(error.to_string().starts_with("cannot write runs/x: "), "{error}");
    }
}
