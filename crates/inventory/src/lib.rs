//! The meaning of an acoustic model's outputs: senones, the phones that they belong to, and which phones are silence.
//!
//! An [`Inventory`] lists the senones in the order of the model's outputs. The manifests of feature sets, label sets
//! and checkpoints contain it as a list of JSON objects; only this crate reads and writes them:
//!
//! | field | type | |
//! |---|---|---|
//! | `name` | string | unique in the inventory |
//! | `phone` | string | the phone that the senone is a part of |
//! | `silence` | boolean | whether that phone is silence, breath or noise |
//! | `state` | 0 to 255 | distinguishes the senones of a phone |
//!
//! The senones of a tying tree are an object with that list as `senones`, and the tree's fingerprint as `tree`.
//!
//! A [`SenoneId`] is an index into that list. Columns of ids are 16-bit numbers on disk and in tensors; a column and
//! ids are converted into each other without a copy. [`PhoneSet`] groups an inventory by phone and state, as scoring
//! and decoding need it; [`StateOrder`] infers the order of a phone's states from alignments.
//!
//! A [`Lexicon`] contains the pronunciations of words, with probabilities; a [`PhoneTable`] lists its phones.

mod error;
mod id;
mod inventory;
mod lexicon;
mod names;
mod order;
mod phones;
mod senone;
mod table;

pub use error::Error;
pub use id::{MAX_SENONES, PhoneId, SenoneId, WordId};
pub use inventory::{Inventory, Match};
pub use lexicon::{
    Case, Coverage, LeftOut, Lexicon, LexiconError, LexiconFormat, Lookup, MAX_WORDS, Normalise,
    OptionalSilence, Pronunciation, ReadLexicon, Stress, UnknownPhones,
};
pub use names::{WordPosition, is_silence, split_position};
pub use order::{StateOrder, Steps};
pub use phones::{Phone, PhoneSet, State};
pub use senone::Senone;
pub use table::{MAX_PHONES, PhoneTable};
