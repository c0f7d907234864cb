use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// `[exchange.two_tier]`: GTC inside groups of workers at every batch, with the settings of `[exchange.gtc]`, and BMUF
/// across groups every `[exchange.bmuf] block` batches (Interspeech 2019).
///
/// All workers of a group have the same model; the model with which a group ends a block counts as one "worker" of the
/// block filter, so its N is the number of groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TwoTier {
    /// Largest number of workers in a group. Default 4; 1 to 1024. The workers are distributed evenly: 6 make two
    /// groups of 3. If it is not below the number of workers, this is GTC alone, because there is only one group.
    pub group: u32,
}

impl Default for TwoTier {
    fn default() -> Self {
        Self { group: 4 }
    }
}

impl TwoTier {
    /// Returns the number of groups that `workers` members make.
    #[must_use]
    pub fn groups(&self, workers: usize) -> usize {
        workers.div_ceil(self.group.max(1) as usize)
    }

    /// Returns the positions, among `workers` members in slot order, of the members of one of the
    /// [`groups`](Self::groups): they are consecutive, and groups differ by one member at most.
    #[must_use]
    pub fn members(&self, group: usize, workers: usize) -> Range<usize> {
        let groups = self.groups(workers).max(1);
        let first = |group: usize| group.min(groups) * workers / groups;
        first(group)..first(group + 1)
    }

    /// Returns the group of the member at `position` among `workers` members in slot order.
    #[must_use]
    pub fn group_of(&self, position: usize, workers: usize) -> usize {
        (0..self.groups(workers)).find(|&g| self.members(g, workers).contains(&position)).unwrap_or_default()
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        require((1..=1024).contains(&self.group), "exchange.two_tier.group", "1 to 1024", self.group)
    }
}
