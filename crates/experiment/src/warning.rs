use crate::Experiment;
use thiserror::Error;

/// Settings that are valid and still hardly what was meant: said when the experiment is read, and then followed.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The backward direction starts from nothing at a chunk's last frame, which counts in the loss.
    #[error(
        "`batch.right_context` is 0 and the model bidirectional: its backward layers start from nothing at the last \
         frame of each chunk, and learn from that; expected some frames after the chunk (10, say) that do not count"
    )]
    NoRightContext,
}

impl Experiment {
    /// What is valid and still worth a word to whoever wrote the file.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let no_right_context = self.model.resolved().bidirectional && self.batch.right_context == 0;
        no_right_context.then_some(Warning::NoRightContext).into_iter().collect()
    }
}
