use crate::{MAX_SENONES, SenoneId};
use thiserror::Error;

/// What can be wrong with an inventory, or with ids and names that are looked up in it.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// No senone at all where a model's outputs were expected.
    #[error("expected at least one senone, found none: the model or the labels carry no outputs")]
    NoSenones,
    /// More senones than ids can name.
    #[error("expected at most {MAX_SENONES} senones, found {found}: 16-bit ids tell no more apart")]
    TooManySenones {
        /// Senones given.
        found: usize,
    },
    /// Two senones of one name.
    #[error(
        "expected a name of its own for each senone, found `{name}` at {first} and at {second}: rename one of them"
    )]
    RepeatedName {
        /// The name.
        name: String,
        /// The first senone of that name.
        first: SenoneId,
        /// The next one.
        second: SenoneId,
    },
    /// One phone is silence in one senone and speech in another.
    #[error("phone `{phone}` is silence in one senone and speech in another")]
    MixedSilence {
        /// The phone's name.
        phone: String,
    },
    /// A phone without a senone: none of the annotated speech that the inventory was taken from has it.
    #[error(
        "no annotated utterance has the phone `{phone}`; annotate one that has it, or call it by a phone that is known"
    )]
    UnknownPhone {
        /// The phone's name.
        phone: String,
    },
    /// A senone id beyond the inventory.
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
}
