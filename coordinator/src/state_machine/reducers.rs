use super::{Action, Core, Millis, Phase};
use std::collections::BTreeSet;

/// The separate reducers, as far as the coordinator knows: one that does not answer is nobody's fault.
#[derive(Debug, Clone, Default)]
pub(super) struct Reducers {
    /// The places in `exchange.reducers` of those without a connection.
    down: BTreeSet<usize>,
    /// Lineage and round in which one was lost last.
    troubled: Option<(u64, u64)>,
}

impl Reducers {
    /// `count` reducers, none of which has answered yet.
    pub(super) fn new(count: usize) -> Self {
        Self { down: (0..count).collect(), troubled: None }
    }
}

impl Core {
    /// A separate reducer has answered, or its connection broke.
    pub(super) fn reducer(&mut self, now: Millis, index: usize, is_up: bool, actions: &mut Vec<Action>) {
        if is_up {
            self.reducers.down.remove(&index);
            return self.gather(now, actions);
        }
        if index < self.settings.experiment.exchange.reducers.len() && self.reducers.down.insert(index) {
            self.reducers.troubled = Some((self.lineage, self.round));
            // Members whose calls it broke may have been seen to be lost before.
            self.budget.forgive();
        }
    }

    /// Whether a loss now may be that of a reducer.
    pub(super) fn is_troubled(&self) -> bool {
        !self.reducers.down.is_empty() || self.reducers.troubled == Some((self.lineage, self.round))
    }

    /// The URLs of the reducers that do not answer, if a round would be opened without them.
    pub(super) fn silent_reducers(&self) -> Vec<String> {
        let urls = &self.settings.experiment.exchange.reducers;
        let is_gathered =
            matches!(self.phase, Phase::Gathering { .. }) && self.applicants.len() >= self.wanted();
        let down = self.reducers.down.iter().filter(|_| is_gathered);
        down.filter_map(|&index| urls.get(index).cloned()).collect()
    }
}
