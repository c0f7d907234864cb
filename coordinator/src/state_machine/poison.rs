use super::{Action, Arrival, Core, Departure, Event, Fence, Millis, Outcome, Phase, Slot};
use std::collections::BTreeMap;
use stentor_experiment::{Poison, Source};
use stentor_plan::Lease;
use stentor_scores::LOSS_SUM;

/// Refused contributions whose loss or norm was not finite: their batches, with the members that computed them.
#[derive(Debug, Clone, Default)]
pub(super) struct Suspects {
    batches: BTreeMap<(Source, u32, u64, u32), String>,
    /// Lineage and round of the last refusal, and the member.
    last: Option<((u64, u64), String)>,
}

/// Maximum number of batches that are kept; the oldest passes are forgotten first.
const REMEMBERED: usize = 1 << 14;

impl Suspects {
    /// Records that `identity` got a loss that is not finite in one of `leases`. Returns why every other member would get the
    /// same, if that is known: another member was refused with one of the batches before, or in the same round, with the same
    /// parameters. The word of one member is enough only if it `is_alone`.
    fn suspect(&mut self, fence: Fence, identity: &str, leases: &[Lease], is_alone: bool) -> Option<String> {
        let mut again = None;
        for lease in leases {
            for batch in lease.first_batch..lease.first_batch + lease.batches {
                let key = (lease.source, lease.pass, lease.unit, batch);
                let before = self.batches.insert(key, identity.to_owned());
                if let Some(before) = before.filter(|before| before != identity || is_alone) {
                    let one = Lease { first_batch: batch, batches: 1, ..*lease };
                    again.get_or_insert_with(|| format!("{before} found none in {one} before"));
                }
                if self.batches.len() > REMEMBERED {
                    self.batches.pop_first();
                }
            }
        }
        let round = (fence.lineage, fence.round);
        let last = self.last.replace((round, identity.to_owned()));
        let beside = last.filter(|(then, who)| *then == round && who != identity);
        again.or_else(|| beside.map(|(_, who)| format!("{who} found none in the same round")))
    }
}

impl Core {
    /// Refuses a contribution whose loss or norm is not finite. It is part of no sum, because its round cannot close before its
    /// sender is gone.
    pub(super) fn refuse_poison(&mut self, now: Millis, arrival: &Arrival, actions: &mut Vec<Action>) {
        let Arrival { identity, slot, sums, gradient_norm, .. } = arrival;
        let sound = (LOSS_SUM, sums.get(LOSS_SUM).unwrap_or_default());
        let (sum, value) = sums.not_finite().unwrap_or(sound);
        let leases = self.leases_of(*slot);
        let shown: Vec<String> = leases.iter().map(ToString::to_string).collect();
        let words = format!(
            "{identity} found a {sum} of {value} and a gradient norm of {gradient_norm} in {}",
            shown.join(", ")
        );
        actions.push(Action::Record(Event::Refused {
            fence: self.fence(),
            identity: identity.clone(),
            leases: leases.clone(),
            loss: value.to_string(),
            gradient_norm: gradient_norm.to_string(),
        }));
        let is_alone = self.members.len() == 1;
        let known = self.suspects.suspect(self.fence(), identity, &leases, is_alone);
        let policy = self.settings.experiment.cluster.poison;
        match (policy, known) {
            (_, Some(known)) => {
                let reason = format!("{words}, and {known}: the data or the model is the cause");
                self.stop(Outcome::NonFinite { reason }, actions);
            }
            (Poison::Stop, None) => self.stop(Outcome::NonFinite { reason: words }, actions),
            (Poison::Drop, None) => {
                let Some(session) = self.members.get(slot).map(|m| m.session) else { return };
                self.lost(now, session, Departure::Lost, &words, actions);
            }
        }
    }

    pub(super) fn leases_of(&self, slot: Slot) -> Vec<Lease> {
        match &self.phase {
            Phase::Running(round) => {
                round.work.as_ref().and_then(|work| work.leases.get(&slot).cloned()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}
