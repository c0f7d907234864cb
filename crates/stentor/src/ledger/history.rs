use anyhow::Result;
use stentor_checkpoint::checkpoint_age;
use stentor_plan::audit::{Commit, FallBack, surviving};
use stentor_runlog::{Event, read_events};
use stentor_store::Store;

/// What an event log tells about the ledger.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) commits: Vec<Commit>,
    pub(super) returns: Vec<Return>,
    pub(super) quarantined: Vec<Quarantined>,
}

/// A return to a checkpoint.
#[derive(Debug)]
pub(super) struct Return {
    pub(super) back: FallBack,
    pub(super) reason: String,
}

/// A row group that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(super) struct Quarantined {
    pub(super) source: &'static str,
    pub(super) file: String,
    pub(super) row_group: u64,
    pub(super) frames: u64,
    pub(super) reason: String,
    pub(super) worker: String,
}

impl History {
    pub(super) async fn read(run: &Store) -> Result<Self> {
        Ok(Self::of(read_events(run).await?))
    }

    fn of(events: Vec<Event>) -> Self {
        let mut history = Self::default();
        for event in events {
            match event {
                Event::Round { fence, leases, .. } => {
                    history.commits.push(Commit { lineage: fence.lineage, round: fence.round, leases });
                }
                Event::FellBack { lineage, round, checkpoint, reason, .. } => {
                    let from = checkpoint.as_deref().and_then(checkpoint_age).map(|(lineage, _)| lineage);
                    history.returns.push(Return { back: FallBack { lineage, round, from }, reason });
                }
                Event::Quarantined { source, file, row_group, frames, reason, worker } => {
                    let source = source.name();
                    let one = Quarantined { source, file, row_group, frames, reason, worker };
                    history.quarantined.push(one);
                }
                _ => {}
            }
        }
        // A coordinator that was started again from an older checkpoint may meet the same row group anew.
        history.quarantined.sort();
        history.quarantined.dedup_by(|a, b| (&a.file, a.row_group) == (&b.file, b.row_group));
        history
    }

    pub(super) fn fall_backs(&self) -> Vec<FallBack> {
        self.returns.iter().map(|there| there.back).collect()
    }

    /// The commits that each return made void, by [`History::returns`].
    pub(super) fn void(&self) -> Vec<Vec<&Commit>> {
        let mut void = vec![Vec::new(); self.returns.len()];
        let mut by_lineage: Vec<usize> = (0..self.returns.len()).collect();
        by_lineage.sort_by_key(|&index| self.returns[index].back.lineage);
        let fall_backs = self.fall_backs();
        // In the order of `commits`.
        let mut counted = surviving(&self.commits, &fall_backs).peekable();
        for commit in &self.commits {
            if counted.next_if(|next| std::ptr::eq(*next, commit)).is_some() {
                continue;
            }
            let begun =
                by_lineage.partition_point(|&index| self.returns[index].back.lineage <= commit.lineage);
            let later = &by_lineage[begun..];
            // The first return that reaches behind it. A lineage that nothing went on from was void when the next one began.
            let reaches = |index: &&usize| self.returns[**index].back.round <= commit.round;
            if let Some(&index) = later.iter().find(reaches).or(later.first()) {
                void[index].push(commit);
            }
        }
        void
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(lineage: u64, round: u64) -> Commit {
        Commit { lineage, round, leases: Vec::new() }
    }

    #[test]
    fn each_void_commit_is_told_once_with_the_return_that_made_it_so() {
        let back = |lineage, round, from| Return {
            back: FallBack { lineage, round, from: Some(from) },
            reason: String::new(),
        };
        // 2 goes on from 0 at round 3; 1, of a coordinator that was replaced, from 0 at round 1, and nothing from it.
        let returns = vec![back(2, 3, 0), back(1, 1, 0)];
        let commits = [(0, 0), (0, 1), (1, 1), (0, 2), (0, 3), (2, 3)].map(|(l, r)| commit(l, r)).to_vec();
        let history = History { commits, returns, quarantined: Vec::new() };
        let void = history.void();
        assert_eq!(void, [vec![&commit(1, 1)], vec![&commit(0, 3)]]);
    }
}
