//! Confidences of words.

use super::{Lattice, Path, Posteriors};
use std::ops::Range;

impl Lattice {
    /// For each word of `path` how probable it is that the word was said then: the posteriors of all arcs with that word at a
    /// frame, added up, at the frame within the word where the sum is largest (C_max of Wessel et al. 2001, equation 12). So
    /// a word is not less certain because its times are uncertain.
    ///
    /// `posteriors` are those of this lattice; `path` may be any, also of another lattice of the same frames.
    pub fn confidences(&self, path: &Path, posteriors: &Posteriors) -> Vec<f64> {
        path.words.iter().map(|word| self.confidence(word.word, spread(&word.frames), posteriors)).collect()
    }

    fn confidence(&self, word: u32, frames: Range<usize>, posteriors: &Posteriors) -> f64 {
        // How much the sum changes at each frame.
        let mut changes = vec![0.0; frames.len() + 1];
        for (arc, posterior) in self.arcs.iter().zip(&posteriors.arcs).filter(|(arc, _)| arc.word == word) {
            let spoken = spread(&(self.nodes[arc.from].frame..self.nodes[arc.to].frame));
            let (start, end) = (spoken.start.max(frames.start), spoken.end.min(frames.end));
            if start < end {
                changes[start - frames.start] += posterior;
                changes[end - frames.start] -= posterior;
            }
        }
        let sums = changes.iter().scan(0.0, |sum, change| {
            *sum += change;
            Some(*sum)
        });
        sums.fold(0.0, f64::max).min(1.0)
    }
}

/// At least one frame: a graph may have words without frames.
fn spread(frames: &Range<usize>) -> Range<usize> {
    frames.start..frames.end.max(frames.start + 1)
}
