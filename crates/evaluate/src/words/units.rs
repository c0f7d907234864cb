use serde::{Deserialize, Serialize};

/// What varies independently, and so is drawn by the bootstrap: errors of one speaker resemble each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Groups, where they are known: dialogues or sessions.
    Group,
    /// Otherwise speakers, where they are known.
    Speaker,
    /// Otherwise utterances.
    #[default]
    Utterance,
}

impl Unit {
    /// The plural in tables.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Group => "groups",
            Self::Speaker => "speakers",
            Self::Utterance => "utterances",
        }
    }
}
