//! How much a search holds: over a long stream, and after pruning.

use stentor_decode::{Arc, Graph, GraphBuilder, Labels, Memory, Options, Search};
use stentor_random::{SplitMix64, unit_interval};

const STATES: u32 = 200;
const OUTPUTS: u32 = 30;
const WORDS: u32 = 50;

/// Draws numbers below a bound, and costs.
struct Random(SplitMix64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0.below(bound as usize) as u32
    }

    fn cost(&mut self, largest: f64) -> f64 {
        largest * unit_interval(self.0.next_u64())
    }

    fn frame(&mut self) -> Vec<f32> {
        (0..OUTPUTS).map(|_| self.cost(11.0) as f32).collect()
    }
}

/// A graph in which every word may follow every other after some frames.
fn graph(random: &mut Random) -> Graph {
    let mut builder = GraphBuilder::default();
    (0..STATES).for_each(|_| _ = builder.add_state());
    for from in 0..STATES {
        for _ in 0..3 {
            let (next, input) = (random.below(STATES), 1 + random.below(OUTPUTS));
            let output = if random.below(4) == 0 { 1 + random.below(WORDS) } else { 0 };
            builder.add_arc(from, Arc { next, input, output, weight: random.cost(3.0) });
        }
        if from % 5 == 0 {
            let next = from + 1 + random.below(STATES - from - 1);
            builder.add_arc(from, Arc { next, input: 0, output: 0, weight: random.cost(2.0) });
        }
        builder.set_final(from, 0.0).expect("the state exists");
    }
    builder.build(0).expect("arcs without input lead to higher states").with_labels(Labels::AtEnd)
}

fn options() -> Options {
    Options { beam: 10.0, lattice_beam: 4.0, open_frames: None, ..Options::default() }
}

/// What a search holds after each of so many frames.
fn held(options: Options, frames: usize) -> Vec<Memory> {
    let mut random = Random(SplitMix64::new(1));
    let graph = graph(&mut random);
    let mut search = Search::new(&graph, options);
    let mut held = Vec::with_capacity(frames);
    for _ in 0..frames {
        search.advance(&random.frame()).expect("every state can be left");
        held.push(search.memory());
    }
    held
}

fn most(held: &[Memory]) -> Memory {
    let most = |of: fn(&Memory) -> usize| held.iter().map(of).max().unwrap_or(0);
    Memory {
        frames: most(|held| held.frames),
        tokens: most(|held| held.tokens),
        links: most(|held| held.links),
        bytes: most(|held| held.bytes),
    }
}

#[test]
fn a_stream_of_an_hour_holds_no_more_than_its_first_minutes_did() {
    const OPEN: usize = 60;
    const HOUR: usize = 120_000;
    let held = held(Options { open_frames: Some(OPEN), ..options() }, HOUR);
    let (first, all) = (most(&held[..HOUR / 20]), most(&held));
    assert!(all.frames <= 3 * OPEN, "{all:?}");
    for (all, first) in [(all.tokens, first.tokens), (all.links, first.links), (all.bytes, first.bytes)] {
        assert!(all as f64 <= 1.25 * first as f64, "{all} after an hour, {first} in three minutes");
    }
}

#[test]
fn pruning_gives_back_the_memory_of_what_it_removes() {
    const FRAMES: usize = 1_000;
    let pruned = held(options(), FRAMES);
    let Some((pruned, whole)) =
        pruned.last().zip(held(Options { prune_interval: usize::MAX, ..options() }, FRAMES).pop())
    else {
        panic!("{FRAMES} frames were searched");
    };
    assert_eq!(pruned.frames, whole.frames);
    assert!(20 * pruned.links < whole.links, "{pruned:?} {whole:?}");
    assert!(10 * pruned.bytes < whole.bytes, "{pruned:?} {whole:?}");
}
