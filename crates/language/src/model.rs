//! A back-off n-gram model.

use crate::entry::Entry;
use crate::{Vocabulary, WordId};

/// The most words that an n-gram may have.
pub const MAX_ORDER: usize = 16;

/// A back-off n-gram model:
///
/// p(w | h) is that of the n-gram h w if the model contains it, and otherwise b(h) p(w | h′), with the back-off weight b, which
/// is 1 for histories that the model does not contain, and h′, the history without its first word.
///
/// The model is a tree of n-grams with 20 bytes for each: the children of a history are the n-grams that add a word to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) nodes: Nodes,
}

/// What a model remembers of the words before the next one: the longest history that makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State(u32);

/// An n-gram of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Ngram {
    /// Its words, oldest first.
    pub words: Vec<WordId>,
    /// log10 of the probability of its last word after the others.
    pub log_prob: f32,
    /// log10 of its back-off weight as a history; 0 if the model does not contain a longer n-gram that begins with it.
    pub backoff: f32,
}

impl Model {
    /// The log10 that stands for a probability of 0 in ARPA files: that of `<s>`.
    pub const LOG_ZERO: f32 = -99.0;

    /// Length of the longest n-grams, in words.
    #[must_use]
    pub fn order(&self) -> usize {
        self.nodes.levels.len() - 1
    }

    /// Number of n-grams of an order from 1; 0 beyond [`Model::order`].
    #[must_use]
    pub fn len_of(&self, order: usize) -> usize {
        if (1..=self.order()).contains(&order) { self.nodes.level(order).len() } else { 0 }
    }

    /// The words.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The state without a history.
    #[must_use]
    pub fn empty(&self) -> State {
        State(0)
    }

    /// The state at the beginning of a sentence.
    #[must_use]
    pub fn start(&self) -> State {
        self.advance(self.empty(), WordId::BEGIN).0
    }

    /// The state after a word, and log10 of the word's probability.
    ///
    /// # Panics
    /// If the word is not of this model's vocabulary.
    #[must_use]
    pub fn advance(&self, state: State, word: WordId) -> (State, f64) {
        let (node, log_prob) = self.nodes.find(state.0, word);
        (State(self.nodes.shortest(node)), log_prob)
    }

    /// log10 of the probability that the sentence ends.
    #[must_use]
    pub fn finish(&self, state: State) -> f64 {
        self.nodes.find(state.0, WordId::END).1
    }

    /// log10 of the probability of a word after others, oldest first. They begin with [`WordId::BEGIN`] if they are the
    /// beginning of a sentence.
    ///
    /// # Panics
    /// If a word is not of this model's vocabulary.
    #[must_use]
    pub fn score(&self, history: &[WordId], word: WordId) -> f64 {
        let recent = &history[(history.len() + 1).saturating_sub(self.order())..];
        let state = recent.iter().fold(self.empty(), |state, &word| self.advance(state, word).0);
        self.advance(state, word).1
    }

    /// The n-grams of an order from 1, sorted by the ids of their words; none beyond [`Model::order`].
    pub fn ngrams(&self, order: usize) -> impl Iterator<Item = Ngram> {
        let range = if (1..=self.order()).contains(&order) { self.nodes.level(order) } else { 0..0 };
        let parents = self.nodes.parents();
        range.map(move |node| Ngram {
            words: self.nodes.ngram(node, &parents),
            log_prob: self.nodes.log_probs[node],
            backoff: self.nodes.backoffs[node],
        })
    }
}

/// The tree of n-grams. Node 0 is the empty history, then come the 1-grams by word, the 2-grams by history and word, and so
/// on, so that the children of each node are next to each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nodes {
    /// The last word of each n-gram.
    pub(crate) words: Vec<WordId>,
    pub(crate) log_probs: Vec<f32>,
    pub(crate) backoffs: Vec<f32>,
    /// The first child of each node. The last one is that of the next node; one more entry ends the last node's.
    first_child: Vec<u32>,
    /// The longest suffix of each n-gram that is in the tree.
    pub(crate) shorter: Vec<u32>,
    /// The first node of each order, from 0.
    levels: Vec<usize>,
}

