use thiserror::Error;

/// What can be wrong with an experiment file.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// The text is not TOML, or lacks a key that has no default.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
        /// The parser's own words.
        message: String,
    },
    /// A value has another type than its key, or is a word that the key does not take.
    #[error("line {line}: `{key}`: expected {expected}, found {found}")]
    Type {
        /// 1-based.
        line: usize,
        /// Section and key, `schedule.passes`.
        key: String,
        /// The type in words.
        expected: String,
        /// The value as written.
        found: String,
    },
    /// A key that no section knows.
    #[error("line {line}: unknown key `{key}`{}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        /// 1-based.
        line: usize,
        /// As written.
        key: String,
        /// The known key with the most similar spelling.
        nearest: Option<String>,
    },
    /// A value out of bounds or in conflict with another one.
    #[error("`{key}`: expected {expected}, found {found}")]
    Value {
        /// Section and key, `schedule.learning_rate`.
        key: &'static str,
        /// The bounds in words.
        expected: &'static str,
        /// The value as written.
        found: String,
    },
}

impl Error {
    /// Tells this error from all others, whatever its words; docs/errors.md has a line for it.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Error::Syntax { .. } => "E0101",
            Error::UnknownKey { .. } => "E0102",
            Error::Value { .. } => "E0103",
            Error::Type { .. } => "E0104",
        }
    }
}

/// Returns [`Error::Value`] unless `holds`.
pub(crate) fn require(
    holds: bool,
    key: &'static str,
    expected: &'static str,
    found: impl std::fmt::Display,
) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Value { key, expected, found: found.to_string() }) }
}
