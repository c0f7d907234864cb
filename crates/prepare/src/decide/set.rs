//! The output sets and their requested shares.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the output sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// Training data with texts and alignments.
    Annotated,
    /// Held out from the annotated part, for development.
    Dev,
    /// Held out for the final score.
    Test,
    /// Training data without texts and alignments.
    Unannotated,
}

impl Set {
    /// All sets.
    pub const ALL: [Set; 4] = [Set::Annotated, Set::Dev, Set::Test, Set::Unannotated];

    /// Name of its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Set::Annotated => "annotated",
            Set::Dev => "dev",
            Set::Test => "test",
            Set::Unannotated => "unannotated",
        }
    }

    /// Whether its utterances have alignments and texts, and phones and words with times; in other sets they are withheld.
    #[must_use]
    pub fn is_aligned(self) -> bool {
        self != Set::Unannotated
    }

    /// Whether models are compared on it, so that its texts must not train language models.
    #[must_use]
    pub fn is_held_out(self) -> bool {
        matches!(self, Set::Dev | Set::Test)
    }

    /// Whether it is used to compute mean and variance.
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

/// What must not be split between sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitBy {
    /// Groups of `utt2group`.
    Group,
    /// Speakers of `utt2spk`.
    Speaker,
    /// Nothing: each utterance is independent.
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

/// Requested shares of the corpus's time; `dev` is a share of the annotated part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fractions {
    /// Annotated part, including `dev`.
    pub annotated: f64,
    /// Share of the annotated part that is held out.
    pub dev: f64,
    /// For the test set.
    pub test: f64,
    /// Unannotated part; `None`: all remaining time.
    pub unannotated: Option<f64>,
}

impl Default for Fractions {
    fn default() -> Self {
        Self { annotated: 0.1, dev: 0.1, test: 0.1, unannotated: None }
    }
}
