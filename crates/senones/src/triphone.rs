//! Phones with their neighbours.

use crate::Error;
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
    /// How many frames it lasts, at least one.
    pub frames: usize,
}

/// The triphones of an utterance. Its first and last phone have `boundary` beside them, usually silence.
///
/// # Errors
/// [`Error::EmptySpan`].
pub fn triphones(spans: &[Span], boundary: PhoneId) -> Result<Vec<Triphone>, Error> {
    if let Some(place) = spans.iter().position(|span| span.frames == 0) {
        return Err(Error::EmptySpan { place });
    }
    let at =
        |place: Option<usize>| place.and_then(|place| spans.get(place)).map_or(boundary, |span| span.phone);
    let triphone = |(place, span): (usize, &Span)| Triphone {
        centre: span.phone,
        left: at(place.checked_sub(1)),
        right: at(Some(place + 1)),
    };
    Ok(spans.iter().enumerate().map(triphone).collect())
}
