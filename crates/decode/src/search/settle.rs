//! Settling the older part of a long stream, so that memory is bounded.

use super::history::{Step, best_path, restart};
use super::{Frame, Search};
use crate::lattice::Lattice;
use crate::network::{Labels, Network};
use std::ops::Range;

/// A piece of a stream that the search has settled.
#[derive(Clone, Debug)]
pub struct Settled {
    /// All paths of these frames within the lattice beam that end where the best path goes on.
    pub lattice: Lattice,
    /// The frames, counted from the search's first.
    pub frames: Range<usize>,
    /// Whether the best path of every token that was active went through the piece's end, so that settling took nothing from
    /// them. With frames enough to stay open, it practically always does.
    pub converged: bool,
}

impl<N: Network> Search<N> {
    /// Settles the older half of the history if it has reached twice [`super::Options::open_frames`]: the best path up to there
    /// is taken as final, and tokens whose paths do not pass its end are dropped. (Partial traceback, as in J. Spohrer et al.,
    /// ICASSP 1980; there only where all paths agree, which gives no bound.)
    pub(super) fn settle(&mut self) -> Option<Settled> {
        let open = self.options.open_frames?.max(1);
        let latest = (self.frames.len() - 1).checked_sub(open).filter(|latest| *latest >= open)?;
        self.pruner.prune_open(&mut self.frames, self.options.lattice_beam);
        let steps = best_path(&self.frames, self.best());
        let (frame, token) = boundary(&steps, self.network.labels(), latest);

        let mut older: Vec<Frame> = self.frames[..=frame].to_vec();
        let mut extra = vec![f64::INFINITY; older[frame].costs.len()];
        extra[token as usize] = 0.0;
        let numbers = self.pruner.prune_ends(&mut older, self.options.lattice_beam, &extra);
        let ends: Vec<_> =
            numbers.into_iter().nth(token as usize).flatten().map(|end| (end, 0.0)).into_iter().collect();
        let lattice = self.reading().lattice(&older, self.settled, &ends, self.options.lattice_beam);

        let spent = self.frames[frame].costs[token as usize];
        let before = self.newest().to_vec();
        self.frames.drain(..frame);
        restart(&mut self.frames, token);
        let now = self.newest();
        // Sums in another order differ by roundings.
        let converged =
            now.iter().zip(&before).all(|(now, before)| spent + now <= before + 1e-6 * before.abs().max(1.0));
        let extra: Vec<f64> =
            now.iter().map(|cost| if cost.is_finite() { 0.0 } else { f64::INFINITY }).collect();
        let mut is_kept = extra.iter().map(|extra| *extra == 0.0);
        self.states.retain(|_| is_kept.next().unwrap_or(false));
        self.pruner.prune_ends(&mut self.frames, self.options.lattice_beam, &extra);
        let frames = self.settled..self.settled + frame;
        self.settled += frame;
        Some(Settled { lattice, frames, converged })
    }
}

/// The last point of the path, up to `latest`, that lies between two words; `latest` itself if none does.
fn boundary(steps: &[Step], labels: Labels, latest: usize) -> (usize, u32) {
    let after = |step: &Step| (step.frame + usize::from(step.emits), step.link.to);
    let between = |step: &Step| match labels {
        _ if step.link.output == 0 => None,
        Labels::AtStart => Some((step.frame, step.link.from)),
        Labels::AtEnd => Some(after(step)),
        Labels::Within { end } => (step.link.output == end).then(|| after(step)),
    };
    let mut words = steps.iter().rev().filter_map(between);
    let word = words.find(|(frame, _)| (1..=latest).contains(frame));
    // The first token of that frame, so that all its arcs without input stay open.
    let entry = steps.iter().map(after).find(|(frame, _)| *frame == latest);
    word.or(entry).unwrap_or((0, 0))
}
