//! A static graph of a lexicon and a language model.

use super::{Lexicon, Next, Silence, Topology};
use crate::error::Error;
use crate::graph::{Graph, GraphBuilder};
use crate::network::{Arc, Labels};
use crate::word_model::WordModel;
use std::collections::HashMap;

/// The whole network at once: for each state of the language model, every pronunciation by itself, without shared beginnings.
///
/// Exact also for back-off models: a word's cost is looked up in each context, where a graph with back-off arcs would also have
/// paths that back off although the longer n-gram is known. For small vocabularies and models, and to check
/// [`super::TreeNetwork`], which has the same paths at the same costs.
///
/// # Errors
/// If the graph would have more than `most_states` states, or the model's cost is neither finite nor plus infinity.
pub fn static_graph<M: WordModel>(
    lexicon: &Lexicon,
    topology: &Topology,
    model: &M,
    most_states: usize,
) -> Result<Graph, Error> {
    let mut building =
        Building { topology, graph: GraphBuilder::default(), contexts: Vec::new(), numbers: HashMap::new() };
    building.context(model.start());
    let mut done = 0;
    // Contexts are found on the way.
    while let Some(&Context { state, root, words }) = building.contexts.get(done) {
        done += 1;
        building.graph.set_final(words, model.finish(state))?;
        let mut without_pause = 0.0;
        if let Some(Silence { phone, probability }) = lexicon.silence() {
            without_pause = -(1.0 - probability).ln();
            let end = building.phone(phone, root, -probability.ln());
            building.epsilon(end, words, lexicon.silence_label(), 0.0);
        }
        building.epsilon(root, words, 0, without_pause);
        for pronunciation in lexicon.pronunciations() {
            let (next, cost) = model.advance(state, pronunciation.word);
            if cost == f64::INFINITY {
                continue;
            }
            let next = building.context(next);
            let end = pronunciation.phones.iter().fold(words, |at, phone| building.phone(*phone, at, 0.0));
            building.epsilon(end, next, pronunciation.word, cost + pronunciation.cost);
            if building.graph.len() > most_states {
                return Err(Error::TooLarge { allowed: most_states });
            }
        }
    }
    let graph = building.graph.build(0)?.with_labels(Labels::AtEnd);
    Ok(match lexicon.silence() {
        Some(_) => graph.with_silence(lexicon.silence_label()),
        None => graph,
    })
}

/// A state of the language model, and the graph's states where a pause or a word, and where a word begins in it.
#[derive(Clone, Copy)]
struct Context<S> {
    state: S,
    root: u32,
    words: u32,
}

struct Building<'a, S> {
    topology: &'a Topology,
    graph: GraphBuilder,
    contexts: Vec<Context<S>>,
    numbers: HashMap<S, u32>,
}

impl<S: Copy + Eq + std::hash::Hash> Building<'_, S> {
    /// The root of a state of the language model; a new one if it has none.
    fn context(&mut self, state: S) -> u32 {
        if let Some(root) = self.numbers.get(&state) {
            return *root;
        }
        let (root, words) = (self.graph.add_state(), self.graph.add_state());
        self.numbers.insert(state, root);
        self.contexts.push(Context { state, root, words });
        root
    }

    /// Adds a phone that begins at `entry`, with `cost` for entering it, and returns where it ends.
    fn phone(&mut self, phone: u32, entry: u32, cost: f64) -> u32 {
        let count = self.topology.phones[phone as usize].states().len();
        let states: Vec<u32> = (0..count).map(|_| self.graph.add_state()).collect();
        let exit = self.graph.add_state();
        for arc in self.topology.arcs(phone) {
            let next = match arc.next {
                Next::State(state) => states[state],
                Next::Exit => exit,
            };
            let (from, entering) = arc.from.map_or((entry, cost), |state| (states[state], 0.0));
            self.graph.add_arc(from, Arc { next, input: arc.input, output: 0, weight: arc.cost + entering });
        }
        exit
    }

    fn epsilon(&mut self, from: u32, next: u32, output: u32, weight: f64) {
        self.graph.add_arc(from, Arc { next, input: 0, output, weight });
    }
}