impl Nodes {
    pub(crate) fn root() -> Self {
        Self {
            words: vec![WordId::BEGIN],
            log_probs: vec![0.0],
            backoffs: vec![0.0],
            first_child: Vec::new(),
            shorter: vec![0],
            levels: vec![0],
        }
    }

    /// Number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// The nodes of an order.
    pub(crate) fn level(&self, order: usize) -> std::ops::Range<usize> {
        self.levels[order]..self.levels.get(order + 1).copied().unwrap_or(self.len())
    }

    /// The children of a node.
    pub(crate) fn children(&self, node: u32) -> std::ops::Range<usize> {
        let end = |node: usize| self.first_child.get(node).map_or(self.len(), |&child| child as usize);
        end(node as usize)..end(node as usize + 1)
    }

    /// The child of a node with this last word.
    pub(crate) fn child(&self, node: u32, word: WordId) -> Option<u32> {
        let children = self.children(node);
        let start = children.start;
        if node == 0 {
            // Every word is a 1-gram.
            return (word.index() < children.len()).then(|| (start + word.index()) as u32);
        }
        let place = self.words[children].binary_search(&word).ok()?;
        Some((start + place) as u32)
    }

    /// The longest n-gram of a suffix of a history and a word, and the log10 of the word's probability.
    pub(crate) fn find(&self, history: u32, word: WordId) -> (u32, f64) {
        let (mut node, mut backoff) = (history, 0.0);
        loop {
            if let Some(child) = self.child(node, word) {
                return (child, backoff + f64::from(self.log_probs[child as usize]));
            }
            assert!(node != 0, "expected a word of this vocabulary, found the id {}", word.index());
            backoff += f64::from(self.backoffs[node as usize]);
            node = self.shorter[node as usize];
        }
    }

    /// The shortest suffix that has the same probabilities for all words.
    fn shortest(&self, mut node: u32) -> u32 {
        while node != 0 && self.children(node).is_empty() && self.backoffs[node as usize] == 0.0 {
            node = self.shorter[node as usize];
        }
        node
    }

    /// Adds the n-grams of the next order, sorted by history and word.
    pub(crate) fn push_level(&mut self, entries: impl Iterator<Item = Entry> + Clone) {
        let histories = self.level(self.levels.len() - 1);
        let start = self.len();
        self.levels.push(start);
        for entry in entries.clone() {
            self.words.push(entry.word);
            self.log_probs.push(entry.log_prob);
            self.backoffs.push(entry.backoff);
        }
        let mut child = start;
        let mut sorted = entries.clone().peekable();
        for history in histories {
            self.first_child.push(child as u32);
            while sorted.next_if(|entry| entry.history as usize == history).is_some() {
                child += 1;
            }
        }
        for entry in entries {
            let suffix = if entry.history == 0 {
                0
            } else {
                self.find(self.shorter[entry.history as usize], entry.word).0
            };
            self.shorter.push(suffix);
        }
    }

    /// Ends the tree.
    pub(crate) fn finish(mut self) -> Self {
        self.first_child.resize(self.len() + 1, self.len() as u32);
        self
    }

    /// The words of a node's n-gram.
    pub(crate) fn ngram(&self, mut node: usize, parents: &[u32]) -> Vec<WordId> {
        let mut words = Vec::new();
        while node != 0 {
            words.push(self.words[node]);
            node = parents[node] as usize;
        }
        words.reverse();
        words
    }

    /// The node of each n-gram without its last word.
    pub(crate) fn parents(&self) -> Vec<u32> {
        let mut parents = vec![0; self.len()];
        for node in 0..self.len() as u32 {
            parents[self.children(node)].fill(node);
        }
        parents
    }
}
