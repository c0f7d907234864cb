//! A prefix tree of pronunciations, with a language model applied before the last phone of words (Ney & Ortmanns 1999; across
//! words: Sixtus & Ney 2002, "From within-word model search to across-word model search in large vocabulary continuous speech
//! recognition", Computer Speech and Language 16(2)).

mod build;
mod places;
mod prefixes;

use super::{Lexicon, Topology};
use crate::error::Error;
use crate::network::{Arc, Labels, Network};
use crate::word_model::WordModel;
use build::Building;
use places::{Places, Way, WordArc};

/// Where every path begins.
const START: u32 = 0;

/// The tree, without a language model: its places and how they are connected. Pronunciations share their common beginnings, and
/// their last phones.
///
/// A phone's model depends on the phones beside it, also on those of the words before and after:
///
/// - The first phone of a word exists once for each sequence of outputs that it can have after any phone. All of these lead on to
///   the same inner phones.
/// - A word is recognised, and the language model asked, before its last phone. So last phones are shared by all words with the
///   same last two phones. There is one for each sequence of outputs that it can have, and the word after it must begin with one
///   of the phones before which it has these.
/// - A pause is a neighbour like any other phone, as it is where the senones were made from alignments. The edge of the utterance
///   is the phone that [`Topology::tied`] names.
///
/// Where the outputs do not depend on the neighbours, all of these are one.
#[derive(Clone, Debug)]
pub struct Tree {
    places: Places,
    outputs: usize,
    silence_label: Option<u32>,
    end_label: u32,
}

impl Tree {
    /// The tree of a lexicon.
    ///
    /// `look_ahead` estimates the language model's cost of a word without its context, for example by unigrams. The least estimate of
    /// all words that a place may still become is charged on the way there, and what was charged is given back where the word is
    /// known (smeared look-ahead, Steinbiss et al. 1994; Ortmanns & Ney 2000). Costs of whole words do not change, but unlikely
    /// words leave the beam earlier. With `|_| 0.0` there is no look-ahead.
    ///
    /// # Errors
    /// If a look-ahead cost is not finite, or a triphone has another number of outputs than its phone has states.
    pub fn new(
        lexicon: &Lexicon,
        topology: &Topology,
        look_ahead: impl Fn(u32) -> f64,
    ) -> Result<Self, Error> {
        let places = Building::new(lexicon, topology, look_ahead)?.finish()?;
        Ok(Self {
            outputs: places.inputs() as usize,
            places,
            silence_label: lexicon.silence().map(|_| lexicon.silence_label()),
            end_label: lexicon.end_label(),
        })
    }

    /// How many places it has.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Always false: a tree has a start.
    pub fn is_empty(&self) -> bool {
        self.places.len() == 0
    }

    /// How many arcs connect the places.
    pub fn arcs(&self) -> usize {
        self.places.arcs()
    }

    /// How many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.places.bytes()
    }
}

/// The network that a tree and a language model make: one copy of the tree for each state of the model, made where the search
/// goes.
#[derive(Clone, Copy, Debug)]
pub struct TreeNetwork<'a, M> {
    /// The tree.
    pub tree: &'a Tree,
    /// The language model.
    pub model: M,
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
        TreeState { place: START, words: self.model.start() }
    }

    fn emitting(&self, state: Self::State, mut visit: impl FnMut(Arc<Self::State>)) {
        let TreeState { place, words } = state;
        for &Way { next, label, weight } in self.tree.places.emitting(place) {
            visit(Arc { next: TreeState { place: next, words }, input: label, output: 0, weight });
        }
    }

    fn epsilon(&self, state: Self::State, mut visit: impl FnMut(Arc<Self::State>)) {
        let TreeState { place, words } = state;
        for &Way { next, label, weight } in self.tree.places.epsilon(place) {
            visit(Arc { next: TreeState { place: next, words }, input: 0, output: label, weight });
        }
        for &WordArc { word, next, cost } in self.tree.places.words(place) {
            let (words, model_cost) = self.model.advance(words, word);
            if model_cost < f64::INFINITY {
                let next = TreeState { place: next, words };
                visit(Arc { next, input: 0, output: word, weight: cost + model_cost });
            }
        }
    }

    fn rank(&self, state: Self::State) -> Option<u32> {
        self.tree.places.rank(state.place)
    }

    fn number(&self, _state: Self::State) -> Option<usize> {
        None
    }

    fn final_cost(&self, state: Self::State) -> f64 {
        match self.tree.places.final_cost(state.place) {
            f64::INFINITY => f64::INFINITY,
            cost => cost + self.model.finish(state.words),
        }
    }

    fn outputs(&self) -> usize {
        self.tree.outputs
    }

    fn labels(&self) -> Labels {
        Labels::Within { end: self.tree.end_label }
    }

    fn silence(&self) -> Option<u32> {
        self.tree.silence_label
    }
}
