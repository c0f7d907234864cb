//! The tokens of the newest frame.

use super::hash::StateMap;
use super::history::{Frame, Link};
use crate::error::Error;
use crate::network::{Arc, Network};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// At most one token for each state, the best that reached it.
#[derive(Debug)]
pub(super) struct Frontier<S> {
    pub(super) states: Vec<S>,
    pub(super) costs: Vec<f64>,
    by_state: StateMap<S, u32>,
    epsilon: Vec<Link>,
}

impl<S: Copy + Eq + std::hash::Hash + std::fmt::Debug> Frontier<S> {
    pub(super) fn new() -> Self {
        Self { states: Vec::new(), costs: Vec::new(), by_state: StateMap::default(), epsilon: Vec::new() }
    }

    /// The token of `state`, and whether this path is better than what reached it before.
    pub(super) fn reach(&mut self, state: S, cost: f64) -> (u32, bool) {
        let fresh = self.states.len() as u32;
        let token = *self.by_state.entry(state).or_insert(fresh);
        if token == fresh {
            self.states.push(state);
            self.costs.push(cost);
            return (token, true);
        }
        let best = &mut self.costs[token as usize];
        let is_better = cost < *best;
        if is_better {
            *best = cost;
        }
        (token, is_better)
    }

    /// Follows arcs without input from all tokens up to `cutoff`, cheapest first: unless weights are negative, each token is
    /// then expanded once.
    pub(super) fn close<N: Network<State = S>>(&mut self, network: &N, cutoff: f64) {
        let mut queue: BinaryHeap<Entry> =
            self.costs.iter().zip(0..).map(|(&cost, token)| Entry { cost, token }).collect();
        let mut expanded = vec![false; self.costs.len()];
        while let Some(Entry { cost: queued, token: from }) = queue.pop() {
            let cost = self.costs[from as usize];
            if queued > cost || cost > cutoff {
                continue;
            }
            // A token that has become better is expanded anew.
            if std::mem::replace(&mut expanded[from as usize], true) {
                self.epsilon.retain(|link| link.from != from);
            }
            network.epsilon(self.states[from as usize], |Arc { next, output, weight, .. }| {
                let cost = cost + weight;
                if cost > cutoff {
                    return;
                }
                let (to, is_better) = self.reach(next, cost);
                self.epsilon.push(Link { from, to, output, graph: weight, acoustic: 0.0 });
                if is_better {
                    expanded.resize(self.states.len(), false);
                    queue.push(Entry { cost, token: to });
                }
            });
        }
    }

    /// Numbers the tokens so that every link without input leads to a higher number, and gives the frame and the new number of
    /// each token.
    ///
    /// # Errors
    /// If such links form a cycle, which a [`Network`] must not have.
    pub(super) fn into_frame(self) -> Result<(Vec<S>, Frame, Vec<u32>), Error> {
        let count = self.states.len();
        let mut links = self.epsilon;
        links.sort_by_key(|link| link.from);
        let mut incoming = vec![0u32; count];
        links.iter().for_each(|link| incoming[link.to as usize] += 1);
        let mut order = Vec::with_capacity(count);
        let mut ready: VecDeque<u32> =
            (0..count as u32).filter(|token| incoming[*token as usize] == 0).collect();
        while let Some(token) = ready.pop_front() {
            order.push(token as usize);
            let first = links.partition_point(|link| link.from < token);
            for link in links[first..].iter().take_while(|link| link.from == token) {
                incoming[link.to as usize] -= 1;
                if incoming[link.to as usize] == 0 {
                    ready.push_back(link.to);
                }
            }
        }
        if order.len() < count {
            let states = (0..count as u64).filter(|token| incoming[*token as usize] > 0).collect();
            return Err(Error::EpsilonCycle { states });
        }
        let mut numbers = vec![0; count];
        order.iter().zip(0..).for_each(|(token, number)| numbers[*token] = number);
        for link in &mut links {
            (link.from, link.to) = (numbers[link.from as usize], numbers[link.to as usize]);
        }
        links.sort_by_key(|link| link.from);
        let states = order.iter().map(|token| self.states[*token]).collect();
        let costs = order.iter().map(|token| self.costs[*token]).collect();
        Ok((states, Frame { costs, epsilon: links, emitting: Vec::new() }, numbers))
    }
}

/// The cheapest token is the greatest; of equal ones the first.
#[derive(PartialEq)]
struct Entry {
    cost: f64,
    token: u32,
}

impl Eq for Entry {}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.cost.total_cmp(&self.cost).then(other.token.cmp(&self.token))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
