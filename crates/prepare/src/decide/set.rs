//! The sets that come out, and what is wanted of them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the sets that come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// Training data with texts and alignments.
    Annotated,
    /// Held out of the annotated part, for development.
    Dev,
    /// Held out for the final score.
    Test,
    /// Training data without texts and alignments.
    Unannotated,
}

impl Set {
    /// All of them.
    pub const ALL: [Set; 4] = [Set::Annotated, Set::Dev, Set::Test, Set::Unannotated];

    /// The folder's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Set::Annotated => "annotated",
            Set::Dev => "dev",
            Set::Test => "test",
            Set::Unannotated => "unannotated",
        }
    }

    /// Whether its utterances carry alignments and texts; in all others they are withheld.
    #[must_use]
    pub fn is_aligned(self) -> bool {
        self != Set::Unannotated
    }

    /// Whether models are compared on it: what it says in phones is kept.
    #[must_use]
    pub fn is_held_out(self) -> bool {
        matches!(self, Set::Dev | Set::Test)
    }

    /// Whether mean and variance may be taken from it.
    #[must_use]
    pub fn is_training(self) -> bool {
        matches!(self, Set::Annotated | Set::Unannotated)
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What must not be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitBy {
    /// Groups of `utt2group`.
    Group,
    /// Speakers of `utt2spk`.
    Speaker,
    /// Nothing: each utterance by itself.
    Utterance,
}

impl fmt::Display for SplitBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SplitBy::Group => "group",
            SplitBy::Speaker => "speaker",
            SplitBy::Utterance => "utterance",
        })
    }
}

/// Wanted shares of the corpus's time; `dev` is a share of the annotated part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fractions {
    /// To be annotated, `dev` included.
    pub annotated: f64,
    /// Of the annotated part, to be held out.
    pub dev: f64,
    /// For the test set.
    pub test: f64,
    /// To be unannotated; none: all that is left.
    pub unannotated: Option<f64>,
}

impl Default for Fractions {
    fn default() -> Self {
        Self { annotated: 0.1, dev: 0.1, test: 0.1, unannotated: None }
    }
}
