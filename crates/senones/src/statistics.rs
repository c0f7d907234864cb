//! The Gaussians of all states of triphones that aligned speech has.

use crate::{Error, Gaussian, Scheme, Span, TriphoneState};
use std::collections::BTreeMap;
use stentor_inventory::PhoneId;

/// A [`Gaussian`] for each state of each triphone seen. It takes 16 bytes for each value of a frame and each of these: with
/// frames of 192 values about 300 MiB for 100,000.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    dimension: usize,
    states: BTreeMap<TriphoneState, Gaussian>,
}

impl Statistics {
    /// No frame yet, of `dimension` values each.
    ///
    /// # Errors
    /// [`Error::NoDimension`].
    pub fn new(dimension: usize) -> Result<Self, Error> {
        match dimension {
            0 => Err(Error::NoDimension),
            _ => Ok(Self { dimension, states: BTreeMap::new() }),
        }
    }

    /// Values of a frame.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Adds an utterance: its phones, and its frames `[frames × dimension]`. Nothing is added if there is an error.
    ///
    /// # Errors
    /// [`Error::Frames`], [`Error::NotFinite`].
    pub fn add_utterance(&mut self, spans: &[Span], scheme: &Scheme, frames: &[f32]) -> Result<(), Error> {
        let expected: usize = spans.iter().map(|span| span.frames).sum();
        if frames.len() != expected * self.dimension {
            return Err(Error::Frames { expected, found: frames.len() / self.dimension });
        }
        if let Some(value) = frames.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { frame: value / self.dimension, place: value % self.dimension });
        }
        let mut frames = frames.chunks_exact(self.dimension);
        for (triphone, span) in scheme.triphones(spans).into_iter().zip(spans) {
            for (state, frame) in scheme.topology.of_frames(span.frames).zip(&mut frames) {
                self.gaussian(triphone.state(state)).add_frame(frame);
            }
        }
        Ok(())
    }

    /// Adds the frames of one state.
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn add(&mut self, state: TriphoneState, gaussian: &Gaussian) -> Result<(), Error> {
        self.check(gaussian.dimension())?;
        self.gaussian(state).merge(gaussian);
        Ok(())
    }

    /// Adds the statistics of other speech.
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.check(other.dimension)?;
        other.states.iter().for_each(|(&state, gaussian)| self.gaussian(state).merge(gaussian));
        Ok(())
    }

    /// Number of states of triphones seen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// All states seen, in order, with the Gaussians of their frames.
    pub fn states(&self) -> impl ExactSizeIterator<Item = (TriphoneState, &Gaussian)> {
        self.states.iter().map(|(&state, gaussian)| (state, gaussian))
    }

    /// The frames of each phone in any context, those of a state or those of all.
    #[must_use]
    pub fn of_phones(&self, state: Option<u8>) -> BTreeMap<PhoneId, Gaussian> {
        let mut phones: BTreeMap<PhoneId, Gaussian> = BTreeMap::new();
        for (of, gaussian) in self.states().filter(|(of, _)| state.is_none_or(|state| of.state == state)) {
            phones.entry(of.centre).or_insert_with(|| Gaussian::new(self.dimension)).merge(gaussian);
        }
        phones
    }

    fn gaussian(&mut self, state: TriphoneState) -> &mut Gaussian {
        self.states.entry(state).or_insert_with(|| Gaussian::new(self.dimension))
    }

    fn check(&self, found: usize) -> Result<(), Error> {
        match found == self.dimension {
            true => Ok(()),
            false => Err(Error::Dimension { expected: self.dimension, found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Topology};
    use stentor_inventory::PhoneTable;

    fn span(phone: u16, frames: usize) -> Span {
        Span { phone: PhoneId::new(phone), frames, begins_word: false }
    }

    fn scheme() -> Scheme {
        Scheme {
            phones: PhoneTable::new(["SIL", "A", "B"].map(str::to_owned).to_vec()).unwrap(),
            context_independent: vec![PhoneId::new(0)],
            boundary: PhoneId::new(0),
            context: Context::WithinWords,
            topology: Topology::FirstThenRest,
        }
    }

    #[test]
    fn an_utterance_s_frames_go_to_the_states_of_its_triphones() {
        let mut statistics = Statistics::new(1).unwrap();
        // The last phone is too short for any frame.
        let spans = [span(1, 1), span(2, 3), span(1, 0)];
        statistics.add_utterance(&spans, &scheme(), &[5.0, 1.0, 2.0, 3.0]).unwrap();
        let seen: Vec<_> = statistics
            .states()
            .map(|(of, gaussian)| {
                let place = (of.left.number(), of.centre.number(), of.right.number(), of.state);
                (place, gaussian.count(), gaussian.sum()[0], gaussian.squares()[0])
            })
            .collect();
        assert_eq!(
            seen,
            [((0, 1, 2, 0), 1.0, 5.0, 25.0), ((1, 2, 1, 0), 1.0, 1.0, 1.0), ((1, 2, 1, 1), 2.0, 5.0, 13.0)]
        );
        let mut twice = statistics.clone();
        twice.merge(&statistics).unwrap();
        assert_eq!(twice.of_phones(None)[&PhoneId::new(2)].count(), 6.0);
        assert_eq!(twice.of_phones(Some(0))[&PhoneId::new(2)].count(), 2.0);
    }

    #[test]
    fn an_utterance_that_does_not_fit_is_refused_and_adds_nothing() {
        let mut statistics = Statistics::new(2).unwrap();
        let scheme = scheme();
        let mut add =
            |spans: &[Span], frames: &[f32]| statistics.add_utterance(spans, &scheme, frames).unwrap_err();
        assert_eq!(add(&[span(1, 2)], &[0.0; 6]), Error::Frames { expected: 2, found: 3 });
        let error = add(&[span(1, 2)], &[0.0, 0.0, 0.0, f32::NAN]);
        assert_eq!(error, Error::NotFinite { frame: 1, place: 1 });
        assert!(statistics.is_empty());
        let other = Statistics::new(3).unwrap();
        assert_eq!(statistics.merge(&other), Err(Error::Dimension { expected: 2, found: 3 }));
        assert_eq!(Statistics::new(0), Err(Error::NoDimension));
    }
}
