//! From tokens and links to words (Ortmanns, Ney & Aubert 1997): one pass over all frames.
//!
//! A place is a token between two words. Every token gets the places from which paths without a word's end lead to it, each with
//! the lowest cost of such a path, and hands them on along its links. Where a word ends, an arc of the lattice leads from each of
//! these places to the new one. So no more than two frames are looked at at any time.

use super::word_graph::{Cost, WordArc, word_graph};
use super::{Lattice, Reading};
use crate::network::Labels;
use crate::search::{Frame, Link};
use std::collections::BTreeMap;

/// By how much sums of the same costs in another order may differ.
const ROUNDING: f64 = 1e-6;

impl Reading {
    /// The words of the paths that lead from the first token of the first frame to `ends`, tokens of the last, each with its final
    /// cost. What is on no path within `beam` of the best is left out. `first_frame` is the number of the first frame; all frames
    /// are pruned.
    pub(crate) fn lattice(
        &self,
        frames: &[Frame],
        first_frame: usize,
        ends: &[(u32, f64)],
        beam: f64,
    ) -> Lattice {
        let best = ends.iter().map(|(token, cost)| last_costs(frames)[*token as usize] + cost);
        let mut pass = Pass {
            reading: *self,
            limit: beam + ROUNDING,
            best: best.fold(f64::INFINITY, f64::min),
            begun: Vec::new(),
            numbers: BTreeMap::new(),
            arcs: Vec::new(),
            merged_at: Vec::new(),
        };
        // The first token of each frame, in one numbering of all tokens, in which every link leads to a higher number.
        let mut firsts = Vec::with_capacity(frames.len());
        let mut here = Point::new(frames.first(), 0, Vec::new());
        let mut spare = Vec::new();
        for (number, frame) in frames.iter().enumerate() {
            firsts.push(here.first);
            let mut next = Point::new(frames.get(number + 1), here.first + here.order.len(), spare);
            let ends = if number + 1 == frames.len() { ends } else { &[] };
            pass.frame(frame, &mut here, &mut next, ends);
            spare = std::mem::replace(&mut here, next).heard;
        }
        let end = here.first;
        let last_frame = first_frame + frames.len() - 1;
        word_graph(pass.arcs, end, |token| match token == end {
            true => last_frame,
            false => first_frame + firsts.partition_point(|first| *first <= token) - 1,
        })
    }
}

fn last_costs(frames: &[Frame]) -> &[f64] {
    frames.last().map_or(&[], |frame| &frame.costs)
}

/// Something that began at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Begun {
    place: usize,
    /// `None` where the word's label is still to come.
    word: Option<u32>,
}

/// A path that has come to a token.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// What is open, as a place in [`Pass::begun`].
    begun: u32,
    /// The cost since then.
    cost: Cost,
}

/// The tokens of a frame during the pass.
struct Point<'a> {
    costs: &'a [f64],
    extra: &'a [f64],
    /// The number of the first token in [`Point::order`].
    first: usize,
    /// The tokens, each after all from which links within the frame lead to it.
    order: Vec<u32>,
    /// Where each token is in [`Point::order`].
    positions: Vec<u32>,
    heard: Vec<Vec<Heard>>,
    /// The cost of the best path to each token with which a word ends there; infinite if none does.
    spent: Vec<f64>,
}

impl<'a> Point<'a> {
    /// `heard` are empty lists, whose memory serves again.
    fn new(frame: Option<&'a Frame>, first: usize, mut heard: Vec<Vec<Heard>>) -> Self {
        let (costs, extra, epsilon) = match frame {
            Some(frame) => (&frame.costs[..], &frame.extra[..], &frame.epsilon[..]),
            None => (&[][..], &[][..], &[][..]),
        };
        let mut positions = vec![u32::MAX; costs.len()];
        let mut order = Vec::with_capacity(costs.len());
        for token in epsilon.iter().map(|link| link.from).chain(0..costs.len() as u32) {
            if positions[token as usize] == u32::MAX {
                positions[token as usize] = order.len() as u32;
                order.push(token);
            }
        }
        heard.resize_with(costs.len(), Vec::new);
        Self { costs, extra, first, order, positions, heard, spent: vec![f64::INFINITY; costs.len()] }
    }

    /// How much worse than the best path the best one is that goes on from a token, less the cost up to there.
    fn slack(&self, token: u32) -> f64 {
        self.extra[token as usize] - self.costs[token as usize]
    }

    /// The same before the best of these links to tokens of the frame, of those that have labels.
    fn slack_after_labels(&self, links: &[Link]) -> f64 {
        let slack = |link: &Link| link.cost() + self.slack(link.to);
        links.iter().filter(|link| link.output > 0).map(slack).fold(f64::INFINITY, f64::min)
    }

    /// A token's number among those of all frames.
    fn number(&self, token: u32) -> usize {
        self.first + self.positions[token as usize] as usize
    }
}

struct Pass {
    reading: Reading,
    /// How much worse than the best path a path may be.
    limit: f64,
    /// The cost of the best path.
    best: f64,
    /// With the cost of the best path that has come to the place.
    begun: Vec<(Begun, f64)>,
    numbers: BTreeMap<Begun, u32>,
    arcs: Vec<WordArc>,
    /// For each of [`Pass::begun`] the last token to which it came, and its place in the token's list.
    merged_at: Vec<(usize, usize)>,
}

