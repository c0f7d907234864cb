//! How labels of links are read as words.

use super::{Path, Word};
use crate::network::Labels;
use crate::search::Step;
use std::ops::Range;

/// How labels of links are read as words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) labels: Labels,
    /// A label that marks pauses.
    pub(crate) silence: Option<u32>,
}

impl Reading {
    /// The word that a label stands for; 0 for none.
    pub(super) fn word(&self, label: u32) -> u32 {
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
