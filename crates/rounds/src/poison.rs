use crate::{Action, Arrival, Core, Departure, Event, Fence, Millis, Outcome, Phase, Slot};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::{Poison, Source};
use stentor_plan::Lease;
use stentor_scores::LOSS_SUM;

/// Refused contributions whose loss or norm was not finite.
#[derive(Debug, Clone, Default)]
pub(crate) struct Suspects {
    /// Their batches, with the members that computed them.
    batches: BTreeMap<(Source, u32, u64, u32), BTreeSet<String>>,
    /// Lineage and round of the last refusal, and the members that were refused in it.
    last: ((u64, u64), BTreeSet<String>),
}

/// Maximum number of batches that are kept; the oldest passes are forgotten first.
const REMEMBERED: usize = 1 << 14;

/// Number of members that are believed, whatever others would find: one of them may lie while another one's machine fails.
const BELIEVED: usize = 3;

impl Suspects {
    /// Records that `identity` got a loss that is not finite in one of `leases`, while `others` were members too. Returns why every
    /// member would get the same, if that is known: of the members of a round, or of those that computed a batch, three were
    /// refused, or two and nobody else is left. The word of one member is enough only if it is alone and was refused with the
    /// batch before.
    fn suspect(&mut self, fence: Fence, identity: &str, leases: &[Lease], others: &[&str]) -> Option<String> {
        let are_all = |found: &BTreeSet<String>| {
            found.len() >= BELIEVED || others.iter().all(|other| found.contains(*other))
        };
        let mut again = None;
        for lease in leases {
            for batch in lease.first_batch..lease.first_batch + lease.batches {
                let key = (lease.source, lease.pass, lease.unit, batch);
                let found = self.batches.entry(key).or_default();
                let before = if others.is_empty() && found.contains(identity) {
                    identity.to_owned()
                } else {
                    without(found, identity)
                };
                found.insert(identity.to_owned());
                if !before.is_empty() && are_all(found) {
                    let one = Lease { first_batch: batch, batches: 1, ..*lease };
                    again.get_or_insert_with(|| format!("{before} found none in {one} before"));
                }
                if self.batches.len() > REMEMBERED {
                    self.batches.pop_first();
                }
            }
        }
        let round = (fence.lineage, fence.round);
        if self.last.0 != round {
            self.last = (round, BTreeSet::new());
        }
        let found = &mut self.last.1;
        let beside = without(found, identity);
        found.insert(identity.to_owned());
        let together = !beside.is_empty() && are_all(found);
        again.or_else(|| together.then(|| format!("{beside} found none in the same round")))
    }
}

/// All names but one, as words.
fn without(names: &BTreeSet<String>, one: &str) -> String {
    let others: Vec<_> = names.iter().map(String::as_str).filter(|name| *name != one).collect();
    others.join(" and ")
}

impl Core {
    /// Refuses a contribution whose loss or norm is not finite. It is part of no sum, because its round cannot close before its
    /// sender is gone.
    pub(crate) fn refuse_poison(&mut self, now: Millis, arrival: &Arrival, actions: &mut Vec<Action>) {
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
        let others: Vec<_> = self
            .members
            .iter()
            .filter(|(other, _)| *other != slot)
            .map(|(_, m)| m.identity.as_str())
            .collect();
        let known = self.suspects.suspect(self.fence(), identity, &leases, &others);
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

    pub(crate) fn leases_of(&self, slot: Slot) -> Vec<Lease> {
        match &self.phase {
            Phase::Running(round) => {
                round.work.as_ref().and_then(|work| work.leases.get(&slot).cloned()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASES: [Lease; 1] =
        [Lease { source: Source::MachineLabeled, pass: 0, unit: 3, first_batch: 5, batches: 2 }];

    /// What is known after the refusals of a run: round, member, and who else is one.
    fn refused(refusals: &[(u64, &str, &[&str])]) -> Vec<Option<String>> {
        let mut suspects = Suspects::default();
        let of = |&(round, identity, others): &(u64, &str, &[&str])| {
            let fence = Fence { lineage: 1, membership_epoch: round, round };
            suspects.suspect(fence, identity, &LEASES, others)
        };
        refusals.iter().map(of).collect()
    }

    #[test]
    fn a_batch_is_the_cause_once_three_members_or_all_of_fewer_were_refused_with_it() {
        let known = refused(&[(0, "a", &["b", "c", "d"]), (1, "b", &["c", "d"]), (2, "c", &["d"])]);
        assert_eq!(known[..2], [None, None]);
        assert!(known[2].as_ref().unwrap().starts_with("a and b found none in"), "{known:?}");
        // Of two, the first is a member again when the second is refused.
        let known = refused(&[(0, "a", &["b"]), (1, "b", &["a"])]);
        assert!(known[0].is_none() && known[1].as_ref().unwrap().starts_with("a found none"), "{known:?}");
    }

    #[test]
    fn the_word_of_one_member_counts_if_it_is_alone_and_says_it_again() {
        assert_eq!(refused(&[(0, "a", &["b"]), (1, "a", &["b"]), (2, "a", &["b"])]), [None, None, None]);
        let known = refused(&[(0, "a", &[]), (1, "a", &[])]);
        assert!(known[0].is_none() && known[1].as_ref().unwrap().starts_with("a found none"), "{known:?}");
    }
}
