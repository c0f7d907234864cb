//! From tokens and links to words (Ortmanns, Ney & Aubert 1997).

use super::{Lattice, LatticeArc, LatticeNode, Path, Word};
use crate::network::Labels;
use crate::search::{Frame, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// How labels of links are read as words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) labels: Labels,
    /// A label that marks pauses.
    pub(crate) silence: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    graph: f64,
    acoustic: f64,
}

impl Cost {
    const ZERO: Self = Self { graph: 0.0, acoustic: 0.0 };

    fn plus(self, graph: f64, acoustic: f64) -> Self {
        Self { graph: self.graph + graph, acoustic: self.acoustic + acoustic }
    }

    fn total(self) -> f64 {
        self.graph + self.acoustic
    }
}

/// The tokens and links of all frames in one numbering, in which every link leads to a higher number.
struct Tokens {
    frames: Vec<usize>,
    /// The first link of each token, and the number of links.
    first: Vec<usize>,
    links: Vec<TokenLink>,
    /// The cost of ending in a token.
    ends: BTreeMap<usize, f64>,
}

struct TokenLink {
    to: usize,
    output: u32,
    cost: Cost,
}

/// Costs of the best ways from one place to others, each with its word.
type Reached = BTreeMap<(usize, u32), Cost>;

impl Reading {
    /// The words of the paths that lead from the first token of the first frame to `ends`, each with its final cost. `first_frame`
    /// is the number of the first frame.
    pub(crate) fn lattice(&self, frames: &[Frame], first_frame: usize, ends: &[(u32, f64)]) -> Lattice {
        let tokens = Tokens::new(frames, first_frame, ends);
        // Nodes are places: tokens between words, by their number, and the end, which follows them all.
        let end = tokens.frames.len();
        let mut arcs = Vec::new();
        let mut places = BTreeSet::from([0, end]);
        let mut at = Some(0);
        while let Some(from) = at {
            for ((to, word), cost) in self.reached(&tokens, from) {
                places.insert(to);
                arcs.push((from, to, word, cost));
            }
            at = places.range(from + 1..end).next().copied();
        }
        let last_frame = first_frame + frames.len() - 1;
        let frame = |place: &usize| tokens.frames.get(*place).copied().unwrap_or(last_frame);
        let nodes = places.iter().map(|place| LatticeNode { frame: frame(place) }).collect();
        let numbers: BTreeMap<usize, usize> = places.iter().copied().zip(0..).collect();
        let arcs = arcs.into_iter().map(|(from, to, word, Cost { graph, acoustic })| LatticeArc {
            from: numbers[&from],
            to: numbers[&to],
            word,
            graph,
            acoustic,
        });
        Lattice::from_sorted(nodes, arcs.collect())
    }

    /// The places that are one word, one pause or the end away from `place`.
    fn reached(&self, tokens: &Tokens, place: usize) -> Reached {
        let end = tokens.frames.len();
        let mut reached = Reached::new();
        match self.labels {
            Labels::AtEnd => tokens.explore(BTreeMap::from([(place, Cost::ZERO)]), |token, cost| {
                for link in tokens.leaving(token).iter().filter(|link| link.output > 0) {
                    improve(
                        &mut reached,
                        (link.to, self.word(link.output)),
                        cost.plus(link.cost.graph, link.cost.acoustic),
                    );
                }
                if let Some(final_cost) = tokens.ends.get(&token) {
                    improve(&mut reached, (end, 0), cost.plus(*final_cost, 0.0));
                }
            }),
            Labels::AtStart => {
                let mut begun: BTreeMap<u32, BTreeMap<usize, Cost>> = BTreeMap::new();
                for link in tokens.leaving(place).iter().filter(|link| link.output > 0) {
                    improve(begun.entry(self.word(link.output)).or_default(), link.to, link.cost);
                }
                // What precedes the first word has no label.
                if place == 0 {
                    improve(begun.entry(0).or_default(), place, Cost::ZERO);
                }
                for (word, from) in begun {
                    tokens.explore(from, |token, cost| {
                        if token != place && tokens.leaving(token).iter().any(|link| link.output > 0) {
                            improve(&mut reached, (token, word), cost);
                        }
                        if let Some(final_cost) = tokens.ends.get(&token) {
                            improve(&mut reached, (end, word), cost.plus(*final_cost, 0.0));
                        }
                    });
                }
            }
            Labels::Within { end: label_of_ends } => {
                let mut begun: BTreeMap<u32, BTreeMap<usize, Cost>> = BTreeMap::new();
                tokens.explore(BTreeMap::from([(place, Cost::ZERO)]), |token, cost| {
                    for link in tokens.leaving(token).iter().filter(|link| link.output > 0) {
                        let cost = cost.plus(link.cost.graph, link.cost.acoustic);
                        match link.output == label_of_ends {
                            // The label was settled with earlier frames.
                            true => improve(&mut reached, (link.to, 0), cost),
                            false => {
                                improve(begun.entry(self.word(link.output)).or_default(), link.to, cost);
                            }
                        }
                    }
                    if let Some(final_cost) = tokens.ends.get(&token) {
                        improve(&mut reached, (end, 0), cost.plus(*final_cost, 0.0));
                    }
                });
                for (word, from) in begun {
                    tokens.explore(from, |token, cost| {
                        for link in tokens.leaving(token).iter().filter(|link| link.output == label_of_ends) {
                            improve(
                                &mut reached,
                                (link.to, word),
                                cost.plus(link.cost.graph, link.cost.acoustic),
                            );
                        }
                        if let Some(final_cost) = tokens.ends.get(&token) {
                            improve(&mut reached, (end, word), cost.plus(*final_cost, 0.0));
                        }
                    });
                }
            }
        }
        reached
    }

