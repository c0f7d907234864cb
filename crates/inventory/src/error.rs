use crate::{MAX_PHONES, MAX_SENONES, SenoneId};
use thiserror::Error;

/// Errors of inventories, and of ids and names that are looked up in them.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// No senones, although a model must have outputs.
    #[error("expected at least one senone, found none: the model or the labels have no outputs")]
    NoSenones,
    /// More senones than ids can name.
    #[error("expected at most {MAX_SENONES} senones, found {found}: ids have 16 bits")]
    TooManySenones {
        /// Senones given.
        found: usize,
    },
    /// Two senones with the same name.
    #[error(
        "expected a unique name for each senone, found `{name}` at {first} and at {second}: rename one of them"
    )]
    RepeatedName {
        /// The name.
        name: String,
        /// Position of the first senone with that name.
        first: SenoneId,
        /// Position of the second one.
        second: SenoneId,
    },
    /// What names the tree of senones is not a tree's fingerprint.
    #[error("expected the fingerprint of a tying tree, 64 characters of 0 to 9 and a to f, found `{found}`")]
    TreeFingerprint {
        /// The text found.
        found: String,
    },
    /// One phone is silence in one senone and speech in another.
    #[error("phone `{phone}` is silence in one senone and speech in another")]
    MixedSilence {
        /// The phone's name.
        phone: String,
    },
    /// A phone without a senone: it does not occur in the annotated speech from which the inventory was made.
    #[error(
        "no annotated utterance has the phone `{phone}`; annotate one that has it, or write it with a known phone"
    )]
    UnknownPhone {
        /// The phone's name.
        phone: String,
    },
    /// A senone id outside the inventory.
    #[error(
        "frame {frame}: senone {id} is unknown, the phone set has {senones}: labels and features do not belong together"
    )]
    UnknownSenone {
        /// 0-based frame in the utterance.
        frame: usize,
        /// The id found.
        id: SenoneId,
        /// Size of the inventory.
        senones: usize,
    },
    /// More phones than a table holds.
    #[error("expected at most {MAX_PHONES} phones, found {found}: is this a list of words?")]
    TooManyPhones {
        /// Phones given.
        found: usize,
    },
    /// Two phones of one name in a table.
    #[error("phone `{phone}` is listed twice: list each phone once")]
    RepeatedPhone {
        /// The phone's name.
        phone: String,
    },
    /// A phone's name that lists separated by blanks cannot hold.
    #[error("expected a name without blanks for each phone, found `{phone}`")]
    PhoneName {
        /// The name found.
        phone: String,
    },
}