impl Pass {
    /// Hands on what is open at each token of a frame, and ends it where paths may end, at these costs.
    fn frame(&mut self, frame: &Frame, here: &mut Point, next: &mut Point, ends: &[(u32, f64)]) {
        let mut epsilon = &frame.epsilon[..];
        let mut heard = Vec::new();
        for at in 0..here.order.len() {
            let token = here.order[at];
            let number = here.first + at;
            let first = frame.emitting.partition_point(|link| link.from < token);
            let emitting = leaving(&frame.emitting[first..], token);
            let within = leaving(epsilon, token);
            epsilon = &epsilon[within.len()..];
            self.merge(&mut here.heard[token as usize], &mut heard, number);
            let has_label = || within.iter().chain(emitting).any(|link| link.output > 0);
            let cost = here.costs[token as usize];
            match self.reading.labels {
                Labels::AtStart if number == 0 => heard.push(self.begin(number, Some(0), cost)),
                Labels::AtStart if has_label() => {
                    let onward = here.slack_after_labels(within).min(next.slack_after_labels(emitting));
                    self.close(&heard, number, onward);
                }
                Labels::AtEnd | Labels::Within { .. } if number == 0 => {
                    heard.push(self.begin(number, None, cost));
                }
                Labels::AtEnd | Labels::Within { .. } if here.spent[token as usize] < f64::INFINITY => {
                    heard.push(self.begin(number, None, here.spent[token as usize]));
                }
                _ => {}
            }
            for link in within {
                self.follow(link, &heard, (number, cost), here);
            }
            for link in emitting {
                self.follow(link, &heard, (number, cost), next);
            }
            if let Ok(end) = ends.binary_search_by_key(&token, |(token, _)| *token) {
                self.end(&mut heard, here.first + here.order.len(), ends[end].1);
            }
        }
    }

    /// What has come to the token with this number, each once, at its lowest cost.
    fn merge(&mut self, all: &mut Vec<Heard>, merged: &mut Vec<Heard>, number: usize) {
        merged.clear();
        for heard in all.drain(..) {
            let (token, place) = &mut self.merged_at[heard.begun as usize];
            if *token == number {
                let best: &mut Heard = &mut merged[*place];
                if heard.cost.total() < best.cost.total() {
                    *best = heard;
                }
            } else {
                (*token, *place) = (number, merged.len());
                merged.push(heard);
            }
        }
    }

    /// Hands on what is open at a token, given by its number and cost, along a link to a token of `to`.
    fn follow(&mut self, link: &Link, heard: &[Heard], (from, cost): (usize, f64), to: &mut Point) {
        let token = link.to as usize;
        let slack = to.slack(link.to);
        let step = Cost { graph: link.graph, acoustic: link.acoustic.into() };
        if link.output == 0 {
            for heard in heard {
                let heard = Heard { cost: heard.cost.plus(step), ..*heard };
                if self.is_near(heard, slack) {
                    to.heard[token].push(heard);
                }
            }
            return;
        }
        let word = self.reading.word(link.output);
        let ends = match self.reading.labels {
            Labels::AtStart => {
                let heard = Heard { cost: step, ..self.begin(from, Some(word), cost) };
                if self.is_near(heard, slack) {
                    to.heard[token].push(heard);
                }
                return;
            }
            Labels::AtEnd => true,
            Labels::Within { end } => link.output == end,
        };
        for heard in heard {
            let (Begun { place, word: open }, spent) = self.begun[heard.begun as usize];
            let mut heard = Heard { cost: heard.cost.plus(step), ..*heard };
            if !self.is_near(heard, slack) {
                continue;
            }
            if ends {
                let word = if self.reading.labels == Labels::AtEnd { word } else { open.unwrap_or(0) };
                let to_number = to.number(link.to);
                to.spent[token] = to.spent[token].min(spent + heard.cost.total());
                self.arcs.push(WordArc { from: place, to: to_number, word, cost: heard.cost });
            } else if open.is_none() {
                heard.begun = self.begin(place, Some(word), spent).begun;
                to.heard[token].push(heard);
            }
        }
    }

    /// Whether a path is within the limit that goes on from a token with this slack.
    fn is_near(&self, heard: Heard, slack: f64) -> bool {
        self.begun[heard.begun as usize].1 + heard.cost.total() + slack <= self.limit
    }

    /// Something that begins at the place with this number, to which the best path has this cost.
    fn begin(&mut self, place: usize, word: Option<u32>, cost: f64) -> Heard {
        let begun = Begun { place, word };
        let fresh = self.begun.len() as u32;
        let number = *self.numbers.entry(begun).or_insert(fresh);
        if number == fresh {
            self.begun.push((begun, cost));
            self.merged_at.push((usize::MAX, 0));
        }
        Heard { begun: number, cost: Cost::ZERO }
    }

    /// Ends what is open at the place with this number, from which paths go on with this slack.
    fn close(&mut self, heard: &[Heard], to: usize, slack: f64) {
        for &heard in heard {
            if self.is_near(heard, slack) {
                let (Begun { place, word }, _) = self.begun[heard.begun as usize];
                self.arcs.push(WordArc { from: place, to, word: word.unwrap_or(0), cost: heard.cost });
            }
        }
    }

    /// Ends what is open at the end of all paths, `to`, at a final cost.
    fn end(&mut self, heard: &mut [Heard], to: usize, graph: f64) {
        for heard in heard.iter_mut() {
            heard.cost = heard.cost.plus(Cost { graph, acoustic: 0.0 });
        }
        self.close(heard, to, -self.best);
    }
}

/// The links at the beginning of these that leave a token.
fn leaving(links: &[Link], token: u32) -> &[Link] {
    let count = links.iter().take_while(|link| link.from == token).count();
    &links[..count]
}
