use thiserror::Error;

/// Why sums from another process are refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// More sums than one message may contain.
    #[error("expected at most {most} sums, found {found}")]
    TooMany {
        /// The largest number accepted.
        most: usize,
        /// The number received.
        found: usize,
    },
    /// A name that is not in kebab case, or too long.
    #[error(
        "expected the name of a sum, at most {most} bytes of lower-case words with hyphens between, found `{found}`"
    )]
    Name {
        /// The largest length accepted, in bytes.
        most: usize,
        /// The beginning of the name as received.
        found: String,
    },
    /// Two sums with the same name.
    #[error("expected each sum once, found `{name}` twice")]
    Twice {
        /// The name.
        name: String,
    },
}
