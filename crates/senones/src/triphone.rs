//! Phones with their neighbours.

use stentor_inventory::PhoneId;

/// A phone between two others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triphone {
    /// The phone.
    pub centre: PhoneId,
    /// The phone before it.
    pub left: PhoneId,
    /// The phone after it.
    pub right: PhoneId,
}

/// A state of a triphone. States are in the order of phone and state, then of the neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TriphoneState {
    /// The phone.
    pub centre: PhoneId,
    /// Its state, counted from 0.
    pub state: u8,
    /// The phone before it.
    pub left: PhoneId,
    /// The phone after it.
    pub right: PhoneId,
}

impl Triphone {
    /// One of its states.
    #[must_use]
    pub fn state(self, state: u8) -> TriphoneState {
        TriphoneState { centre: self.centre, state, left: self.left, right: self.right }
    }
}

/// A phone of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The phone.
    pub phone: PhoneId,
    /// How many frames it lasts. A phone too short for any frame is a neighbour of others all the same.
    pub frames: usize,
    /// Whether a word begins with it.
    pub begins_word: bool,
}
