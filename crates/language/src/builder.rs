//! Lays the n-grams of a model out, order by order.

use crate::entry::Entry;
use crate::model::Nodes;
use crate::{Error, Model, Vocabulary, WordId};

/// Makes a [`Model`] from all 1-grams, then all 2-grams and so on.
#[derive(Debug)]
pub(crate) struct Builder {
    vocabulary: Vocabulary,
    nodes: Nodes,
}

/// The n-gram that [`Builder::push_or_repeated`] found twice: the place of the second among the entries.
#[derive(Debug)]
pub(crate) struct Repeated(pub(crate) usize);

impl Builder {
    /// The node of the empty history.
    pub(crate) const ROOT: u32 = 0;

    pub(crate) fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary, nodes: Nodes::root() }
    }

    /// The n-gram of a history's node and a word, both of orders that were pushed.
    pub(crate) fn child(&self, history: u32, word: WordId) -> Option<u32> {
        self.nodes.child(history, word)
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The words of a node's n-gram.
    pub(crate) fn ngram(&self, node: u32) -> Vec<WordId> {
        self.nodes.ngram(node as usize, &self.nodes.parents())
    }

    pub(crate) fn set_backoff(&mut self, node: u32, backoff: f32) {
        self.nodes.backoffs[node as usize] = backoff;
    }

    /// Adds all n-grams of the next order, in any order and each once; histories are nodes of the order before. The 1-grams
    /// are all words of the vocabulary. Returns the node of each entry.
    ///
    /// # Errors
    /// [`Error::TooManyNgrams`].
    pub(crate) fn push(&mut self, entries: &[Entry]) -> Result<Vec<u32>, Error> {
        let (places, _) = self.push_or_repeated(entries)?;
        Ok(places)
    }

    /// Like [`Builder::push`], but also returns an entry that is there twice.
    pub(crate) fn push_or_repeated(
        &mut self,
        entries: &[Entry],
    ) -> Result<(Vec<u32>, Option<Repeated>), Error> {
        let start = self.nodes.len();
        // The last number is left for the end of the last node's children.
        if start + entries.len() >= u32::MAX as usize {
            return Err(Error::TooManyNgrams);
        }
        let key = |index: u32| (entries[index as usize].history, entries[index as usize].word);
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        order.sort_by_key(|&index| key(index));
        let repeated = order.windows(2).filter(|pair| key(pair[0]) == key(pair[1]));
        let repeated = repeated.map(|pair| pair[1] as usize).min().map(Repeated);
        let mut places = vec![0; entries.len()];
        for (rank, &index) in order.iter().enumerate() {
            places[index as usize] = (start + rank) as u32;
        }
        self.nodes.push_level(order.iter().map(|&index| entries[index as usize]));
        Ok((places, repeated))
    }

    pub(crate) fn finish(self) -> Model {
        Model { vocabulary: self.vocabulary, nodes: self.nodes.finish() }
    }
}
