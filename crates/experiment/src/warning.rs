use crate::location::variable;
use crate::{Experiment, Strategy};
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
    /// There is one tier. Workers that come later may make it two.
    #[error(
        "`exchange.strategy` is \"two-tier\", and with `cluster.workers` = {workers} and `exchange.two_tier.group` = {group} \
         {}; expected two groups of two workers at least",
        what_is_left(*one_group)
    )]
    OneTier {
        /// `cluster.workers`.
        workers: u32,
        /// `exchange.two_tier.group`.
        group: u32,
        /// All workers are in one; else each has its own.
        one_group: bool,
    },
    /// A folder's name may hold a dollar sign, but seldom does.
    #[error(
        "`{key}` holds what a shell would take for a variable; it is not expanded here, and the folder has that very name"
    )]
    Variable {
        /// Section and key.
        key: &'static str,
    },
}

fn what_is_left(one_group: bool) -> &'static str {
    if one_group {
        "there is one group, which has no other to average with: this is \"gtc\""
    } else {
        "each worker is a group by itself: this is \"bmuf\""
    }
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
            .chain(self.one_tier())
            .chain(variables.map(|(key, _)| Warning::Variable { key }))
            .collect()
    }

    fn one_tier(&self) -> Option<Warning> {
        let (workers, tiers) = (self.cluster.workers, &self.exchange.two_tier);
        let groups = tiers.groups(workers as usize);
        let one_group = groups == 1;
        let is_one_tier = one_group || groups == workers as usize;
        let warning = Warning::OneTier { workers, group: tiers.group, one_group };
        (self.exchange.strategy == Strategy::TwoTier && is_one_tier).then_some(warning)
    }
}
