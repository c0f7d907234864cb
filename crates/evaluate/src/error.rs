use stentor_inventory::SenoneId;
use thiserror::Error;

/// What can be wrong with what is evaluated.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// Senones that do not fit the inventory, or an inventory that cannot be scored.
    #[error(transparent)]
    Inventory(#[from] stentor_inventory::Error),
    /// Two arrays that belong together differ in length.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Which array, and what is counted.
        what: &'static str,
        /// Length that fits.
        expected: usize,
        /// Length given.
        found: usize,
    },
    /// A senone that is kept twice in one frame.
    #[error("frame {frame}: senone {id} is kept twice")]
    RepeatedSenone {
        /// 0-based frame in the utterance.
        frame: usize,
        /// The id found.
        id: SenoneId,
    },
    /// A log-probability above zero or not finite, or a residual mass outside 0 to 1.
    #[error("frame {frame}: {value} is not a {what}")]
    NotAProbability {
        /// 0-based frame in the utterance.
        frame: usize,
        /// `log-probability` or `residual mass`.
        what: &'static str,
        /// The value found.
        value: f32,
    },
    /// Nothing to estimate a phone model from.
    #[error("expected annotated utterances to estimate the phone bigram from, found none with a frame")]
    NoReference,
    /// A decoder setting out of bounds.
    #[error("decoder setting `{name}`: expected {expected}, found {found}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// Its bounds in words.
        expected: &'static str,
        /// The value given.
        found: f32,
    },
    /// A grid with an empty axis, or no dev utterance to choose on.
    #[error("nothing to tune on: expected at least one {what}")]
    NothingToTune {
        /// What is missing.
        what: &'static str,
    },
}
