//! Personal words: phrases that are made more likely (shallow fusion).

use crate::error::{Error, finite};
use crate::word_model::WordModel;
use std::collections::{BTreeMap, VecDeque};

/// A phrase and by how much each of its occurrences lowers a path's cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrase {
    /// Its words, at least one.
    pub words: Vec<u32>,
    /// In nats; negative to make it less likely.
    pub boost: f64,
}

/// The node of no words.
const ROOT: u32 = 0;

/// Phrases, compiled to an automaton that finds all of them in one pass over the words (Aho & Corasick 1975).
///
/// A path gets credit for a phrase while it is being said, in proportion to the words said, so that the beam does not prune it
/// before the phrase is complete. If the phrase comes to nothing, the credit is taken back. To this end each node of the
/// automaton has a potential, the credit that paths in it hold, and an arc costs the difference of potentials. These add up to
/// nothing along any path that begins and ends without credit: a whole path is changed by the phrases that it completes and by
/// nothing else.
#[derive(Clone, Debug)]
pub struct Phrases {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    next: BTreeMap<u32, u32>,
    /// The node of the longest proper suffix that begins a phrase.
    failure: u32,
    /// The credit for phrases that have begun.
    potential: f64,
    /// The boosts of all phrases that end here.
    completed: f64,
}

// No phrase.
impl Default for Phrases {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl Phrases {
    /// Compiles phrases. A phrase that is listed twice has the sum of both boosts.
    ///
    /// # Errors
    /// If a phrase has no word, or a boost is not finite.
    pub fn new(phrases: &[Phrase]) -> Result<Self, Error> {
        let mut nodes = Self::default().nodes;
        for (number, Phrase { words, boost }) in phrases.iter().enumerate() {
            finite(*boost, || format!("the boost of phrase {number}"))?;
            if words.is_empty() {
                return Err(Error::Empty { what: format!("phrase {number}") });
            }
            let mut at = ROOT as usize;
            for (said, word) in words.iter().enumerate() {
                let credit = boost * said as f64 / words.len() as f64;
                nodes[at].potential = nodes[at].potential.max(credit);
                let fresh = nodes.len() as u32;
                at = *nodes[at].next.entry(*word).or_insert(fresh) as usize;
                if at == fresh as usize {
                    nodes.push(Node::default());
                }
            }
            nodes[at].completed += boost;
        }
        let mut phrases = Self { nodes };
        phrases.link_failures();
        Ok(phrases)
    }

    /// Breadth first, since a failure arc leads to a node of fewer words.
    fn link_failures(&mut self) {
        let mut queue: VecDeque<u32> = self.nodes[ROOT as usize].next.values().copied().collect();
        while let Some(node) = queue.pop_front() {
            let Node { next, failure, .. } = self.nodes[node as usize].clone();
            self.nodes[node as usize].completed += self.nodes[failure as usize].completed;
            for (word, child) in next {
                self.nodes[child as usize].failure = self.follow(failure, word);
                queue.push_back(child);
            }
        }
    }

    /// The longest beginning of a phrase with which the words end, after one more word.
    fn follow(&self, mut node: u32, word: u32) -> u32 {
        loop {
            let here = &self.nodes[node as usize];
            match here.next.get(&word) {
                Some(next) => return *next,
                None if node == ROOT => return ROOT,
                None => node = here.failure,
            }
        }
    }

    /// The node after one more word, and the cost of going there.
    fn advance(&self, from: u32, word: u32) -> (u32, f64) {
        let to = self.follow(from, word);
        let (before, after) = (&self.nodes[from as usize], &self.nodes[to as usize]);
        (to, before.potential - after.potential - after.completed)
    }
}

/// A language model with phrases made more likely.
#[derive(Clone, Copy, Debug)]
pub struct Boosted<'a, M> {
    /// The language model.
    pub model: M,
    /// The phrases.
    pub phrases: &'a Phrases,
}

/// The state of a [`Boosted`] model: the inner model's, and the phrase that is being said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BoostedState<S> {
    inner: S,
    node: u32,
}

impl<M: WordModel> WordModel for Boosted<'_, M> {
    type State = BoostedState<M::State>;

    fn start(&self) -> Self::State {
        BoostedState { inner: self.model.start(), node: ROOT }
    }

    fn advance(&self, state: Self::State, word: u32) -> (Self::State, f64) {
        let (inner, cost) = self.model.advance(state.inner, word);
        let (node, boost) = self.phrases.advance(state.node, word);
        (BoostedState { inner, node }, cost + boost)
    }

    fn finish(&self, state: Self::State) -> f64 {
        self.model.finish(state.inner) + self.phrases.nodes[state.node as usize].potential
    }
}
