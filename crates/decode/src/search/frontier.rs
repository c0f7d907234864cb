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

impl<S: Copy + Eq + std::hash::Hash + std::fmt::Debug> Frontier<S> {
    pub(super) fn new() -> Self {
        Self { states: Vec::new(), costs: Vec::new(), index: StateIndex::new(), by_rank: Vec::new() }
    }

    /// Removes all tokens, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.states.clear();
        self.costs.clear();
        self.index.clear();
    }

    /// The token of `state` after a path to it, and what its best path costs.
    pub(super) fn reach(&mut self, state: S, cost: f64) -> (u32, f64) {
        let token = self.index.find(&mut self.states, state);
        match self.costs.get_mut(token as usize) {
            Some(best) => {
                *best = best.min(cost);
                (token, *best)
            }
            None => {
                self.costs.push(cost);
                (token, cost)
            }
        }
    }

    /// Follows arcs without input from all tokens up to `cutoff`, in the order of ranks: each token once, when its cost is final.
    /// So every link comes after those that lead to its first token. Links that are more than `lattice_beam` worse than the best
    /// to the same token are left out.
    pub(super) fn close<N: Network<State = S>>(
        &mut self,
        network: &N,
        cutoff: f64,
        lattice_beam: f64,
    ) -> Vec<Link> {
        for token in 0..self.states.len() as u32 {
            self.queue(network, token);
        }
        let mut links = Vec::new();
        let mut rank = 0;
        while rank < self.by_rank.len() {
            let mut tokens = std::mem::take(&mut self.by_rank[rank]);
            for from in tokens.drain(..) {
                let cost = self.costs[from as usize];
                if cost > cutoff {
                    continue;
                }
                let state = self.states[from as usize];
                network.epsilon(state, |Arc { next, output, weight, .. }| {
                    let cost = cost + weight;
                    if cost > cutoff {
                        return;
                    }
                    let known = self.states.len();
                    let (to, best) = self.reach(next, cost);
                    if cost - best <= lattice_beam {
                        links.push(Link { from, to, output, graph: weight, acoustic: 0.0 });
                    }
                    if to as usize == known {
                        self.queue(network, to);
                    }
                });
            }
            self.by_rank[rank] = tokens;
            rank += 1;
        }
        links
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
