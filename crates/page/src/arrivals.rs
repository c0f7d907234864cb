//! How late the members' contributions arrive.

use std::collections::BTreeMap;
use stentor_messages::{Arrival, Millis};

/// Arrival times of the members' contributions, relative to the first contribution of the round.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Lineage and round.
    round: (u64, u64),
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
    pub(crate) fn take(&mut self, arrival: Arrival, at_ms: Millis) {
        let Arrival { identity, fence, payload_bytes, residual_norm, .. } = arrival;
        // A new membership of the same round only sends again.
        let round = (fence.lineage, fence.round);
        if self.round != round || self.members.is_empty() {
            (self.round, self.first_ms) = (round, at_ms);
        }
        let last_s = at_ms.saturating_sub(self.first_ms) as f64 / 1e3;
        let lag = self.members.entry(identity).or_insert(Lag { mean_s: last_s, ..Lag::default() });
        let mean_s = lag.mean_s + 0.1 * (last_s - lag.mean_s);
        *lag = Lag { last_s, mean_s, payload_bytes, residual_norm };
    }
}
