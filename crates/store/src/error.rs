use thiserror::Error;

/// What can go wrong in a store; every variant names the full location.
#[derive(Debug, Error)]
pub enum Error {
    /// The location of a store that cannot be opened.
    #[error(
        "cannot open the store `{location}`: {reason}; expected a folder, or a URL of file://, s3://, gs:// or az://"
    )]
    Location {
        /// As given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that cannot be an object's.
    #[error("`{name}` cannot name an object under {location}: {reason}")]
    Name {
        /// Of the store.
        location: String,
        /// As given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such object. Asking again will not help until somebody writes it.
    #[error("{location} does not exist")]
    NotFound {
        /// Of the object.
        location: String,
    },
    /// The byte range does not lie within the object.
    #[error(
        "{location} has {size} bytes, but bytes {start}..{end} were asked for; it is shorter than expected"
    )]
    Range {
        /// Of the object.
        location: String,
        /// First byte asked for.
        start: u64,
        /// One past the last byte asked for.
        end: u64,
        /// The object's size in bytes.
        size: u64,
    },
    /// The store refuses these credentials or this user.
    #[error("no permission to {operation} {location}: {reason}")]
    Denied {
        /// `read`, `write`, `list` or `delete`.
        operation: &'static str,
        /// Of the object.
        location: String,
        /// The store's own words.
        reason: String,
    },
    /// Everything else: network, disk full, server trouble. Trying again may help.
    #[error("cannot {operation} {location}: {reason}")]
    Unavailable {
        /// `read`, `write`, `list` or `delete`.
        operation: &'static str,
        /// Of the object.
        location: String,
        /// The store's own words.
        reason: String,
    },
}

impl Error {
    /// Tells this error from all others, whatever its words; docs/errors.md has a line for it.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Error::Location { .. } => "E0201",
            Error::Name { .. } => "E0202",
            Error::NotFound { .. } => "E0203",
            Error::Range { .. } => "E0204",
            Error::Denied { .. } => "E0205",
            Error::Unavailable { .. } => "E0206",
        }
    }

    /// Whether the object is simply not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::NotFound { .. })
    }

    /// Whether the same call may succeed later without anybody repairing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Error::Unavailable { .. })
    }

    pub(crate) fn from_objects(
        operation: &'static str,
        location: String,
        error: &object_store::Error,
    ) -> Self {
        use object_store::Error as E;
        match error {
            E::NotFound { .. } => Error::NotFound { location },
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                Error::Denied { operation, location, reason: innermost(error) }
            }
            _ if io_kind(error) == Some(std::io::ErrorKind::PermissionDenied) => {
                Error::Denied { operation, location, reason: innermost(error) }
            }
            // An object of a local folder is a file, and nothing is below a file.
            _ if operation != "write" && io_kind(error) == Some(std::io::ErrorKind::NotADirectory) => {
                Error::NotFound { location }
            }
            _ => Error::Unavailable { operation, location, reason: innermost(error) },
        }
    }
}

pub(crate) fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e| e.source())
}

/// The outer layers repeat path and operation, which our own message already names.
fn innermost(error: &object_store::Error) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

fn io_kind(error: &object_store::Error) -> Option<std::io::ErrorKind> {
    chain(error).find_map(|e| e.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)
}
