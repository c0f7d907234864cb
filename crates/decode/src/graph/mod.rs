//! A static network: a weighted finite-state transducer as flat arrays.

mod order;
mod symbols;
mod text;

pub use symbols::SymbolTable;

use crate::error::{Error, finite};
use crate::network::{Arc, Labels, Network};

/// A weighted finite-state transducer over the tropical semiring, checked when it is built.
///
/// Inputs are outputs of the acoustic model plus 1; outputs are words; 0 is epsilon in both. The arcs of a state lie side by
/// side, those without input first.
#[derive(Clone, Debug)]
pub struct Graph {
    start: u32,
    states: Vec<StateArcs>,
    arcs: Vec<Arc<u32>>,
    inputs: u32,
    labels: Labels,
    silence: Option<u32>,
}

/// A state's place in the array of arcs. Its arcs end where those of the next state begin.
#[derive(Clone, Copy, Debug)]
struct StateArcs {
    first: usize,
    /// The first arc with input.
    first_emitting: usize,
    rank: Option<u32>,
    final_cost: f64,
}

impl Graph {
    /// How many states it has.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Always false: a graph has a start.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// All arcs of a state, those without input first.
    ///
    /// # Panics
    /// If there is no such state.
    pub fn arcs(&self, state: u32) -> &[Arc<u32>] {
        let state = state as usize;
        &self.arcs[self.states[state].first..self.end(state)]
    }

    /// Says where labels are; [`Labels::AtStart`] unless told.
    pub fn with_labels(self, labels: Labels) -> Self {
        Self { labels, ..self }
    }

    /// Says which label is that of pauses; none unless told.
    pub fn with_silence(self, silence: u32) -> Self {
        Self { silence: Some(silence), ..self }
    }

    #[inline]
    fn end(&self, state: usize) -> usize {
        self.states.get(state + 1).map_or(self.arcs.len(), |next| next.first)
    }
}

impl Network for Graph {
    type State = u32;

    fn start(&self) -> u32 {
        self.start
    }

    #[inline]
    fn emitting(&self, state: u32, mut visit: impl FnMut(Arc<u32>)) {
        let state = state as usize;
        for arc in &self.arcs[self.states[state].first_emitting..self.end(state)] {
            visit(*arc);
        }
    }

    #[inline]
    fn epsilon(&self, state: u32, mut visit: impl FnMut(Arc<u32>)) {
        let StateArcs { first, first_emitting, .. } = self.states[state as usize];
        for arc in &self.arcs[first..first_emitting] {
            visit(*arc);
        }
    }

    #[inline]
    fn rank(&self, state: u32) -> Option<u32> {
        self.states[state as usize].rank
    }

    #[inline]
    fn number(&self, state: u32) -> Option<usize> {
        Some(state as usize)
    }

    #[inline]
    fn final_cost(&self, state: u32) -> f64 {
        self.states[state as usize].final_cost
    }

    fn outputs(&self) -> usize {
        self.inputs as usize
    }

    fn labels(&self) -> Labels {
        self.labels
    }

    fn silence(&self) -> Option<u32> {
        self.silence
    }
}

/// Collects the states and arcs of a [`Graph`] in any order.
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    final_costs: Vec<f64>,
    arcs: Vec<(u32, Arc<u32>)>,
}

impl GraphBuilder {
    /// Adds a state in which no path may end, and returns its number.
    pub fn add_state(&mut self) -> u32 {
        self.final_costs.push(f64::INFINITY);
        (self.final_costs.len() - 1) as u32
    }

    /// How many states there are so far.
    pub fn len(&self) -> usize {
        self.final_costs.len()
    }

    /// Whether there is no state yet.
    pub fn is_empty(&self) -> bool {
        self.final_costs.is_empty()
    }

    /// Lets paths end in `state` at `cost`.
    ///
    /// # Errors
    /// If there is no such state.
    pub fn set_final(&mut self, state: u32, cost: f64) -> Result<(), Error> {
        let count = self.final_costs.len() as u64;
        let place = self.final_costs.get_mut(state as usize);
        *place.ok_or(Error::OutOfRange { what: "state", index: state.into(), count })? = cost;
        Ok(())
    }

    /// Adds an arc; [`GraphBuilder::build`] checks it.
    pub fn add_arc(&mut self, from: u32, arc: Arc<u32>) {
        self.arcs.push((from, arc));
    }

    /// The graph. Arcs keep their order, except that those of a state without input precede the others.
    ///
    /// # Errors
    /// If `start` or an end of an arc does not exist, a weight is not finite, a final cost is NaN or minus infinity, or arcs
    /// without input form a cycle. Kaldi's validation of language models forbids such cycles too.
    pub fn build(mut self, start: u32) -> Result<Graph, Error> {
        let count = self.final_costs.len() as u64;
        let exists = |state: u32| match u64::from(state) < count {
            true => Ok(()),
            false => Err(Error::OutOfRange { what: "state", index: state.into(), count }),
        };
        exists(start)?;
        for (from, arc) in &self.arcs {
            exists(*from)?;
            exists(arc.next)?;
            finite(arc.weight, || format!("the weight of an arc from state {from} to state {}", arc.next))?;
        }
        for (state, &cost) in self.final_costs.iter().enumerate() {
            if cost.is_nan() || cost == f64::NEG_INFINITY {
                let what = format!("the final cost of state {state}");
                return Err(Error::Value { what, found: cost, expected: "finite, or infinite for none" });
            }
        }
        self.arcs.sort_by_key(|(from, arc)| (*from, arc.input > 0));
        let place = |state: usize, emits: bool| {
            self.arcs.partition_point(|(from, arc)| (*from as usize, arc.input > 0) < (state, emits))
        };
        let states = self.final_costs.iter().enumerate().map(|(state, final_cost)| StateArcs {
            first: place(state, false),
            first_emitting: place(state, true),
            rank: None,
            final_cost: *final_cost,
        });
        let states = states.collect();
        let arcs: Vec<_> = self.arcs.into_iter().map(|(_, arc)| arc).collect();
        let inputs = arcs.iter().map(|arc| arc.input).max().unwrap_or(0);
        let mut graph = Graph { start, states, arcs, inputs, labels: Labels::AtStart, silence: None };
        let ranks = order::ranks(&graph).map_err(|states| Error::EpsilonCycle { states })?;
        graph.states.iter_mut().zip(ranks).for_each(|(state, rank)| state.rank = rank);
        Ok(graph)
    }
}
