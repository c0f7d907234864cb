//! The target classes: every state of a phone that occurs in the annotated part.

use crate::Error;
use std::collections::BTreeSet;
use stentor_audio::{FrameClock, Micros, StateSpan, frame_labels};
use stentor_experiment::Features;
use stentor_inventory::{Inventory, MAX_SENONES};

/// Every state that labels a frame of the annotated part. A state too short for any frame would be an output of the
/// model that is never trained.
#[derive(Debug)]
pub(crate) struct States {
    clock: FrameClock,
    shift: Micros,
    found: BTreeSet<(String, u8)>,
}

impl States {
    /// Starts with no states. `shift` is added to the alignments' times.
    pub(crate) fn new(features: &Features, shift: Micros) -> Self {
        Self { clock: FrameClock::new(features), shift, found: BTreeSet::new() }
    }

    /// Adds the states of an utterance's alignment.
    pub(crate) fn add(&mut self, spans: &[StateSpan]) {
        let end = spans.last().map_or(0, |span| span.end) + self.shift;
        let frames = (0..).take_while(|&j| self.clock.centre(j) < end).count();
        // An alignment that does not fit is left out later and reported.
        for place in frame_labels(spans, frames, self.clock, self.shift).unwrap_or_default() {
            let span = &spans[place];
            self.found.insert((span.phone.clone(), span.state));
        }
    }

    /// Creates the inventory: ids are ordered by phone and state. `more_silence` lists additional names of silence;
    /// `nothing` makes the error if there is no state.
    ///
    /// # Errors
    /// The error `nothing`, [`Error::TooManyStates`] and [`Error::Inventory`].
    pub(crate) fn inventory(
        self,
        more_silence: &[String],
        nothing: impl FnOnce() -> Error,
    ) -> Result<Inventory, Error> {
        if self.found.is_empty() {
            return Err(nothing());
        }
        if self.found.len() > MAX_SENONES {
            return Err(Error::TooManyStates { found: self.found.len() });
        }
        Ok(Inventory::of_states(self.found, more_silence)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl States {
        fn found(found: BTreeSet<(String, u8)>) -> Self {
            let features = stentor_experiment::Features::default();
            Self { found, ..Self::new(&features, 0) }
        }
    }

    #[test]
    fn ids_follow_phone_and_state() {
        let states = [("SIL", 0), ("AH", 2), ("AH", 0), ("+BREATH+", 1)];
        let states = states.map(|(phone, state)| (phone.to_owned(), state));
        let inventory = States::found(BTreeSet::from(states)).inventory(&[], || Error::NoRecordings).unwrap();
        let names: Vec<&str> = inventory.senones().iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["+BREATH+.1", "AH.0", "AH.2", "SIL.0"]);
    }

    #[test]
    fn without_a_single_alignment_there_is_no_inventory() {
        let error = States::found(BTreeSet::new()).inventory(&[], || Error::NoRecordings).unwrap_err();
        assert!(matches!(error, Error::NoRecordings), "{error}");
    }
}