    /// The word that a label stands for; 0 for none.
    fn word(&self, label: u32) -> u32 {
        if Some(label) == self.silence { 0 } else { label }
    }

    /// The words along one path over `frames`.
    pub(crate) fn path(&self, steps: &[Step], frames: Range<usize>) -> Path {
        let mut path = Path { words: Vec::new(), graph: 0.0, acoustic: 0.0 };
        let mut open = Word { word: 0, frames: frames.clone(), graph: 0.0, acoustic: 0.0 };
        let close = |open: &mut Word, word: u32, at: usize, path: &mut Path| {
            let next = Word { word: 0, frames: at..frames.end, graph: 0.0, acoustic: 0.0 };
            let mut closed = std::mem::replace(open, next);
            (closed.word, closed.frames.end) = (self.word(word), at);
            if closed.word > 0 {
                path.words.push(closed);
            }
        };
        // The label of the open word, once it is known.
        let mut spoken = 0;
        for Step { frame, emits, link } in steps {
            let (graph, acoustic) = (link.graph, f64::from(link.acoustic));
            path.graph += graph;
            path.acoustic += acoustic;
            if self.labels == Labels::AtStart && link.output > 0 {
                close(&mut open, spoken, frames.start + frame, &mut path);
                spoken = link.output;
            }
            open.graph += graph;
            open.acoustic += acoustic;
            let after = frames.start + frame + usize::from(*emits);
            match self.labels {
                Labels::AtEnd if link.output > 0 => close(&mut open, link.output, after, &mut path),
                Labels::Within { end } if link.output == end => {
                    close(&mut open, std::mem::take(&mut spoken), after, &mut path);
                }
                Labels::Within { .. } if link.output > 0 => spoken = link.output,
                _ => {}
            }
        }
        close(&mut open, spoken, frames.end, &mut path);
        path
    }
}

impl Tokens {
    fn new(frames: &[Frame], first_frame: usize, ends: &[(u32, f64)]) -> Self {
        let mut tokens =
            Self { frames: Vec::new(), first: Vec::new(), links: Vec::new(), ends: BTreeMap::new() };
        let mut numbers = numbers(frames.first(), 0);
        let mut links: Vec<(usize, TokenLink)> = Vec::new();
        for (number, frame) in frames.iter().enumerate() {
            let place = tokens.frames.len();
            tokens.frames.resize(place + frame.costs.len(), first_frame + number);
            let later = self::numbers(frames.get(number + 1), tokens.frames.len());
            let onward = frame.emitting.iter().map(|link| (link, &later));
            for (link, ends) in frame.epsilon.iter().map(|link| (link, &numbers)).chain(onward) {
                let (to, output) = (ends[link.to as usize], link.output);
                let cost = Cost { graph: link.graph, acoustic: link.acoustic.into() };
                links.push((numbers[link.from as usize], TokenLink { to, output, cost }));
            }
            if number + 1 == frames.len() {
                tokens.ends = ends.iter().map(|(token, cost)| (numbers[*token as usize], *cost)).collect();
            }
            numbers = later;
        }
        links.sort_by_key(|(from, link)| (*from, link.to));
        tokens.first =
            (0..=tokens.frames.len()).map(|token| links.partition_point(|(from, _)| *from < token)).collect();
        tokens.links = links.into_iter().map(|(_, link)| link).collect();
        tokens
    }

    fn leaving(&self, token: usize) -> &[TokenLink] {
        &self.links[self.first[token]..self.first[token + 1]]
    }

    /// Calls `visit` with each token that is reached from these by links without label, and with the lowest cost of reaching it,
    /// in order.
    fn explore(&self, mut open: BTreeMap<usize, Cost>, mut visit: impl FnMut(usize, Cost)) {
        while let Some((token, cost)) = open.pop_first() {
            visit(token, cost);
            for link in self.leaving(token).iter().filter(|link| link.output == 0) {
                improve(&mut open, link.to, cost.plus(link.cost.graph, link.cost.acoustic));
            }
        }
    }
}

/// The numbers of a frame's tokens, counted from `first`, so that links without input lead to higher ones.
fn numbers(frame: Option<&Frame>, first: usize) -> Vec<usize> {
    let Some(frame) = frame else { return Vec::new() };
    // How many links may lead to each token, one after the other. Links come after those that lead to their first token.
    let mut depths = vec![0_u32; frame.costs.len()];
    for link in &frame.epsilon {
        depths[link.to as usize] = depths[link.to as usize].max(1 + depths[link.from as usize]);
    }
    let mut order: Vec<usize> = (0..depths.len()).collect();
    order.sort_by_key(|token| depths[*token]);
    let mut numbers = vec![0; depths.len()];
    order.into_iter().zip(first..).for_each(|(token, number)| numbers[token] = number);
    numbers
}

/// Keeps the lower cost.
fn improve<K: Ord>(costs: &mut BTreeMap<K, Cost>, key: K, cost: Cost) {
    let best = costs.entry(key).or_insert(cost);
    if cost.total() < best.total() {
        *best = cost;
    }
}
