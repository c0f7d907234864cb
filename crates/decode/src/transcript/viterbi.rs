//! The Viterbi algorithm over a graph that is small enough to give each state a place in memory: one path, with all its steps.
//!
//! [`crate::Search`] keeps alternatives and words, but neither states nor outputs, which an alignment is about.

use crate::error::Error;
use crate::graph::Graph;
use crate::network::{Arc, Network};
use crate::scores::check_costs;

/// One arc of the best path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The state that it leads to.
    pub(super) state: u32,
    pub(super) input: u32,
    pub(super) output: u32,
}

/// How a token came to its state.
#[derive(Clone, Copy, Debug)]
struct Trace {
    /// The trace before; the first one leads to itself.
    before: u32,
    step: Step,
}

/// The best path to a state after the newest frame.
#[derive(Clone, Copy, Debug)]
struct Token {
    cost: f64,
    trace: u32,
}

#[derive(Debug)]
pub(super) struct Viterbi<'a> {
    graph: &'a Graph,
    beam: f64,
    frames: usize,
    tokens: Tokens,
    /// Memory for the frame to come.
    next: Tokens,
    traces: Vec<Trace>,
}

/// The tokens of a frame.
#[derive(Debug)]
struct Tokens {
    /// `[states]`.
    of_state: Vec<Option<Token>>,
    /// The states that have one, in the order in which they were reached.
    states: Vec<u32>,
    /// States whose arcs without input are still to be followed, by rank; empty between two calls.
    by_rank: Vec<Vec<u32>>,
}

impl<'a> Viterbi<'a> {
    pub(super) fn new(graph: &'a Graph, beam: f64) -> Self {
        let tokens = || Tokens { of_state: vec![None; graph.len()], states: Vec::new(), by_rank: Vec::new() };
        let mut new = Self { graph, beam, frames: 0, tokens: tokens(), next: tokens(), traces: Vec::new() };
        let start = Step { state: graph.start(), input: 0, output: 0 };
        new.tokens.reach(0.0, Trace { before: 0, step: start }, &mut new.traces);
        new.tokens.close(graph, f64::INFINITY, &mut new.traces);
        new
    }

    /// # Errors
    /// [`Error::Width`], [`Error::Score`]; [`Error::NoPath`], after which nothing can be found.
    pub(super) fn advance(&mut self, costs: &[f32]) -> Result<(), Error> {
        let Self { graph, beam, frames, tokens, next, traces } = self;
        check_costs(*frames, costs, graph.outputs())?;
        let cutoff = tokens.best() + *beam;
        next.clear();
        for &state in &tokens.states {
            let Some(token) = tokens.of_state[state as usize].filter(|token| token.cost <= cutoff) else {
                continue;
            };
            graph.emitting(state, |Arc { next: state, input, output, weight }| {
                let cost = token.cost + weight + f64::from(costs[input as usize - 1]);
                let step = Step { state, input, output };
                next.reach(cost, Trace { before: token.trace, step }, traces);
            });
        }
        next.close(graph, next.best() + *beam, traces);
        std::mem::swap(tokens, next);
        *frames += 1;
        match tokens.states.is_empty() {
            true => Err(Error::NoPath { frame: *frames - 1 }),
            false => Ok(()),
        }
    }

    /// The cost of the best path to a final state, and its steps; `None` if no token is in a final state.
    pub(super) fn finish(self) -> Option<(f64, Vec<Step>)> {
        let Self { graph, tokens, traces, .. } = self;
        let ends = tokens.states.iter().filter_map(|state| {
            let Token { cost, trace } = tokens.of_state[*state as usize]?;
            Some((cost + graph.final_cost(*state), trace))
        });
        let (cost, mut at) =
            ends.min_by(|a, b| a.0.total_cmp(&b.0)).filter(|(cost, _)| *cost < f64::INFINITY)?;
        let mut steps = Vec::new();
        // The first trace is that of the start, which no arc leads to.
        while at != 0 {
            let Trace { before, step } = traces[at as usize];
            steps.push(step);
            at = before;
        }
        steps.reverse();
        Some((cost, steps))
    }
}

impl Tokens {
    fn clear(&mut self) {
        for state in self.states.drain(..) {
            self.of_state[state as usize] = None;
        }
    }

    fn best(&self) -> f64 {
        let costs = self.states.iter().filter_map(|state| self.of_state[*state as usize]);
        costs.map(|token| token.cost).fold(f64::INFINITY, f64::min)
    }

    /// A path to a state. Of two that cost the same, the first stays. Whether it is the first to the state.
    fn reach(&mut self, cost: f64, trace: Trace, traces: &mut Vec<Trace>) -> bool {
        if cost == f64::INFINITY {
            return false;
        }
        let place = &mut self.of_state[trace.step.state as usize];
        match place {
            // Nothing refers to the trace yet: a token's arcs are followed when its cost is final.
            Some(token) if cost < token.cost => {
                token.cost = cost;
                traces[token.trace as usize] = trace;
                false
            }
            Some(_) => false,
            None => {
                *place = Some(Token { cost, trace: traces.len() as u32 });
                traces.push(trace);
                self.states.push(trace.step.state);
                true
            }
        }
    }

    /// Follows arcs without input from all tokens up to `cutoff`, in the order of ranks, so that each is followed at its final cost.
    fn close(&mut self, graph: &Graph, cutoff: f64, traces: &mut Vec<Trace>) {
        for place in 0..self.states.len() {
            self.queue(graph, self.states[place]);
        }
        let mut rank = 0;
        while rank < self.by_rank.len() {
            let mut states = std::mem::take(&mut self.by_rank[rank]);
            for state in states.drain(..) {
                let Some(token) = self.of_state[state as usize].filter(|token| token.cost <= cutoff) else {
                    continue;
                };
                graph.epsilon(state, |Arc { next, output, weight, .. }| {
                    let step = Step { state: next, input: 0, output };
                    if self.reach(token.cost + weight, Trace { before: token.trace, step }, traces) {
                        self.queue(graph, next);
                    }
                });
            }
            self.by_rank[rank] = states;
            rank += 1;
        }
    }

    fn queue(&mut self, graph: &Graph, state: u32) {
        if let Some(rank) = graph.rank(state) {
            let rank = rank as usize;
            if rank >= self.by_rank.len() {
                self.by_rank.resize_with(rank + 1, Vec::new);
            }
            self.by_rank[rank].push(state);
        }
    }
}
