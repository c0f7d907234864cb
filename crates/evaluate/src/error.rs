use thiserror::Error;

/// What can be wrong with what is evaluated.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// A phone set without outputs.
    #[error("expected at least one senone, found none: the model or the labels carry no outputs")]
    NoSenones,
    /// More outputs than ids can name.
    #[error("expected at most 65536 senones, found {found}")]
    TooManySenones {
        /// Outputs given.
        found: usize,
    },
    /// One phone is silence in one senone and speech in another.
    #[error("phone `{phone}` is silence in one senone and speech in another")]
    MixedSilence {
        /// The phone's name.
        phone: String,
    },
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
    /// A senone id beyond the phone set.
    #[error(
        "frame {frame}: senone {id} is unknown, the phone set has {senones}: labels and features do not belong together"
    )]
    UnknownSenone {
        /// 0-based frame in the utterance.
        frame: usize,
        /// The id found.
        id: u16,
        /// Size of the phone set.
        senones: usize,
    },
    /// A senone that is kept twice in one frame.
    #[error("frame {frame}: senone {id} is kept twice")]
    RepeatedSenone {
        /// 0-based frame in the utterance.
        frame: usize,
        /// The id found.
        id: u16,
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
