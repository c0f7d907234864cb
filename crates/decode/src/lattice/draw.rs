//! Random paths.

use super::{Lattice, Posteriors};

impl Lattice {
    /// The word labels of a path that is drawn with its probability under these posteriors. `uniform` gives numbers in [0, 1), one
    /// for each arc of the path.
    ///
    /// # Panics
    /// If `posteriors` are not those of this lattice.
    pub fn draw(&self, posteriors: &Posteriors, mut uniform: impl FnMut() -> f64) -> Vec<u32> {
        assert_eq!(posteriors.arcs.len(), self.arcs.len(), "posteriors of another lattice");
        let (mut node, mut words) = (0, Vec::new());
        while self.first[node] < self.first[node + 1] {
            let leaving = self.first[node]..self.first[node + 1];
            // The probability of an arc among those that leave its node.
            let all: f64 = posteriors.arcs[leaving.clone()].iter().sum();
            let mut left = uniform() * all;
            let mut chosen = leaving.start;
            for arc in leaving {
                // The last arc that is possible at all is taken if rounding leaves something over.
                if posteriors.arcs[arc] > 0.0 {
                    chosen = arc;
                    left -= posteriors.arcs[arc];
                    if left < 0.0 {
                        break;
                    }
                }
            }
            let arc = &self.arcs[chosen];
            words.extend((arc.word > 0).then_some(arc.word));
            node = arc.to;
        }
        words
    }
}
