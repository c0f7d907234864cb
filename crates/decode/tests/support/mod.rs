//! Small worlds and their exhaustive enumeration.

#![allow(dead_code, reason = "each test target uses a part")]

pub(crate) mod words;

use proptest::prelude::*;
use std::collections::BTreeMap;
use stentor_decode::{Arc, Graph, GraphBuilder, Network, Options, Outcome, Search};

/// A graph and the acoustic costs of some frames. All costs are multiples of 1/8, so that sums are exact.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) graph: Graph,
    pub(crate) frames: Vec<Vec<f32>>,
}

const OUTPUTS: u32 = 3;

fn eighths(range: std::ops::Range<i32>) -> impl Strategy<Value = f64> {
    range.prop_map(|eighth| f64::from(eighth) / 8.0)
}

pub(crate) fn frames(outputs: usize, count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<f32>>> {
    let frame = prop::collection::vec(eighths(0..80).prop_map(|cost| cost as f32), outputs);
    prop::collection::vec(frame, count)
}

/// Up to five states; arcs without input lead to higher states, and may have negative weights.
pub(crate) fn world() -> impl Strategy<Value = World> {
    let arc = (0..5u32, 0..5u32, 0..=OUTPUTS, 0..=3u32, eighths(-8..40));
    let finals = prop::collection::vec((0..5u32, eighths(0..16)), 1..3);
    (prop::collection::vec(arc, 4..14), finals, frames(OUTPUTS as usize, 0..5)).prop_map(
        |(arcs, finals, frames)| {
            let mut builder = GraphBuilder::default();
            (0..5).for_each(|_| _ = builder.add_state());
            for (from, next, input, output, weight) in arcs {
                let input = if from < next { input } else { input.max(1) };
                builder.add_arc(from, Arc { next, input, output, weight });
            }
            for (state, cost) in finals {
                builder.set_final(state, cost).expect("the state exists");
            }
            World { graph: builder.build(0).expect("arcs without input lead upwards"), frames }
        },
    )
}

/// The lowest cost of each word sequence, over all paths that end where `end` gives a finite cost.
pub(crate) fn enumerate<N: Network>(
    network: &N,
    frames: &[Vec<f32>],
    end: impl Fn(N::State) -> f64,
) -> BTreeMap<Vec<u32>, f64> {
    let mut found = BTreeMap::new();
    let mut open = vec![(network.start(), 0, Vec::new(), 0.0)];
    while let Some((state, frame, words, cost)) = open.pop() {
        if frame == frames.len() && end(state).is_finite() {
            let best: &mut f64 = found.entry(words.clone()).or_insert(f64::INFINITY);
            *best = best.min(cost + end(state));
        }
        let mut go = |arc: Arc<N::State>, frame: usize, cost: f64| {
            let is_word = arc.output > 0 && Some(arc.output) != network.silence();
            let words = words.iter().copied().chain(is_word.then_some(arc.output)).collect();
            open.push((arc.next, frame, words, cost));
        };
        network.epsilon(state, |arc| go(arc, frame, cost + arc.weight));
        if let Some(costs) = frames.get(frame) {
            network.emitting(state, |arc| {
                go(arc, frame + 1, cost + arc.weight + f64::from(costs[arc.input as usize - 1]));
            });
        }
    }
    found
}

/// The outcome of searching all frames, if paths go so far.
pub(crate) fn search<N: Network>(network: &N, frames: &[Vec<f32>], options: Options) -> Option<Outcome> {
    let mut search = Search::new(network, options);
    for costs in frames {
        assert!(search.advance(costs).ok()?.is_none(), "nothing is settled in so few frames");
    }
    Some(search.finish())
}

/// Costs in order, for comparing lists whose ties may be in another order.
pub(crate) fn sorted(costs: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut costs: Vec<f64> = costs.collect();
    costs.sort_by(f64::total_cmp);
    costs
}

pub(crate) fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
}
