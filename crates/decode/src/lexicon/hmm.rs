//! The shapes of hidden Markov models of phones: which states follow one another.

use crate::error::Error;

/// Where a transition leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// To a state of the same phone.
    State(usize),
    /// Out of the phone.
    Exit,
}

/// The states of a phone's model from left to right, without their outputs. Each visit of a state takes one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Hmm {
    entries: Vec<(usize, f64)>,
    states: Vec<Vec<(Next, f64)>>,
}

impl Hmm {
    /// A model whose phone begins in one of the states of `entries`, each with its probability. `states` has, for each state,
    /// where it leads after a frame, with probabilities.
    ///
    /// # Errors
    /// If there is no state, a transition leads backwards or to a state that does not exist, probabilities are not positive or do
    /// not sum to 1, or the phone cannot be left.
    pub fn new(entries: Vec<(usize, f64)>, states: Vec<Vec<(Next, f64)>>) -> Result<Self, Error> {
        let count = states.len();
        if count == 0 {
            return Err(Error::Empty { what: "a phone's model".into() });
        }
        if let Some((state, _)) = entries.iter().find(|(state, _)| *state >= count) {
            return Err(Error::OutOfRange {
                what: "the first state of a phone",
                index: *state as u64,
                count: count as u64,
            });
        }
        distribution(&entries).map_err(|reason| Error::Hmm { place: "the entry".into(), reason })?;
        for (state, transitions) in states.iter().enumerate() {
            let bad = |reason| Error::Hmm { place: format!("state {state}"), reason };
            for (next, _) in transitions {
                if let Next::State(next) = next
                    && !(state..count).contains(next)
                {
                    let reason =
                        format!("a transition leads to state {next}, expected {state} to {}", count - 1);
                    return Err(bad(reason));
                }
            }
            distribution(transitions).map_err(bad)?;
            // From left to right: what can be left from every state can be left.
            if transitions.iter().all(|(next, _)| *next == Next::State(state)) {
                return Err(bad("it is never left".into()));
            }
        }
        Ok(Self { entries, states })
    }

    /// States that are passed in order, with the probability of another frame in the same state. The phone takes at least as many
    /// frames as it has states.
    ///
    /// # Errors
    /// As [`Hmm::new`].
    pub fn linear(states: usize, self_loop: f64) -> Result<Self, Error> {
        Self::left_to_right(states, self_loop, |state| state + 1..=state + 1)
    }

    /// As [`Hmm::linear`], but any number of following states may be left out: what is left of the probability is shared evenly by
    /// all following states and the exit. The phone may take a single frame: with frames of 30 ms, many phones do.
    ///
    /// # Errors
    /// As [`Hmm::new`].
    pub fn skipping(states: usize, self_loop: f64) -> Result<Self, Error> {
        Self::left_to_right(states, self_loop, |state| state + 1..=states)
    }

    /// `following` gives the states that may follow another, where the number after the last stands for the exit.
    fn left_to_right(
        states: usize,
        self_loop: f64,
        following: impl Fn(usize) -> std::ops::RangeInclusive<usize>,
    ) -> Result<Self, Error> {
        let state = |state| {
            let next = following(state);
            let share = (1.0 - self_loop) / next.clone().count() as f64;
            let place = |next| if next == states { Next::Exit } else { Next::State(next) };
            let onward = next.map(|next| (place(next), share));
            let again = (self_loop > 0.0).then_some((Next::State(state), self_loop));
            again.into_iter().chain(onward).collect()
        };
        Self::new(vec![(0, 1.0)], (0..states).map(state).collect())
    }

    /// The states in which the phone may begin, with probabilities.
    pub fn entries(&self) -> &[(usize, f64)] {
        &self.entries
    }

    /// For each state where it leads, with probabilities.
    pub fn states(&self) -> &[Vec<(Next, f64)>] {
        &self.states
    }
}

fn distribution<T>(of: &[(T, f64)]) -> Result<(), String> {
    if let Some((_, found)) = of.iter().find(|(_, probability)| !(*probability > 0.0 && *probability <= 1.0))
    {
        return Err(format!("a transition has probability {found}, expected above 0 and at most 1"));
    }
    let sum: f64 = of.iter().map(|(_, probability)| probability).sum();
    match (sum - 1.0).abs() > 1e-3 {
        true => Err(format!("the probabilities of its transitions sum to {sum}, expected 1")),
        false => Ok(()),
    }
}
