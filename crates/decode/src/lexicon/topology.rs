//! Hidden Markov models of phones.

use crate::error::Error;

/// Where a transition leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// To a state of the same phone.
    State(usize),
    /// Out of the phone.
    Exit,
}

/// A state of a phone's model. Every frame in it has the same output.
#[derive(Clone, Debug, PartialEq)]
pub struct HmmState {
    /// The acoustic model's output.
    pub output: u32,
    /// Where it leads after a frame, each with its probability.
    pub transitions: Vec<(Next, f64)>,
}

/// The model of a phone: states from left to right, entered at the first. Each visit of a state takes one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Hmm {
    states: Vec<HmmState>,
}

impl Hmm {
    /// A model of these states.
    ///
    /// # Errors
    /// If there is no state, a transition leads backwards or to a state that does not exist, probabilities are not positive or do
    /// not sum to 1, or the phone cannot be left.
    pub fn new(states: Vec<HmmState>) -> Result<Self, Error> {
        if states.is_empty() {
            return Err(Error::Empty { what: "a phone's model".into() });
        }
        for (state, HmmState { transitions, .. }) in states.iter().enumerate() {
            let bad = |reason: String| Err(Error::Hmm { state, reason });
            let mut sum = 0.0;
            for (next, probability) in transitions {
                match next {
                    Next::State(next) if !(state..states.len()).contains(next) => {
                        return bad(format!(
                            "a transition leads to state {next}, expected {state} to {}",
                            states.len() - 1
                        ));
                    }
                    _ if !(*probability > 0.0 && *probability <= 1.0) => {
                        return bad(format!(
                            "a transition has probability {probability}, expected above 0 and at most 1"
                        ));
                    }
                    _ => sum += probability,
                }
            }
            if (sum - 1.0).abs() > 1e-3 {
                return bad(format!("the probabilities of its transitions sum to {sum}, expected 1"));
            }
            // From left to right: what can be left from every state can be left.
            if transitions.iter().all(|(next, _)| *next == Next::State(state)) {
                return bad("it is never left".into());
            }
        }
        Ok(Self { states })
    }

    /// States that are passed in order, with the probability of another frame in the same state. The phone takes at least as many
    /// frames as it has states.
    ///
    /// # Errors
    /// As [`Hmm::new`].
    pub fn linear(outputs: &[u32], self_loop: f64) -> Result<Self, Error> {
        Self::left_to_right(outputs, self_loop, |state, _| state + 1..=state + 1)
    }

    /// As [`Hmm::linear`], but any number of following states may be left out: what is left of the probability is shared evenly by
    /// all following states and the exit. The phone may take a single frame: with frames of 30 ms, many phones do.
    ///
    /// # Errors
    /// As [`Hmm::new`].
    pub fn skipping(outputs: &[u32], self_loop: f64) -> Result<Self, Error> {
        Self::left_to_right(outputs, self_loop, |state, last| state + 1..=last + 1)
    }

    /// `following` gives the states that may follow another, where the number after the last stands for the exit.
    fn left_to_right(
        outputs: &[u32],
        self_loop: f64,
        following: impl Fn(usize, usize) -> std::ops::RangeInclusive<usize>,
    ) -> Result<Self, Error> {
        let state = |(state, output): (usize, &u32)| {
            let next = following(state, outputs.len() - 1);
            let share = (1.0 - self_loop) / next.clone().count() as f64;
            let place = |next| if next == outputs.len() { Next::Exit } else { Next::State(next) };
            let onward = next.map(|next| (place(next), share));
            let again = (self_loop > 0.0).then_some((Next::State(state), self_loop));
            HmmState { output: *output, transitions: again.into_iter().chain(onward).collect() }
        };
        Self::new(outputs.iter().enumerate().map(state).collect())
    }

    /// Its states.
    pub fn states(&self) -> &[HmmState] {
        &self.states
    }
}

/// The models of all phones.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// The model of phone i at place i.
    pub phones: Vec<Hmm>,
    /// What costs of transitions are multiplied by. With fewer frames per second, transitions weigh more against acoustic scores;
    /// 0 leaves them out.
    pub scale: f64,
}

/// A transition between places of a phone's model.
#[derive(Clone, Copy, Debug)]
pub(super) struct HmmArc {
    /// None for the entry.
    pub(super) from: Option<usize>,
    pub(super) next: Next,
    /// The output of the state that it enters, plus 1; 0 for the exit.
    pub(super) input: u32,
    pub(super) cost: f64,
}

impl Topology {
    /// All transitions of a phone, with the entry.
    pub(super) fn arcs(&self, phone: u32) -> impl Iterator<Item = HmmArc> {
        let states = self.phones[phone as usize].states();
        let input = |next: Next| match next {
            Next::State(state) => states[state].output + 1,
            Next::Exit => 0,
        };
        let entry = HmmArc { from: None, next: Next::State(0), input: input(Next::State(0)), cost: 0.0 };
        let within = states.iter().enumerate().flat_map(move |(state, HmmState { transitions, .. })| {
            transitions.iter().map(move |(next, probability)| HmmArc {
                from: Some(state),
                next: *next,
                input: input(*next),
                cost: -self.scale * probability.ln(),
            })
        });
        std::iter::once(entry).chain(within)
    }

    /// The largest output, plus 1.
    pub(super) fn outputs(&self) -> usize {
        let states = self.phones.iter().flat_map(Hmm::states);
        states.map(|state| state.output as usize + 1).max().unwrap_or(0)
    }
}
