use stentor_exit::{ExitStatus, ProgramError};
use thiserror::Error;

/// Errors in experiment files.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// The text is not TOML, or lacks a key that has no default.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's message.
        message: String,
    },
    /// A value does not have the type of its key, or is not one of the words that the key accepts.
    #[error("line {line}: `{key}`: expected {expected}, found {found}{}", did_you_mean(nearest.as_deref()))]
    Type {
        /// Line, from 1.
        line: usize,
        /// Section and key, `schedule.passes`.
        key: String,
        /// Description of the type.
        expected: String,
        /// The value as written.
        found: String,
        /// The accepted word with the most similar spelling, if the key accepts words.
        nearest: Option<Box<str>>,
    },
    /// A key that no section has.
    #[error("line {line}: unknown key `{key}`{}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// Line, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// The known key with the most similar spelling.
        nearest: Option<String>,
    },
    /// A value is out of bounds or in conflict with another one.
    #[error("`{key}`: expected {expected}, found {found}")]
    Value {
        /// Section and key, `schedule.learning_rate`.
        key: &'static str,
        /// Description of the bounds.
        expected: &'static str,
        /// The value as written.
        found: String,
    },
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Syntax { .. } => "E0101",
            Error::UnknownKey { .. } => "E0102",
            Error::Value { .. } => "E0103",
            Error::Type { .. } => "E0104",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Config
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
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
