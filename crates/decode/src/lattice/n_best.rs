//! The best distinct word sequences.

use super::{Lattice, LatticeArc, Path};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// The lowest cost of reaching each of some nodes with the same words.
type Costs = BTreeMap<usize, f64>;

/// The words that a hypothesis begins with.
struct Prefix {
    /// The lowest cost of a path through the lattice that begins so. No path is cheaper, so the first complete hypothesis that is
    /// taken from the heap is the best that is left.
    estimate: f64,
    /// Its number in the order of creation.
    number: usize,
    words: Vec<u32>,
    /// Empty if the words are all of a path's.
    nodes: Costs,
}

impl Lattice {
    /// The `n` best distinct word sequences, or all if there are fewer, best first, each with its best path.
    ///
    /// Exact: an A* search (Soong & Huang 1991) over prefixes of word sequences, where a prefix carries all nodes that it may have
    /// reached. These sets determinise the lattice as far as the search needs it. The estimate of the remaining cost is exact, so
    /// the search extends only prefixes of sequences that it returns, up to ties.
    pub fn n_best(&self, n: usize) -> Vec<Path> {
        let rest = self.costs_to_end(LatticeArc::cost);
        let end = self.nodes.len() - 1;
        let mut heap = BinaryHeap::from([Prefix {
            estimate: rest[0],
            number: 0,
            words: Vec::new(),
            nodes: BTreeMap::from([(0, 0.0)]),
        }]);
        let mut created = 0;
        let mut best = Vec::new();
        while best.len() < n {
            let Some(Prefix { words, nodes, .. }) = heap.pop() else { break };
            if nodes.is_empty() {
                best.extend(self.path_of(&words));
                continue;
            }
            let nodes = self.without_words(nodes);
            let mut longer: BTreeMap<u32, Costs> = BTreeMap::new();
            for (&node, cost) in &nodes {
                for arc in self.leaving(node).iter().filter(|arc| arc.word > 0) {
                    improve(longer.entry(arc.word).or_default(), arc.to, cost + arc.cost());
                }
            }
            let complete = nodes.get(&end).map(|cost| (*cost, words.clone(), Costs::new()));
            let longer = longer.into_iter().map(|(word, nodes)| {
                let estimate =
                    nodes.iter().map(|(node, cost)| cost + rest[*node]).fold(f64::INFINITY, f64::min);
                (estimate, words.iter().copied().chain([word]).collect(), nodes)
            });
            for (estimate, words, nodes) in complete.into_iter().chain(longer) {
                created += 1;
                heap.push(Prefix { estimate, number: created, words, nodes });
            }
        }
        best
    }

    /// The best path with exactly these words, if there is one.
    pub fn path_of(&self, words: &[u32]) -> Option<Path> {
        let end = self.nodes.len() - 1;
        // rest[node][said] is the lowest cost from the node to the end when `said` words precede it.
        let mut rest = vec![f64::INFINITY; self.nodes.len() * (words.len() + 1)];
        let place = |node: usize, said: usize| node * (words.len() + 1) + said;
        rest[place(end, words.len())] = 0.0;
        let after = |said: usize, word: u32| match word {
            0 => Some(said),
            _ => (words.get(said) == Some(&word)).then_some(said + 1),
        };
        for arc in self.arcs.iter().rev() {
            for said in 0..=words.len() {
                if let Some(then) = after(said, arc.word) {
                    let cost = arc.cost() + rest[place(arc.to, then)];
                    let best = &mut rest[place(arc.from, said)];
                    *best = best.min(cost);
                }
            }
        }
        rest[place(0, 0)].is_finite().then(|| {
            let (mut node, mut said) = (0, 0);
            self.path(std::iter::from_fn(|| {
                let next = self.leaving(node).iter().filter_map(|arc| Some((arc, after(said, arc.word)?)));
                let cost =
                    |(arc, then): &(&super::LatticeArc, usize)| arc.cost() + rest[place(arc.to, *then)];
                let (arc, then) = next.min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
                (node, said) = (arc.to, then);
                Some(arc)
            }))
        })
    }

    /// Adds the nodes that are reached without a further word.
    fn without_words(&self, mut open: Costs) -> Costs {
        let mut reached = Costs::new();
        while let Some((node, cost)) = open.pop_first() {
            reached.insert(node, cost);
            for arc in self.leaving(node).iter().filter(|arc| arc.word == 0) {
                improve(&mut open, arc.to, cost + arc.cost());
            }
        }
        reached
    }
}

fn improve(costs: &mut Costs, node: usize, cost: f64) {
    let best = costs.entry(node).or_insert(cost);
    *best = best.min(cost);
}

/// The lowest estimate is the greatest; of equal ones the earliest.
impl Ord for Prefix {
    fn cmp(&self, other: &Self) -> Ordering {
        other.estimate.total_cmp(&self.estimate).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Prefix {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Prefix {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Prefix {}
