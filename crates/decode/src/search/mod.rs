//! Frame-synchronous token passing: Viterbi beam search that keeps alternatives.

mod frontier;
mod hash;
mod history;
mod index;
mod memory;
mod options;
mod prune;
mod settle;

pub(crate) use history::{Frame, Link, Step};
pub use memory::Memory;
pub use options::Options;
pub use settle::Settled;

use crate::error::Error;
use crate::lattice::{Lattice, Path, Reading};
use crate::network::{Arc, Network};
use crate::scores::check_costs;
use frontier::{Frontier, Reached};
use history::best_path;
use prune::Pruner;

/// A search through a network, fed frame by frame.
///
/// Tokens of a frame are the states that some path reaches within the beam, each with the cost of its best path. Links record
/// every transition between tokens, so that the lattice holds alternatives too. Links that are too far from the best path are
/// pruned every few frames.
#[derive(Debug)]
pub struct Search<N: Network> {
    network: N,
    options: Options,
    /// The states of the newest frame's tokens.
    states: Vec<N::State>,
    /// The tokens of the frame that is being searched; between two frames only memory.
    next: Frontier<N::State>,
    /// Points in time from the last settled one to now; never empty.
    frames: Vec<Frame>,
    pruner: Pruner,
    /// How many frames are settled.
    settled: usize,
}

/// What a search found, from the last settled frame to the end.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All paths within the lattice beam. Frames are counted from the search's first.
    pub lattice: Lattice,
    /// Whether the paths end where the network lets paths end. If not, no token was in a final state after the last frame: the
    /// lattice then has the paths to all tokens, at no final cost, and its last word may be incomplete. A larger beam may help;
    /// or the audio ends in the middle of a word.
    pub reached_final: bool,
}

impl<N: Network> Search<N> {
    /// A search that has seen no frame.
    pub fn new(network: N, options: Options) -> Self {
        let mut frontier = Frontier::new();
        frontier.reach(&network, network.start(), 0.0);
        let mut frame = Frame::default();
        frontier.close(&network, options.beam, options.lattice_beam, &mut frame.epsilon);
        let mut states = Vec::new();
        frontier.hand_over(&network, &mut states, &mut frame.costs);
        let pruner = Pruner::default();
        Self { network, options, states, next: frontier, frames: vec![frame], pruner, settled: 0 }
    }

    /// How many frames it has seen.
    pub fn frames(&self) -> usize {
        self.settled + self.frames.len() - 1
    }

    /// Searches one more frame, whose acoustic cost of output i is `costs[i]`.
    ///
    /// With [`Options::open_frames`], long streams are settled piece by piece: now and then, the result is a lattice of the
    /// frames since the last such piece. Later words no longer change it, and memory does not grow with the stream.
    ///
    /// # Errors
    /// If there are too few costs, one is NaN or minus infinity, or no path leads past this frame. The search is then as
    /// before the call, and can be finished.
    pub fn advance(&mut self, costs: &[f32]) -> Result<Option<Settled>, Error> {
        check_costs(self.frames(), costs, self.network.outputs())?;
        let mut frame = self.pruner.frame();
        if let Err(error) = self.expand(costs, &mut frame) {
            self.pruner.give_back(frame);
            return Err(error);
        }
        self.frames.push(frame);
        if self.frames().is_multiple_of(self.options.prune_interval.max(1)) {
            self.pruner.prune_open(&mut self.frames, self.options.lattice_beam);
        }
        Ok(self.settle())
    }

    /// The best path so far, whether or not its state is final. Words that later frames speak for may replace its last ones.
    pub fn partial(&self) -> Path {
        let token = self.best();
        let steps = best_path(&self.frames, token);
        self.reading().path(&steps, self.settled..self.frames())
    }

    /// Ends the search.
    pub fn finish(mut self) -> Outcome {
        let finals: Vec<f64> = self.states.iter().map(|state| self.network.final_cost(*state)).collect();
        let costs = self.newest();
        let best =
            |ends: &[f64]| costs.iter().zip(ends).map(|(cost, end)| cost + end).fold(f64::INFINITY, f64::min);
        let reached_final = best(&finals) < f64::INFINITY;
        let ends = if reached_final { finals } else { vec![0.0; costs.len()] };
        let best = best(&ends);
        let extra: Vec<f64> = costs.iter().zip(&ends).map(|(cost, end)| cost + end - best).collect();
        let numbers = self.pruner.prune_ends(&mut self.frames, self.options.lattice_beam, &extra);
        let is_kept = |extra: f64| extra <= self.options.lattice_beam && extra < f64::INFINITY;
        let ends = numbers.iter().zip(&ends).zip(&extra).filter(|(_, extra)| is_kept(**extra));
        let ends: Vec<_> = ends.filter_map(|((number, end), _)| Some(((*number)?, *end))).collect();
        let lattice = self.reading().lattice(&self.frames, self.settled, &ends, self.options.lattice_beam);
        Outcome { lattice, reached_final }
    }

    fn reading(&self) -> Reading {
        Reading { labels: self.network.labels(), silence: self.network.silence() }
    }

    /// The costs of the newest frame's tokens.
    fn newest(&self) -> &[f64] {
        self.frames.last().map_or(&[], |frame| &frame.costs)
    }

    /// The best token of the newest frame.
    fn best(&self) -> u32 {
        let costs = self.newest().iter().zip(0..);
        costs.min_by(|a, b| a.0.total_cmp(b.0)).map_or(0, |(_, token)| token)
    }

    /// Makes `frame` the next one, whose states become those of the search, and adds the links to it to the newest.
    fn expand(&mut self, acoustic: &[f32], frame: &mut Frame) -> Result<(), Error> {
        let number = self.frames();
        let best = self.best() as usize;
        let Self { network, options, states, next, frames, .. } = self;
        let Some(Frame { costs, emitting: links, .. }) = frames.last_mut() else {
            return Err(Error::NoPath { frame: number });
        };
        let (cutoff, beam) = options.cutoff(costs);
        let lattice_beam = options.lattice_beam;
        // The bound falls as better tokens are found; it starts with what the best token reaches.
        let mut bound = f64::INFINITY;
        network.emitting(states[best], |arc| {
            let step = arc.weight + f64::from(acoustic[arc.input as usize - 1]);
            bound = bound.min(costs[best] + step + beam);
        });
        for ((&state, &cost), from) in states.iter().zip(costs.iter()).zip(0..) {
            if cost > cutoff {
                continue;
            }
            network.emitting(state, |Arc { next: state, input, output, weight }| {
                let acoustic = acoustic[input as usize - 1];
                let cost = cost + (weight + f64::from(acoustic));
                if cost > bound || cost == f64::INFINITY {
                    return;
                }
                bound = bound.min(cost + beam);
                let Reached { token: to, before } = next.reach(network, state, cost);
                // The best path to the token may only become better: this link would be pruned later.
                if cost - before <= lattice_beam {
                    links.push(Link { from, to, output, graph: weight, acoustic });
                }
            });
        }
        if next.states.is_empty() {
            return Err(Error::NoPath { frame: number });
        }
        let best = next.costs.iter().copied().fold(f64::INFINITY, f64::min);
        next.close(network, best + beam, lattice_beam, &mut frame.epsilon);
        next.hand_over(network, states, &mut frame.costs);
        Ok(())
    }
}
