use stentor_inventory::SenoneId;
use thiserror::Error;

/// Errors in evaluation data.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// Senones that do not match the inventory, or an inventory that cannot be scored.
    #[error(transparent)]
    Inventory(#[from] stentor_inventory::Error),
    /// Two arrays that belong together differ in length.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Name of the array, and what is counted.
        what: &'static str,
        /// Expected length.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// A senone occurs twice among the kept ones of a frame.
    #[error("frame {frame}: senone {id} is kept twice")]
    RepeatedSenone {
        /// Frame in the utterance, from 0.
        frame: usize,
        /// The repeated id.
        id: SenoneId,
    },
    /// A log-probability above zero or not finite, or a residual mass outside 0 to 1.
    #[error("frame {frame}: {value} is not a {what}")]
    NotAProbability {
        /// Frame in the utterance, from 0.
        frame: usize,
        /// `log-probability` or `residual mass`.
        what: &'static str,
        /// The value found.
        value: f32,
    },
    /// No data for the estimation of a phone model.
    #[error("expected annotated utterances to estimate the phone bigram from, found none with a frame")]
    NoReference,
    /// A decoder setting is out of bounds.
    #[error("decoder setting `{name}`: expected {expected}, found {found}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Description of its bounds.
        expected: &'static str,
        /// The value given.
        found: f32,
    },
    /// A grid with an empty axis, or no dev utterance for the choice.
    #[error("nothing to tune on: expected at least one {what}")]
    NothingToTune {
        /// What is missing.
        what: &'static str,
    },
}
