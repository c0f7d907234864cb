//! The lattice of the words that were read.

use super::{Lattice, LatticeArc, LatticeNode};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    pub(super) graph: f64,
    pub(super) acoustic: f64,
}

impl Cost {
    pub(super) const ZERO: Self = Self { graph: 0.0, acoustic: 0.0 };

    pub(super) fn plus(self, other: Self) -> Self {
        Self { graph: self.graph + other.graph, acoustic: self.acoustic + other.acoustic }
    }

    pub(super) fn total(self) -> f64 {
        self.graph + self.acoustic
    }
}

/// A way to speak a word between two places, given by numbers that grow along every path.
#[derive(Clone, Copy, Debug)]
pub(super) struct WordArc {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) word: u32,
    pub(super) cost: Cost,
}

impl WordArc {
    fn key(&self) -> (usize, usize, u32) {
        (self.from, self.to, self.word)
    }
}

/// The lattice of these arcs, from place 0 to place `end`: of several arcs with one word between two places the best, and nothing
/// that is on no path. `frame` is the number of frames before a place.
pub(super) fn word_graph(mut arcs: Vec<WordArc>, end: usize, frame: impl Fn(usize) -> usize) -> Lattice {
    arcs.sort_by(|a, b| a.key().cmp(&b.key()).then(a.cost.total().total_cmp(&b.cost.total())));
    arcs.dedup_by_key(|arc| arc.key());
    let mut places: Vec<usize> = arcs.iter().flat_map(|arc| [arc.from, arc.to]).chain([0, end]).collect();
    places.sort_unstable();
    places.dedup();
    let node = |place: usize| places.partition_point(|other| *other < place);
    // Arcs are sorted by where they begin, and lead to later places.
    let (mut is_reached, mut is_left) = (vec![false; places.len()], vec![false; places.len()]);
    is_reached[0] = true;
    for arc in &arcs {
        is_reached[node(arc.to)] |= is_reached[node(arc.from)];
    }
    is_left[places.len() - 1] = true;
    for arc in arcs.iter().rev() {
        is_left[node(arc.from)] |= is_left[node(arc.to)];
    }
    // Both ends stay, also where no path is left.
    (is_left[0], is_reached[places.len() - 1]) = (true, true);
    arcs.retain(|arc| is_reached[node(arc.from)] && is_left[node(arc.to)]);
    let mut is_kept = is_reached.iter().zip(&is_left).map(|(is_reached, is_left)| *is_reached && *is_left);
    let kept: Vec<usize> = places.iter().copied().filter(|_| is_kept.next().unwrap_or(false)).collect();
    let number = |place: usize| kept.partition_point(|other| *other < place);
    let nodes = kept.iter().map(|place| LatticeNode { frame: frame(*place) }).collect();
    let arcs = arcs.iter().map(|WordArc { from, to, word, cost }| LatticeArc {
        from: number(*from),
        to: number(*to),
        word: *word,
        graph: cost.graph,
        acoustic: cost.acoustic,
    });
    Lattice::from_sorted(nodes, arcs.collect())
}
