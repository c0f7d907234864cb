//! Back-off weights with which the probabilities after each history sum to 1.

use crate::{Model, WordId};

/// Less probability than this is the error of sums of 32-bit logarithms.
const SMALLEST: f64 = 1e-7;

/// The probability that a history leaves for the words that are not listed after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unlisted {
    /// 1 − Σ p(w | h) over the listed words w.
    pub(crate) own: f64,
    /// 1 − Σ p(w | h′), with the history h′ that is shorter by the first word, over the same words.
    pub(crate) lower: f64,
}

impl Unlisted {
    /// Of the history of a node.
    pub(crate) fn of(model: &Model, node: u32) -> Self {
        let nodes = &model.nodes;
        let (mut own, mut lower) = (1.0, 1.0);
        for child in nodes.children(node) {
            let word = nodes.words[child];
            if word != WordId::BEGIN {
                own -= 10_f64.powf(nodes.log_probs[child].into());
                lower -= 10_f64.powf(nodes.find(nodes.shorter[node as usize], word).1);
            }
        }
        Self { own, lower }
    }

    /// log10 of the back-off weight.
    pub(crate) fn log_backoff(self) -> f64 {
        if self.lower < SMALLEST {
            // All words are listed, so that the weight is not used.
            return 0.0;
        }
        (self.own.max(SMALLEST) / self.lower).log10()
    }
}

/// Gives all histories the weight with which their probabilities sum to 1.
pub(crate) fn normalise(model: &mut Model) {
    // Shorter histories come first, as the weight of a longer one depends on theirs.
    for node in 1..model.nodes.len() as u32 {
        let has_children = !model.nodes.children(node).is_empty();
        model.nodes.backoffs[node as usize] =
            if has_children { Unlisted::of(model, node).log_backoff() as f32 } else { 0.0 };
    }
}
