//! The tokens of the newest frame.

use super::history::Link;
use super::index::StateIndex;
use crate::network::{Arc, Network};

/// At most one token for each state, the best that reached it.
#[derive(Debug)]
pub(super) struct Frontier<S> {
    pub(super) states: Vec<S>,
    pub(super) costs: Vec<f64>,
    index: StateIndex,
    /// Tokens that are still to be followed through arcs without input, by the rank of their states; empty between two calls.
    by_rank: Vec<Vec<u32>>,
}

/// What a path found at its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub(super) token: u32,
    /// The cost of the best path before; infinite if there was none.
    pub(super) before: f64,
}

impl<S: Copy + Eq + std::hash::Hash + std::fmt::Debug> Frontier<S> {
    pub(super) fn new() -> Self {
        Self { states: Vec::new(), costs: Vec::new(), index: StateIndex::new(), by_rank: Vec::new() }
    }

    /// Exchanges all tokens for these states and costs, which are removed; their memory is kept.
    pub(super) fn hand_over<N: Network<State = S>>(
        &mut self,
        network: &N,
        states: &mut Vec<S>,
        costs: &mut Vec<f64>,
    ) {
        self.index.clear(&self.states, |state| network.number(state));
        std::mem::swap(&mut self.states, states);
        std::mem::swap(&mut self.costs, costs);
        self.states.clear();
        self.costs.clear();
    }

    /// How many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<S>() * self.states.capacity()
            + size_of::<f64>() * self.costs.capacity()
            + self.index.bytes()
            + self.by_rank.iter().map(|tokens| size_of::<u32>() * tokens.capacity()).sum::<usize>()
    }

    /// A path to `state`.
    #[inline]
    pub(super) fn reach<N: Network<State = S>>(&mut self, network: &N, state: S, cost: f64) -> Reached {
        let token = self.index.find(&mut self.states, state, network.number(state));
        match self.costs.get_mut(token as usize) {
            Some(best) => {
                let before = *best;
                *best = before.min(cost);
                Reached { token, before }
            }
            None => {
                self.costs.push(cost);
                Reached { token, before: f64::INFINITY }
            }
        }
    }

    /// Follows arcs without input from all tokens up to `cutoff`, in the order of ranks: each token once, when its cost is final.
    /// So every link comes after those that lead to its first token. Links that are more than `lattice_beam` worse than the best
    /// to the same token are left out; the others are added to `links`.
    pub(super) fn close<N: Network<State = S>>(
        &mut self,
        network: &N,
        cutoff: f64,
        lattice_beam: f64,
        links: &mut Vec<Link>,
    ) {
        for token in 0..self.states.len() as u32 {
            if self.costs[token as usize] <= cutoff {
                self.queue(network, token);
            }
        }
        let mut rank = 0;
        while rank < self.by_rank.len() {
            let mut tokens = std::mem::take(&mut self.by_rank[rank]);
            for from in tokens.drain(..) {
                let cost = self.costs[from as usize];
                let state = self.states[from as usize];
                network.epsilon(state, |Arc { next, output, weight, .. }| {
                    let cost = cost + weight;
                    if cost > cutoff {
                        return;
                    }
                    let Reached { token: to, before } = self.reach(network, next, cost);
                    if cost - before <= lattice_beam {
                        links.push(Link { from, to, output, graph: weight, acoustic: 0.0 });
                    }
                    if before > cutoff || before == f64::INFINITY {
                        self.queue(network, to);
                    }
                });
            }
            self.by_rank[rank] = tokens;
            rank += 1;
        }
    }

    fn queue<N: Network<State = S>>(&mut self, network: &N, token: u32) {
        if let Some(rank) = network.rank(self.states[token as usize]) {
            let rank = rank as usize;
            if rank >= self.by_rank.len() {
                self.by_rank.resize_with(rank + 1, Vec::new);
            }
            self.by_rank[rank].push(token);
        }
    }
}
