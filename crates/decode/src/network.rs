//! What a search runs on.

use std::fmt::Debug;
use std::hash::Hash;

/// One transition of a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arc<S> {
    /// The state it leads to.
    pub next: S,
    /// The acoustic model's output that a frame must have, plus 1; 0 if the arc takes no frame.
    pub input: u32,
    /// The word, or 0.
    pub output: u32,
    /// The cost of taking the arc, without the acoustic cost.
    pub weight: f64,
}

/// Where on a word's path the arc with its label is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// The label precedes the word's frames, as in a graph made from a lexicon transducer whose first arc has the word. A
    /// word then lasts until the next label, and includes the pause after it.
    AtStart,
    /// The label follows the word's frames.
    AtEnd,
    /// The label is among the word's frames, and an arc with another label follows them.
    Within {
        /// The label of that arc. It is no word.
        end: u32,
    },
}

/// A weighted network of states, given state by state, so that it need not exist as a whole.
///
/// Arcs without input must not form a cycle: a frame would have infinitely many paths. [`Network::rank`] says in which order
/// they can be followed. Weights may be negative.
pub trait Network {
    /// A state.
    type State: Copy + Eq + Hash + Debug;

    /// Where every path begins.
    fn start(&self) -> Self::State;

    /// Calls `visit` with each arc of `state` that takes a frame, always in the same order.
    fn emitting(&self, state: Self::State, visit: impl FnMut(Arc<Self::State>));

    /// Calls `visit` with each arc of `state` that takes no frame, always in the same order.
    fn epsilon(&self, state: Self::State, visit: impl FnMut(Arc<Self::State>));

    /// The place of `state` in an order in which every arc without input leads to a state of a higher rank, or to one that no such arc
    /// leaves; `None` if none leaves `state`. A search keeps memory for each rank, so they should be small.
    fn rank(&self, state: Self::State) -> Option<u32>;

    /// The number of `state`, where states are numbered from 0 without large gaps: a search finds the token of a state by it, and
    /// keeps a few bytes for each number. `None`, for every state, where states exist only where the search goes.
    fn number(&self, state: Self::State) -> Option<usize>;

    /// The cost of ending in `state`; infinite where no path may end.
    fn final_cost(&self, state: Self::State) -> f64;

    /// The least number of acoustic scores in a frame: the largest input of any arc.
    fn outputs(&self) -> usize;

    /// Where labels are.
    fn labels(&self) -> Labels;

    /// The label of pauses, if they have one. It is not a word; it tells a pause's time from a word's.
    fn silence(&self) -> Option<u32>;
}

impl<N: Network> Network for &N {
    type State = N::State;

    fn start(&self) -> Self::State {
        (**self).start()
    }

    fn emitting(&self, state: Self::State, visit: impl FnMut(Arc<Self::State>)) {
        (**self).emitting(state, visit);
    }

    fn epsilon(&self, state: Self::State, visit: impl FnMut(Arc<Self::State>)) {
        (**self).epsilon(state, visit);
    }

    fn rank(&self, state: Self::State) -> Option<u32> {
        (**self).rank(state)
    }

    fn number(&self, state: Self::State) -> Option<usize> {
        (**self).number(state)
    }

    fn final_cost(&self, state: Self::State) -> f64 {
        (**self).final_cost(state)
    }

    fn outputs(&self) -> usize {
        (**self).outputs()
    }

    fn labels(&self) -> Labels {
        (**self).labels()
    }

    fn silence(&self) -> Option<u32> {
        (**self).silence()
    }
}
