use anyhow::Result;
use stentor_checkpoint::checkpoint_age;
use stentor_coordinator::core::Event;
use stentor_coordinator::read_events;
use stentor_plan::audit::{Commit, FallBack, surviving};
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
                Event::FellBack { lineage, round, checkpoint, reason } => {
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
        let fall_backs = self.fall_backs();
        let counts: Vec<&Commit> = surviving(&self.commits, &fall_backs).collect();
        let is_void = |commit: &&Commit| !counts.iter().any(|counted| std::ptr::eq(*counted, *commit));
        for commit in self.commits.iter().filter(is_void) {
            let voids = |back: &FallBack| back.lineage > commit.lineage && back.round <= commit.round;
            // The first return that reaches behind a commit makes it void; later ones find it so.
            let first = (0..).zip(&self.returns).filter(|(_, there)| voids(&there.back));
            if let Some((index, _)) = first.min_by_key(|(_, there)| there.back.lineage) {
                let index: usize = index;
                void[index].push(commit);
            }
        }
        void
    }
}
