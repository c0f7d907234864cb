//! Lattices: graphs of words with times and costs.

mod confidence;
mod draw;
mod n_best;
mod oracle;
mod posteriors;
mod reading;
mod word_graph;
mod words;

pub use oracle::OracleErrors;
pub use posteriors::Posteriors;
pub(crate) use reading::Reading;

use crate::error::{Error, finite};
use std::ops::Range;

/// A point in time between words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatticeNode {
    /// How many frames precede it.
    pub frame: usize,
}

/// A word, a pause, or the frames after the last word, between two nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatticeArc {
    /// The node where it begins.
    pub from: usize,
    /// The node where it ends; always a later one.
    pub to: usize,
    /// The word's label; 0 if it is no word.
    pub word: u32,
    /// Cost of words, pronunciations and transitions, with the final cost where it leads to the end.
    pub graph: f64,
    /// Acoustic cost.
    pub acoustic: f64,
}

impl LatticeArc {
    /// Graph and acoustic cost.
    pub fn cost(&self) -> f64 {
        self.graph + self.acoustic
    }
}

/// Other costs for the paths of a lattice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rescoring {
    /// What acoustic costs are multiplied by.
    pub acoustic: f64,
    /// Nats added for each word.
    pub word: f64,
}

impl Rescoring {
    /// The costs of the search.
    pub const NONE: Self = Self { acoustic: 1.0, word: 0.0 };

    fn cost(self, arc: &LatticeArc) -> f64 {
        let word = if arc.word > 0 { self.word } else { 0.0 };
        arc.graph + word + self.acoustic * arc.acoustic
    }
}

/// Alternative word sequences of the same frames: an acyclic graph, in which every path leads from the first node to the last.
///
/// Between two nodes there is at most one arc of a word: the best way to speak it in these frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Lattice {
    nodes: Vec<LatticeNode>,
    /// Sorted by `from`.
    arcs: Vec<LatticeArc>,
    /// The first arc of each node, and the number of arcs.
    first: Vec<usize>,
}

/// A word that was recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// Its label.
    pub word: u32,
    /// Its frames.
    pub frames: Range<usize>,
    /// Graph cost.
    pub graph: f64,
    /// Acoustic cost.
    pub acoustic: f64,
}

/// A path through a lattice.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Its words in their order.
    pub words: Vec<Word>,
    /// Graph cost of the whole path, with pauses and the final cost.
    pub graph: f64,
    /// Acoustic cost of the whole path.
    pub acoustic: f64,
}

impl Path {
    /// Graph and acoustic cost.
    pub fn cost(&self) -> f64 {
        self.graph + self.acoustic
    }

    /// The labels of its words.
    pub fn labels(&self) -> Vec<u32> {
        self.words.iter().map(|word| word.word).collect()
    }
}

impl Lattice {
    /// A lattice of these nodes and arcs, which are sorted by where they begin.
    ///
    /// # Errors
    /// If an end of an arc does not exist, an arc leads to an earlier node or frame, a cost is not finite, or a node is not on a
    /// path from the first node to the last.
    pub fn new(nodes: Vec<LatticeNode>, mut arcs: Vec<LatticeArc>) -> Result<Self, Error> {
        for (index, arc) in arcs.iter().enumerate() {
            let to = nodes.get(arc.to);
            let to = to.ok_or(Error::OutOfRange {
                what: "node",
                index: arc.to as u64,
                count: nodes.len() as u64,
            })?;
            if arc.from >= arc.to || nodes[arc.from].frame > to.frame {
                let (what, found) = (format!("the end of arc {index}"), arc.to as f64);
                return Err(Error::Value {
                    what,
                    found,
                    expected: "a later node, of the same or a later frame",
                });
            }
            finite(arc.cost(), || format!("the cost of arc {index}"))?;
        }
        let last = nodes.len().checked_sub(1).ok_or(Error::Empty { what: "a lattice".into() })?;
        let (mut is_reached, mut is_left) = (vec![false; nodes.len()], vec![false; nodes.len()]);
        (is_reached[0], is_left[last]) = (true, true);
        for arc in &arcs {
            (is_left[arc.from], is_reached[arc.to]) = (true, true);
        }
        if let Some(node) = (0..nodes.len()).find(|node| !(is_left[*node] && is_reached[*node])) {
            let what = "the number of a node that no path from the first to the last passes".into();
            return Err(Error::Value { what, found: node as f64, expected: "no such node" });
        }
        arcs.sort_by_key(|arc| (arc.from, arc.to, arc.word));
        Ok(Self::from_sorted(nodes, arcs))
    }

    fn from_sorted(nodes: Vec<LatticeNode>, arcs: Vec<LatticeArc>) -> Self {
        let first = (0..=nodes.len()).map(|node| arcs.partition_point(|arc| arc.from < node)).collect();
        Self { nodes, arcs, first }
    }

    /// All nodes; every path leads from the first to the last.
    pub fn nodes(&self) -> &[LatticeNode] {
        &self.nodes
    }

    /// All arcs, sorted by where they begin.
    pub fn arcs(&self) -> &[LatticeArc] {
        &self.arcs
    }

    /// The arcs that begin at a node.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn leaving(&self, node: usize) -> &[LatticeArc] {
        &self.arcs[self.first[node]..self.first[node + 1]]
    }

    /// The path of the lowest cost; of equal ones always the same.
    pub fn best_path(&self) -> Path {
        self.path(self.best_arcs(LatticeArc::cost))
    }

    /// The labels of the words on the path of the lowest cost, at other costs than those of the search.
    ///
    /// Choosing scales needs no further search: a lattice with enough alternatives has the best paths at other scales too.
    pub fn best_labels(&self, rescoring: Rescoring) -> Vec<u32> {
        let arcs = self.best_arcs(|arc| rescoring.cost(arc));
        arcs.map(|arc| arc.word).filter(|word| *word > 0).collect()
    }

    /// The arcs of the path of the lowest cost.
    fn best_arcs(&self, cost: impl Fn(&LatticeArc) -> f64) -> impl Iterator<Item = &LatticeArc> {
        let rest = self.costs_to_end(&cost);
        let mut node = 0;
        std::iter::from_fn(move || {
            let through = |arc: &&LatticeArc| cost(arc) + rest[arc.to];
            let arc = self.leaving(node).iter().min_by(|a, b| through(a).total_cmp(&through(b)))?;
            node = arc.to;
            Some(arc)
        })
    }

    /// The lowest cost of a path from each node to the end.
    fn costs_to_end(&self, cost: impl Fn(&LatticeArc) -> f64) -> Vec<f64> {
        let mut rest = vec![f64::INFINITY; self.nodes.len()];
        if let Some(last) = rest.last_mut() {
            *last = 0.0;
        }
        for arc in self.arcs.iter().rev() {
            rest[arc.from] = rest[arc.from].min(cost(arc) + rest[arc.to]);
        }
        rest
    }

    /// The path of these arcs.
    fn path<'a>(&self, arcs: impl Iterator<Item = &'a LatticeArc>) -> Path {
        let mut path = Path { words: Vec::new(), graph: 0.0, acoustic: 0.0 };
        for &LatticeArc { from, to, word, graph, acoustic } in arcs {
            path.graph += graph;
            path.acoustic += acoustic;
            if word > 0 {
                let frames = self.nodes[from].frame..self.nodes[to].frame;
                path.words.push(Word { word, frames, graph, acoustic });
            }
        }
        path
    }
}
