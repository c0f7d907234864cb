use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use stentor_experiment::{Experiment, Source};
use stentor_rounds::{Assignment, Departure, Fence, Millis, Refusal, Slot};
use stentor_runtime::metrics::{self, CheckpointEnd, MemberState};

/// Figures of a cluster for `/metrics` alone: members, late contributions, leased batches.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    roster: BTreeMap<Slot, String>,
    lost: BTreeSet<String>,
    /// Lineage and number of the newest round with an assignment.
    open: (u64, u64),
    /// Arrival times of the contributions to it.
    arrivals: BTreeMap<Slot, Millis>,
    /// Its batches, by the slot that computes them.
    leased: BTreeMap<Slot, Vec<(Source, u64)>>,
    shown: Option<Figures>,
}

/// The values that were last recorded.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    members: Vec<(MemberState, u64)>,
    leases: Vec<(Source, u64)>,
    queued: u64,
}

impl Gauges {
    /// A counter exists only after its first record: recording 0 makes its first increase visible.
    pub(crate) fn new(experiment: &Experiment) -> Self {
        metrics::finished(0);
        if let Some(every) = experiment.checkpoint.every {
            metrics::checkpoint_interval(Duration::from_secs(every.seconds()));
        }
        metrics::members_lost(0);
        Refusal::ALL.iter().for_each(|refusal| metrics::refused_contributions(0, refusal.word()));
        Source::ALL.iter().for_each(|source| metrics::quarantined_row_groups(0, *source));
        CheckpointEnd::ALL.iter().for_each(|end| metrics::checkpoints(0, *end));
        Self::default()
    }

    /// A member got its assignment.
    pub(crate) fn assigned(&mut self, slot: Slot, assignment: &Assignment) {
        let Fence { lineage, round, .. } = assignment.fence;
        if self.open != (lineage, round) {
            self.open = (lineage, round);
            self.arrivals.clear();
            self.leased.clear();
        }
        let leases = assignment.leases.iter().map(|lease| (lease.source, u64::from(lease.batches)));
        self.leased.insert(slot, leases.collect());
    }

    /// A contribution arrived; contributions to other rounds than the open one are ignored.
    pub(crate) fn arrived(&mut self, now: Millis, fence: Fence, slot: Slot) {
        if self.open == (fence.lineage, fence.round) {
            self.arrivals.entry(slot).or_insert(now);
        }
    }

    /// The open round has closed with these contributors.
    pub(crate) fn closed(&mut self, contributors: &[Slot]) {
        let came: Vec<_> = contributors.iter().filter_map(|s| Some((*s, *self.arrivals.get(s)?))).collect();
        let first = came.iter().map(|(_, at)| *at).min().unwrap_or_default();
        for (slot, at) in came {
            let member = self.roster.get(&slot).map_or("", String::as_str);
            metrics::arrival_lag(Duration::from_millis(at - first), slot, member);
        }
        self.arrivals.clear();
        self.leased.clear();
    }

    pub(crate) fn members(&mut self, roster: &BTreeMap<Slot, String>) {
        self.roster.clone_from(roster);
        self.lost.retain(|identity| !roster.values().any(|member| member == identity));
    }

    pub(crate) fn dismissed(&mut self, slot: Slot, departure: Departure) {
        self.leased.remove(&slot);
        let Some(identity) = self.roster.remove(&slot) else { return };
        if departure == Departure::Lost {
            metrics::members_lost(1);
            self.lost.insert(identity);
        }
    }

    /// Records changes. `joining` members wait for admission, `waiting` ones for the end of a round; `queued` commands wait for
    /// the engine.
    pub(crate) fn show(&mut self, joining: usize, waiting: impl Iterator<Item = Slot>, queued: usize) {
        let contributed = waiting.filter(|slot| self.roster.contains_key(slot)).count();
        let count = |state| match state {
            MemberState::Joining => joining,
            MemberState::Computing => self.roster.len() - contributed,
            MemberState::Contributed => contributed,
            MemberState::Lost => self.lost.len(),
        };
        let out = |source| {
            self.leased.values().flatten().filter(|(of, _)| *of == source).map(|(_, batches)| batches).sum()
        };
        let figures = Figures {
            members: MemberState::ALL.iter().map(|&state| (state, count(state) as u64)).collect(),
            leases: Source::ALL.iter().map(|&source| (source, out(source))).collect(),
            queued: queued as u64,
        };
        if self.shown.as_ref() == Some(&figures) {
            return;
        }
        figures.members.iter().for_each(|&(state, count)| metrics::members(count, state));
        figures.leases.iter().for_each(|&(source, batches)| metrics::leases(batches, source));
        metrics::queue_depth(figures.queued, "engine");
        self.shown = Some(figures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Strategy;
    use stentor_plan::Lease;
    use stentor_rounds::{Encoding, SumGroup};

    fn assignment(round: u64, batches: u32) -> Assignment {
        let lease = Lease { source: Source::Annotated, pass: 0, unit: 0, first_batch: 0, batches };
        Assignment {
            fence: Fence { lineage: 1, membership_epoch: 1, round },
            slot: 0,
            members: 2,
            leases: vec![lease],
            ahead: Vec::new(),
            committed_frames: 0,
            total_frames: 100,
            encoding: Encoding::Dense { density: 1.0 },
            strategy: Strategy::Dense,
            sum_group: SumGroup::default(),
            digest: false,
        }
    }

    fn two_members() -> Gauges {
        let mut gauges = Gauges::default();
        gauges.members(&BTreeMap::from([(0, "a".to_owned()), (1, "b".to_owned())]));
        gauges
    }

    fn shown(gauges: &mut Gauges, joining: usize, waiting: &[Slot]) -> Vec<u64> {
        gauges.show(joining, waiting.iter().copied(), 0);
        let figures = gauges.shown.as_ref().unwrap();
        figures
            .members
            .iter()
            .map(|(_, count)| *count)
            .chain(figures.leases.iter().map(|(_, n)| *n))
            .collect()
    }

    #[test]
    fn members_are_counted_by_what_they_do_and_leases_by_their_source() {
        let mut gauges = two_members();
        gauges.assigned(0, &assignment(5, 3));
        gauges.assigned(1, &assignment(5, 2));
        assert_eq!(shown(&mut gauges, 1, &[0]), [1, 1, 1, 0, 5, 0]);
        gauges.closed(&[0, 1]);
        assert_eq!(shown(&mut gauges, 0, &[]), [0, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn who_is_lost_counts_as_lost_until_it_is_back_and_who_left_does_not() {
        let mut gauges = two_members();
        gauges.dismissed(0, Departure::Lost);
        gauges.dismissed(1, Departure::Left);
        assert_eq!(shown(&mut gauges, 0, &[]), [0, 0, 0, 1, 0, 0]);
        gauges.members(&BTreeMap::from([(0, "a".to_owned())]));
        assert_eq!(shown(&mut gauges, 0, &[]), [0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn a_contribution_to_another_round_is_no_arrival_and_the_first_of_a_slot_counts() {
        let mut gauges = two_members();
        gauges.assigned(0, &assignment(5, 1));
        let fence = assignment(5, 1).fence;
        gauges.arrived(70, Fence { round: 4, ..fence }, 0);
        gauges.arrived(100, fence, 0);
        gauges.arrived(900, fence, 0);
        assert_eq!(gauges.arrivals, BTreeMap::from([(0, 100)]));
        gauges.assigned(0, &assignment(6, 1));
        assert!(gauges.arrivals.is_empty());
    }
}
