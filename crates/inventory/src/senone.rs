use crate::{WordPosition, split_position};
use serde::{Deserialize, Serialize};

/// A target class: one state of a phone, or a tied triphone state. Its id is its place in the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Senone {
    /// Unique name.
    pub name: String,
    /// The phone it is a part of.
    pub phone: String,
    /// Whether the phone is silence or noise.
    pub silence: bool,
    /// Tells the states of a phone apart. Of a left-to-right model it is the place, from 0; of tied states it is a name and
    /// says nothing about their order.
    pub state: u8,
}

impl Senone {
    /// A state of a phone, named after both; silence by the phone's name, see [`is_silence`](crate::is_silence).
    #[must_use]
    pub fn of_state(phone: String, state: u8, more_silence: &[String]) -> Self {
        let silence = crate::is_silence(&phone, more_silence);
        Self { name: format!("{phone}.{state}"), phone, silence, state }
    }

    /// Where in a word its phone stands, if the phone's name says so.
    #[must_use]
    pub fn position(&self) -> Option<WordPosition> {
        split_position(&self.phone).1
    }
}
