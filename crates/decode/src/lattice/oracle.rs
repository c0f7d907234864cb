//! The fewest word errors of any path.

use super::Lattice;

/// The best that could be chosen from a lattice, given the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OracleErrors {
    /// Substitutions, deletions and insertions of [`OracleErrors::words`] against the reference.
    pub errors: usize,
    /// A word sequence of the lattice that has no more errors than any other.
    pub words: Vec<u32>,
}

/// A step from a node, with some words of the reference matched, to the end.
#[derive(Clone, Copy)]
enum Step {
    End,
    /// The reference has a word that the path lacks.
    Delete,
    /// The path goes along the arc with this number; with `true` the next word of the reference is matched to its word.
    Arc(usize, bool),
}

impl Lattice {
    /// The lowest Levenshtein distance between `reference` and a word sequence of the lattice.
    pub fn oracle(&self, reference: &[u32]) -> OracleErrors {
        let width = reference.len() + 1;
        let end = self.nodes.len() - 1;
        let mut table = vec![(usize::MAX, Step::End); self.nodes.len() * width];
        for node in (0..=end).rev() {
            for matched in (0..width).rev() {
                let mut best = match node == end && matched == reference.len() {
                    true => (0, Step::End),
                    false => (usize::MAX, Step::End),
                };
                let mut offer = |errors: usize, step: Step| {
                    if errors < best.0 {
                        best = (errors, step);
                    }
                };
                for number in self.first[node]..self.first[node + 1] {
                    let arc = &self.arcs[number];
                    let rest = table[arc.to * width + matched].0;
                    offer(rest.saturating_add(usize::from(arc.word > 0)), Step::Arc(number, false));
                    if arc.word > 0 && matched < reference.len() {
                        let is_wrong = usize::from(arc.word != reference[matched]);
                        let rest = table[arc.to * width + matched + 1].0;
                        offer(rest.saturating_add(is_wrong), Step::Arc(number, true));
                    }
                }
                if matched < reference.len() {
                    offer(table[node * width + matched + 1].0.saturating_add(1), Step::Delete);
                }
                table[node * width + matched] = best;
            }
        }
        let mut words = Vec::new();
        let (mut node, mut matched) = (0, 0);
        loop {
            match table[node * width + matched].1 {
                Step::End => break,
                Step::Delete => matched += 1,
                Step::Arc(number, matches) => {
                    let arc = &self.arcs[number];
                    words.extend(Some(arc.word).filter(|word| *word > 0));
                    (node, matched) = (arc.to, matched + usize::from(matches));
                }
            }
        }
        OracleErrors { errors: table[0].0, words }
    }
}
