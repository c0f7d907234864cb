//! A prefix tree of pronunciations, with a language model applied where words end (Ney & Ortmanns 1999).

use super::{Lexicon, Next, Silence, Topology};
use crate::error::{Error, finite};
use crate::network::{Arc, Labels, Network};
use crate::word_model::WordModel;
use std::collections::BTreeMap;

/// Where words begin, after a pause or without one.
const WORDS: u32 = 1;
/// Where a pause or a word may begin, or the path may end.
const ROOT: u32 = 0;

/// The tree, without a language model: its places and how they are connected. Pronunciations share their common beginnings.
#[derive(Clone, Debug)]
pub struct Tree {
    places: Vec<Place>,
    outputs: usize,
    silence_label: Option<u32>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    emitting: Vec<Arc<u32>>,
    epsilon: Vec<Arc<u32>>,
    /// Words that end here, each with its cost without the language model's.
    words: Vec<(u32, f64)>,
}

/// A node of the tree of phones: a sequence of phones with which pronunciations begin.
#[derive(Default)]
struct Node {
    children: BTreeMap<u32, usize>,
    words: Vec<(u32, f64)>,
    /// The look-ahead cost: the least of all words here and below.
    ahead: f64,
}

impl Tree {
    /// The tree of a lexicon.
    ///
    /// `look_ahead` estimates the language model's cost of a word without its context, for example by unigrams. The least estimate of
    /// all words that a place may still become is charged on the way there, and what was charged is given back where the word ends
    /// (smeared look-ahead, Steinbiss et al. 1994; Ortmanns & Ney 2000). Costs of whole words do not change, but unlikely words
    /// leave the beam earlier. With `|_| 0.0` there is no look-ahead.
    ///
    /// # Errors
    /// If a look-ahead cost is not finite.
    pub fn new(
        lexicon: &Lexicon,
        topology: &Topology,
        look_ahead: impl Fn(u32) -> f64,
    ) -> Result<Self, Error> {
        let nodes = phone_tree(lexicon, look_ahead)?;
        let mut tree =
            Self { places: vec![Place::default(); 2], outputs: topology.outputs(), silence_label: None };
        let mut without_pause = 0.0;
        if let Some(Silence { phone, probability }) = lexicon.silence() {
            without_pause = -(1.0 - probability).ln();
            let end = tree.add_place();
            tree.add_phone(topology, phone, ROOT, end, -probability.ln());
            let label = lexicon.silence_label();
            tree.add_arc(end, Arc { next: WORDS, input: 0, output: label, weight: 0.0 });
            tree.silence_label = Some(label);
        }
        tree.add_arc(ROOT, Arc { next: WORDS, input: 0, output: 0, weight: without_pause });
        let mut ends = vec![WORDS; nodes.len()];
        // A node precedes its children.
        for (number, node) in nodes.iter().enumerate() {
            let charged = if number == 0 { 0.0 } else { node.ahead };
            for (phone, child) in &node.children {
                ends[*child] = tree.add_place();
                tree.add_phone(topology, *phone, ends[number], ends[*child], nodes[*child].ahead - charged);
            }
            let words = node.words.iter().map(|(word, cost)| (*word, cost - charged));
            tree.places[ends[number] as usize].words = words.collect();
        }
        Ok(tree)
    }

    /// How many places it has.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Always false: a tree has a root.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn add_place(&mut self) -> u32 {
        self.places.push(Place::default());
        (self.places.len() - 1) as u32
    }

    fn add_arc(&mut self, from: u32, arc: Arc<u32>) {
        let place = &mut self.places[from as usize];
        if arc.input > 0 { place.emitting.push(arc) } else { place.epsilon.push(arc) }
    }

    /// Adds the states of a phone between two places, with `cost` for entering it.
    fn add_phone(&mut self, topology: &Topology, phone: u32, entry: u32, exit: u32, cost: f64) {
        let first = self.places.len();
        let states = topology.phones[phone as usize].states().len();
        self.places.resize(first + states, Place::default());
        for arc in topology.arcs(phone) {
            let place = |state: usize| (first + state) as u32;
            let next = match arc.next {
                Next::State(state) => place(state),
                Next::Exit => exit,
            };
            let entering = if arc.from.is_none() { cost } else { 0.0 };
            let weight = arc.cost + entering;
            self.add_arc(arc.from.map_or(entry, place), Arc { next, input: arc.input, output: 0, weight });
        }
    }
}

/// The nodes of the tree of phones; each precedes its children, the root is first.
fn phone_tree(lexicon: &Lexicon, look_ahead: impl Fn(u32) -> f64) -> Result<Vec<Node>, Error> {
    let node = || Node { ahead: f64::INFINITY, ..Node::default() };
    let mut nodes = vec![node()];
    for pronunciation in lexicon.pronunciations() {
        let word = pronunciation.word;
        let ahead = finite(look_ahead(word), || format!("the look-ahead cost of word {word}"))?;
        let mut at = 0;
        for phone in &pronunciation.phones {
            let fresh = nodes.len();
            at = *nodes[at].children.entry(*phone).or_insert(fresh);
            if at == fresh {
                nodes.push(node());
            }
            nodes[at].ahead = nodes[at].ahead.min(ahead);
        }
        nodes[at].words.push((word, pronunciation.cost));
    }
    Ok(nodes)
}

/// The network that a tree and a language model make: one copy of the tree for each state of the model, made where the search
/// goes.
#[derive(Clone, Copy, Debug)]
pub struct TreeNetwork<'a, M> {
    /// The tree.
    pub tree: &'a Tree,
    /// The language model.
    pub model: &'a M,
}

/// A place in the tree, and the language model's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreeState<S> {
    place: u32,
    words: S,
}

impl<M: WordModel> Network for TreeNetwork<'_, M> {
    type State = TreeState<M::State>;

    fn start(&self) -> Self::State {
        TreeState { place: ROOT, words: self.model.start() }
    }

    fn emitting(&self, state: Self::State, mut visit: impl FnMut(Arc<Self::State>)) {
        let TreeState { place, words } = state;
        for &Arc { next, input, output, weight } in &self.tree.places[place as usize].emitting {
            visit(Arc { next: TreeState { place: next, words }, input, output, weight });
        }
    }

    fn epsilon(&self, state: Self::State, mut visit: impl FnMut(Arc<Self::State>)) {
        let Place { epsilon, words: ending, .. } = &self.tree.places[state.place as usize];
        for &Arc { next, input, output, weight } in epsilon {
            visit(Arc { next: TreeState { place: next, words: state.words }, input, output, weight });
        }
        for &(word, cost) in ending {
            let (words, model_cost) = self.model.advance(state.words, word);
            if model_cost < f64::INFINITY {
                let next = TreeState { place: ROOT, words };
                visit(Arc { next, input: 0, output: word, weight: cost + model_cost });
            }
        }
    }

    fn final_cost(&self, state: Self::State) -> f64 {
        match state.place {
            WORDS => self.model.finish(state.words),
            _ => f64::INFINITY,
        }
    }

    fn outputs(&self) -> usize {
        self.tree.outputs
    }

    fn labels(&self) -> Labels {
        Labels::AtEnd
    }

    fn silence(&self) -> Option<u32> {
        self.tree.silence_label
    }
}
