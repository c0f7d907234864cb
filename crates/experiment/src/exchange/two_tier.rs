use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// `[exchange.two_tier]`: GTC inside groups of workers at every batch, with the settings of `[exchange.gtc]`, and BMUF
/// across groups every `[exchange.bmuf] block` batches (Interspeech 2019).
///
/// All workers of a group hold the same model; the model that a group ends a block with stands for one "worker" of the
/// block filter, so its N is the number of groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TwoTier {
    /// Most workers of a group. Default 4; 1 to 1024. The workers are dealt evenly: 6 make two groups of 3. At least as
    /// many as there are workers: GTC alone, for one group has nobody to average with.
    pub group: u32,
}

impl Default for TwoTier {
    fn default() -> Self {
        Self { group: 4 }
    }
}

impl TwoTier {
    /// Groups that `workers` members make.
    #[must_use]
    pub fn groups(&self, workers: usize) -> usize {
        workers.div_ceil(self.group.max(1) as usize)
    }

    /// Positions, among `workers` members in slot order, of the members of one of the [`groups`](Self::groups): they
    /// follow each other, and groups differ by one member at most.
    #[must_use]
    pub fn members(&self, group: usize, workers: usize) -> Range<usize> {
        let groups = self.groups(workers).max(1);
        let first = |group: usize| group.min(groups) * workers / groups;
        first(group)..first(group + 1)
    }

    /// Group of the member at `position` among `workers` members in slot order.
    #[must_use]
    pub fn group_of(&self, position: usize, workers: usize) -> usize {
        (0..self.groups(workers)).find(|&g| self.members(g, workers).contains(&position)).unwrap_or_default()
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        require((1..=1024).contains(&self.group), "exchange.two_tier.group", "1 to 1024", self.group)
    }
}
