use thiserror::Error;

/// What can be wrong with an experiment file.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// The text is not TOML, or a value has another type than its key.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
        /// The parser's own words.
        message: String,
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
        }
    }

    pub(crate) fn from_toml(error: &toml::de::Error, text: &str) -> Self {
        let offset = error.span().map_or(0, |s| s.start).min(text.len());
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = offset - before.rfind('\n').map_or(0, |p| p + 1) + 1;
        let message = error.message();
        let Some(rest) = message.strip_prefix("unknown field `") else {
            return Error::Syntax { line, column, message: message.to_owned() };
        };
        let mut quoted = rest.split('`');
        let key = quoted.next().unwrap_or_default().to_owned();
        let nearest = quoted
            .skip(1)
            .step_by(2)
            .map(|known| (strsim::jaro_winkler(known, &key), known))
            .filter(|(similarity, _)| *similarity > 0.6)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, known)| known.to_owned());
        Error::UnknownKey { line, key, nearest }
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
