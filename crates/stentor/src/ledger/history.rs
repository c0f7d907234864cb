use anyhow::Result;
use std::collections::BTreeMap;
use stentor_output::Quarantined;
use stentor_plan::Lease;
use stentor_runlog::{Event, Return, Timeline, read_events};
use stentor_store::Store;

/// The contents of an event log as far as the ledger is concerned.
#[derive(Debug)]
pub(super) struct History {
    pub(super) timeline: Timeline,
    /// In the order of the log.
    pub(super) commits: Vec<Commit>,
    pub(super) quarantined: Vec<Quarantined>,
}

/// A closed round.
#[derive(Debug, PartialEq)]
pub(super) struct Commit {
    pub(super) lineage: u64,
    pub(super) round: u64,
    pub(super) leases: Vec<Lease>,
}

impl History {
    pub(super) async fn read(run: &Store) -> Result<Self> {
        Ok(Self::of(read_events(run).await?))
    }

    fn of(events: Vec<Event>) -> Self {
        let timeline = Timeline::of(&events);
        let (mut commits, mut quarantined) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Round { fence, leases, .. } => {
                    commits.push(Commit { lineage: fence.lineage, round: fence.round, leases });
                }
                Event::Quarantined { source, file, row_group, frames, reason, worker } => {
                    quarantined.push(Quarantined { source, file, row_group, frames, reason, worker });
                }
                _ => {}
            }
        }
        // A coordinator restarted from an older checkpoint may quarantine the same row group again.
        quarantined.sort();
        quarantined.dedup_by(|a, b| (&a.file, a.row_group) == (&b.file, b.row_group));
        Self { timeline, commits, quarantined }
    }

    /// Returns the commits that count.
    pub(super) fn counted(&self) -> impl Iterator<Item = &Commit> {
        self.commits.iter().filter(|commit| self.timeline.counts(commit.lineage, commit.round))
    }

    /// Returns each fall-back with the commits that it made void.
    pub(super) fn void(&self) -> Vec<(&Return, Vec<&Commit>)> {
        let mut void = BTreeMap::<u64, Vec<&Commit>>::new();
        for commit in &self.commits {
            if let Some(back) = self.timeline.voided_by(commit.lineage, commit.round) {
                void.entry(back.lineage).or_default().push(commit);
            }
        }
        let mut of = |back: &Return| void.remove(&back.lineage).unwrap_or_default();
        self.timeline.returns().map(|back| (back, of(back))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_void_commit_is_listed_once_with_the_fall_back_that_made_it_void() {
        let back = |lineage, round, from| Return { lineage, round, from: Some(from), reason: String::new() };
        // Lineage 2 continues from lineage 0 at round 3; lineage 1, of a replaced coordinator, from lineage 0 at round
        // 1, and nothing continues from it.
        let timeline = Timeline::new(2, [back(1, 1, 0), back(2, 3, 0)]);
        let commit = |(lineage, round)| Commit { lineage, round, leases: Vec::new() };
        let commits = [(0, 0), (0, 1), (1, 1), (0, 2), (0, 3), (2, 3)].map(commit).into();
        let history = History { timeline, commits, quarantined: Vec::new() };
        let void: Vec<(u64, Vec<u64>)> = history
            .void()
            .into_iter()
            .map(|(back, commits)| (back.lineage, commits.into_iter().map(|commit| commit.round).collect()))
            .collect();
        assert_eq!(void, [(1, vec![3]), (2, vec![1])]);
    }
}
