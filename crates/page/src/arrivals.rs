//! How late the members' contributions arrive.

use crate::note::Arrived;
use std::collections::BTreeMap;
use stentor_runlog::Millis;

/// Arrival times of the members' contributions, relative to the first contribution of the round.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    lineage: u64,
    round: u64,
    first_ms: Millis,
    pub(crate) members: BTreeMap<String, Lag>,
}

/// The contributions of one member.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lag {
    pub(crate) last_s: f64,
    /// Mean over about the newest ten.
    pub(crate) mean_s: f64,
    pub(crate) payload_bytes: u64,
    pub(crate) residual_norm: f64,
}

impl Arrivals {
    pub(crate) fn take(&mut self, arrived: Arrived) {
        let Arrived { identity, lineage, round, payload_bytes, residual_norm, at_ms } = arrived;
        if (self.lineage, self.round) != (lineage, round) || self.members.is_empty() {
            (self.lineage, self.round, self.first_ms) = (lineage, round, at_ms);
        }
        let last_s = at_ms.saturating_sub(self.first_ms) as f64 / 1e3;
        let lag = self.members.entry(identity).or_insert(Lag { mean_s: last_s, ..Lag::default() });
        let mean_s = lag.mean_s + 0.1 * (last_s - lag.mean_s);
        *lag = Lag { last_s, mean_s, payload_bytes, residual_norm };
    }
}
