use serde::Serialize;

/// Why an utterance was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    NoText,
    NoWords,
    UnknownWord,
    TooShort,
    NoPath,
}

impl Reason {
    /// For the summary, after a number of utterances.
    pub(super) fn words(self) -> &'static str {
        match self {
            Reason::NoText => "without a text",
            Reason::NoWords => "with a text without words",
            Reason::UnknownWord => "with a word that the lexicon does not have",
            Reason::TooShort => "shorter than their words",
            Reason::NoPath => "without a path within the beam",
        }
    }
}
