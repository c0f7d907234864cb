use crate::Experiment;
use crate::location::variable;
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
    /// There is no layer that is not drawn.
    #[error(
        "`model.new_output` is set and `model.start` is not: every layer is drawn from the seed; expected a model to \
         start from beside it"
    )]
    NewOutputOfNothing,
    /// A folder's name may hold a dollar sign, but seldom does.
    #[error(
        "`{key}` holds what a shell would take for a variable; it is not expanded here, and the folder has that very name"
    )]
    Variable {
        /// Section and key.
        key: &'static str,
    },
}

impl Experiment {
    /// What is valid and still worth a word to whoever wrote the file.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let no_right_context = self.model.resolved().bidirectional && self.batch.right_context == 0;
        let new_output_of_nothing = self.model.new_output && self.model.start.is_none();
        let variables = self.locations().filter(|(_, location)| variable(location).is_some());
        [(no_right_context, Warning::NoRightContext), (new_output_of_nothing, Warning::NewOutputOfNothing)]
            .into_iter()
            .filter_map(|(holds, warning)| holds.then_some(warning))
            .chain(variables.map(|(key, _)| Warning::Variable { key }))
            .collect()
    }
}
