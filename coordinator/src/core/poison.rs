use super::{Action, Arrival, Core, Departure, Event, Millis, Outcome, Slot};
use std::collections::BTreeMap;
use stentor_experiment::{Poison, Source};
use stentor_plan::Lease;

/// Batches whose contribution was refused because a loss or norm was not finite, and who computed them.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    batches: BTreeMap<(Source, u32, u64, u32), String>,
}

/// Batches that are remembered; when there are more, the oldest passes are forgotten first.
const REMEMBERED: usize = 1 << 14;

impl Suspects {
    /// Takes note of leases that `identity` found no finite loss in. A batch in which somebody else found none either.
    fn suspect(&mut self, identity: &str, leases: &[Lease]) -> Option<(Lease, String)> {
        let mut shared = None;
        for lease in leases {
            for batch in lease.first_batch..lease.first_batch + lease.batches {
                let key = (lease.source, lease.pass, lease.unit, batch);
                let first = self.batches.entry(key).or_insert_with(|| identity.to_owned());
                if first != identity {
                    let one = Lease { first_batch: batch, batches: 1, ..*lease };
                    shared.get_or_insert_with(|| (one, first.clone()));
                }
                if self.batches.len() > REMEMBERED {
                    self.batches.pop_first();
                }
            }
        }
        shared
    }
}

impl Core {
    /// A contribution whose loss or norm is not finite. Nothing of it is in any sum: its round cannot close before whoever sent
    /// it is gone.
    pub(super) fn refuse_poison(&mut self, now: Millis, arrival: &Arrival, actions: &mut Vec<Action>) {
        let Arrival { identity, slot, loss_sum, gradient_norm, .. } = arrival;
        let leases = self.leases_of(*slot);
        let shown: Vec<String> = leases.iter().map(ToString::to_string).collect();
        let words = format!(
            "{identity} found a loss of {loss_sum} and a gradient norm of {gradient_norm} in {}",
            shown.join(", ")
        );
        actions.push(Action::Record(Event::Refused {
            fence: self.fence(),
            identity: identity.clone(),
            leases: leases.clone(),
            loss: loss_sum.to_string(),
            gradient_norm: gradient_norm.to_string(),
        }));
        let shared = self.suspects.suspect(identity, &leases);
        let policy = self.settings.experiment.cluster.poison;
        match (policy, shared) {
            (_, Some((batch, other))) => {
                let reason =
                    format!("{words}, and {other} in {batch} before: the data or the model is the cause");
                self.stop(Outcome::Broken { reason }, actions);
            }
            (Poison::Stop, None) => self.stop(Outcome::Broken { reason: words }, actions),
            (Poison::Drop, None) => {
                let Some(session) = self.members.get(slot).map(|m| m.session) else { return };
                self.lost(now, session, Departure::Lost, &words, actions);
            }
        }
    }

    fn leases_of(&self, slot: Slot) -> Vec<Lease> {
        match &self.phase {
            super::Phase::Running(round) => {
                round.work.as_ref().and_then(|work| work.leases.get(&slot).cloned()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}
