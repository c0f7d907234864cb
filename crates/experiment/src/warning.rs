use crate::location::variable;
use crate::{Experiment, Strategy};
use thiserror::Error;

/// Settings that are valid but probably not intended; reported when the experiment is read, and then followed.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The backward direction starts without context at a chunk's last frame, which counts in the loss.
    #[error(
        "`batch.right_context` is 0 and the model bidirectional: its backward layers start without context at the last \
         frame of each chunk, and learn from that; expected some frames after the chunk (10, for example) that do not count"
    )]
    NoRightContext,
    /// No layer is taken from another model: all are drawn from the seed.
    #[error(
        "`model.new_output` is set and `model.start` is not: every layer is drawn from the seed; expected a model to \
         start from as well"
    )]
    NewOutputOfNothing,
    /// There is only one tier. Workers that join later may change that.
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
        /// Whether all workers are in one group; otherwise each has its own.
        one_group: bool,
    },
    /// Nothing is masked.
    #[error(
        "`[augment]` is set and masks nothing, because `frequency_masks` and `time_masks` are 0; expected 1 or more of one of \
         them, or no such table"
    )]
    NoMasks,
    /// The longest stretch of frames is shorter than a frame.
    #[error(
        "`augment.time_masks` is set and masks nothing, because `augment.time_share` of a chunk's {frames} frames, with its \
         context, is less than one frame; expected at least 1/{frames}"
    )]
    NoTimeMasks {
        /// Frames of a chunk and its context.
        frames: u32,
    },
    /// A folder's name may contain a dollar sign, but rarely does.
    #[error(
        "`{key}` contains what a shell would take for a variable; it is not expanded, but is part of the folder's name"
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
    /// Returns warnings about settings that are valid but probably not intended.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let no_right_context = !self.model.architecture.streams() && self.batch.right_context == 0;
        let new_output_of_nothing = self.model.new_output && self.model.start.is_none();
        let variables = self.locations().filter(|(_, location)| variable(location).is_some());
        [(no_right_context, Warning::NoRightContext), (new_output_of_nothing, Warning::NewOutputOfNothing)]
            .into_iter()
            .filter_map(|(holds, warning)| holds.then_some(warning))
            .chain(self.one_tier())
            .chain(self.no_masks())
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

    fn no_masks(&self) -> Option<Warning> {
        let (augment, batch) = (&self.augment, &self.batch);
        if augment.frequency_masks == 0 && augment.time_masks == 0 {
            return (!augment.is_default()).then_some(Warning::NoMasks);
        }
        let frames = batch.left_context + batch.chunk_frames + batch.right_context;
        let masks_none = augment.time_masks > 0 && augment.time_share * f64::from(frames) < 1.0;
        masks_none.then_some(Warning::NoTimeMasks { frames })
    }
}
