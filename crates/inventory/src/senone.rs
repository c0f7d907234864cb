use crate::{WordPosition, split_position};
use serde::{Deserialize, Serialize};

/// A target class: one state of a phone, or a tied triphone state. Its id is its index in the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Senone {
    /// Unique name.
    pub name: String,
    /// The phone it is a part of.
    pub phone: String,
    /// Whether the phone is silence or noise.
    pub silence: bool,
    /// Distinguishes the states of a phone. In a left-to-right model it is the position, from 0; for tied states it is
    /// only a name and does not give their order.
    pub state: u8,
}

impl Senone {
    /// A state of a phone, named after both. It is silence if the phone's name is; see
    /// [`is_silence`](crate::is_silence).
    #[must_use]
    pub fn of_state(phone: String, state: u8, more_silence: &[String]) -> Self {
        let silence = crate::is_silence(&phone, more_silence);
        Self { name: format!("{phone}.{state}"), phone, silence, state }
    }

    /// Position of its phone in a word, if the phone's name states it.
    #[must_use]
    pub fn position(&self) -> Option<WordPosition> {
        split_position(&self.phone).1
    }
}
