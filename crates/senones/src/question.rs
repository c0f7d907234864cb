//! What a node of the tree asks.

use crate::TriphoneState;
use crate::bits::Bits;
use serde::{Deserialize, Serialize};
use stentor_inventory::PhoneId;

/// The part of a state of a triphone that a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The phone before.
    Left,
    /// The phone after.
    Right,
    /// The number of the state; only where the states of a phone share a root.
    State,
}

impl Part {
    /// That part of a state, as a number.
    #[must_use]
    pub fn of(self, state: TriphoneState) -> u16 {
        match self {
            Self::Left => state.left.number(),
            Self::Right => state.right.number(),
            Self::State => u16::from(state.state),
        }
    }
}

/// Whether a part of a state of a triphone is one of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    part: Part,
    set: Bits,
}

impl Question {
    pub(crate) fn new(part: Part, set: Bits) -> Self {
        Self { part, set }
    }

    /// Whether the phone before or after is one of these.
    #[must_use]
    pub fn of_phones(part: Part, phones: impl IntoIterator<Item = PhoneId>) -> Self {
        Self::new(part, phones.into_iter().map(PhoneId::number).collect())
    }

    /// What it is about.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// Numbers of the phones or states that are answered with yes, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        self.set.numbers()
    }

    /// The answer for a state of a triphone.
    #[must_use]
    pub fn answer(&self, state: TriphoneState) -> bool {
        self.includes(self.part.of(state))
    }

    /// Whether the answer is yes for this phone or state.
    pub(crate) fn includes(&self, number: u16) -> bool {
        self.set.contains(number)
    }
}
