//! Pruning of the history (Povey et al. 2012, section 4, after Kaldi's lattice-faster decoder): links and tokens that no path needs
//! whose cost is within the lattice beam of the best are removed, from the newest frame backwards.
//!
//! A path to a token of the newest frame that is pruned is more than the beam worse than the best path to that token, so it cannot
//! end within the beam of the best complete path either: pruning early removes nothing that pruning at the end would keep.

use super::history::{Frame, Link};

/// The number of a token that is removed.
const REMOVED: u32 = u32::MAX;

/// Prunes frames, and keeps the memory of those that it has made small for frames to come.
#[derive(Debug, Default)]
pub(super) struct Pruner {
    spare: Vec<Frame>,
    own: Judged,
    next: Judged,
}

/// What the frame before has to know of a pruned frame.
#[derive(Debug, Default)]
struct Judged {
    /// As before pruning.
    costs: Vec<f64>,
    /// How much worse than the best path the best one through each token is.
    extra: Vec<f64>,
    /// The new number of each token.
    numbers: Vec<u32>,
}

impl Pruner {
    /// An empty frame, with memory of an earlier one if there is any.
    pub(super) fn frame(&mut self) -> Frame {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes back a frame that was not needed.
    pub(super) fn give_back(&mut self, mut frame: Frame) {
        frame.clear();
        self.spare.push(frame);
    }

    /// How many bytes of memory it holds for frames to come.
    pub(super) fn bytes(&self) -> usize {
        self.spare.iter().map(Frame::bytes).sum()
    }

    /// Prunes while any token of the newest frame may be continued; the newest frame stays as it is.
    pub(super) fn prune_open(&mut self, frames: &mut [Frame], beam: f64) {
        let Some((newest, before)) = frames.split_last_mut() else { return };
        let Judged { costs, extra, numbers } = &mut self.next;
        costs.clone_from(&newest.costs);
        extra.clear();
        extra.resize(costs.len(), 0.0);
        numbers.clear();
        numbers.extend(0..costs.len() as u32);
        self.prune_before(before, beam);
    }

    /// Prunes where each token of the newest frame counts as so much worse than the best as `extra` says: infinity removes it. The
    /// result has the new number of each of these tokens. No link leaves the newest frame.
    pub(super) fn prune_ends(&mut self, frames: &mut [Frame], beam: f64, extra: &[f64]) -> Vec<Option<u32>> {
        let Some((newest, before)) = frames.split_last_mut() else { return Vec::new() };
        newest.emitting.clear();
        self.own.extra.clear();
        self.own.extra.extend_from_slice(extra);
        newest.prune(beam, &mut self.own, &self.next);
        std::mem::swap(&mut self.own, &mut self.next);
        let number = |number: &u32| (*number != REMOVED).then_some(*number);
        let numbers = self.next.numbers.iter().map(number).collect();
        self.prune_before(before, beam);
        numbers
    }

    /// Goes backwards until a frame is found to be as it was: then all before it are too.
    fn prune_before(&mut self, frames: &mut [Frame], beam: f64) {
        for frame in frames.iter_mut().rev() {
            let is_first_time = frame.extra.is_empty();
            self.own.extra.clear();
            self.own.extra.resize(frame.costs.len(), f64::INFINITY);
            if !frame.prune(beam, &mut self.own, &self.next) {
                return;
            }
            if is_first_time {
                let small = frame.clone();
                let large = std::mem::replace(frame, small);
                self.give_back(large);
            } else {
                frame.shrink();
            }
            std::mem::swap(&mut self.own, &mut self.next);
        }
    }
}

impl Frame {
    /// Removes tokens and links, and numbers the tokens anew; `own.extra` says how far the tokens are from the best path if no
    /// link left them. Whether anything has changed that concerns the frame before.
    fn prune(&mut self, beam: f64, own: &mut Judged, next: &Judged) -> bool {
        let Judged { costs, extra, numbers } = own;
        costs.clone_from(&self.costs);
        let is_kept = |slack: f64| slack <= beam && slack < f64::INFINITY;
        self.emitting.retain_mut(|link| {
            let (from, to) = (link.from as usize, link.to as usize);
            let slack = next.extra[to] + (costs[from] + link.cost() - next.costs[to]);
            let is_kept = is_kept(slack) && next.numbers[to] != REMOVED;
            if is_kept {
                extra[from] = extra[from].min(slack);
                link.to = next.numbers[to];
            }
            is_kept
        });
        // Backwards, so that a token's own links are judged before those that lead to it.
        retain_backwards(&mut self.epsilon, |link| {
            let (from, to) = (link.from as usize, link.to as usize);
            let slack = extra[to] + (costs[from] + link.cost() - costs[to]);
            let is_kept = is_kept(slack);
            if is_kept {
                extra[from] = extra[from].min(slack);
            }
            is_kept
        });
        numbers.clear();
        self.costs.clear();
        for (&cost, &extra) in costs.iter().zip(extra.iter()) {
            match is_kept(extra) {
                true => {
                    numbers.push(self.costs.len() as u32);
                    self.costs.push(cost);
                }
                false => numbers.push(REMOVED),
            }
        }
        self.emitting.iter_mut().for_each(|link| link.from = numbers[link.from as usize]);
        for link in &mut self.epsilon {
            (link.from, link.to) = (numbers[link.from as usize], numbers[link.to as usize]);
        }
        let is_changed = self.costs.len() < costs.len() || self.extra != *extra;
        if is_changed {
            self.extra.clear();
            self.extra.extend(extra.iter().filter(|extra| is_kept(**extra)));
        }
        is_changed
    }
}

/// As `Vec::retain`, but asks from the last to the first.
fn retain_backwards(links: &mut Vec<Link>, mut is_kept: impl FnMut(&Link) -> bool) {
    let mut first = links.len();
    for at in (0..links.len()).rev() {
        let link = links[at];
        if is_kept(&link) {
            first -= 1;
            links[first] = link;
        }
    }
    links.drain(..first);
}
