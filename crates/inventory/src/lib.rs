//! What the outputs of an acoustic model stand for: senones, the phones they belong to, and which phones are silence.
//!
//! An [`Inventory`] lists the senones in the order of the model's outputs. The manifests of feature sets, label sets and
//! checkpoints hold it as the same list of JSON objects, which this crate alone reads and writes:
//!
//! | field | type | |
//! |---|---|---|
//! | `name` | string | unique in the inventory |
//! | `phone` | string | the phone that the senone is a part of |
//! | `silence` | boolean | whether that phone is silence, breath or noise |
//! | `state` | 0 to 255 | tells the senones of a phone apart |
//!
//! A [`SenoneId`] is a place in that list. Columns of ids are 16-bit numbers at rest and in tensors; a column becomes ids
//! and ids become a column without a copy. [`PhoneSet`] sorts an inventory into phones and states, as scoring and decoding
//! need it; [`StateOrder`] learns from alignments which states of a phone come before which.

mod error;
mod id;
mod inventory;
mod names;
mod order;
mod phones;
mod senone;

pub use error::Error;
pub use id::{MAX_SENONES, SenoneId};
pub use inventory::{Inventory, Match};
pub use names::{WordPosition, is_silence, split_position};
pub use order::{StateOrder, Steps};
pub use phones::{Phone, PhoneSet, State};
pub use senone::Senone;
