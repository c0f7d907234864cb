//! The data plane: sums one range of the parameter vector, round after round. It decides nothing: whose contributions
//! belong together is told by the members themselves, who have it from the coordinator, and a sum is only fetched once the
//! coordinator has closed the round.
//!
//! Means of floats are made while values come, in the order of slots, so that memory does not grow with the members; sums
//! of signs are small and do not depend on any order, so their messages are kept until the sum is fetched.

mod service;
mod state;
mod sum;

pub(crate) use service::ReducerService;

use crate::core::{Fence, Slot};
use bytes::Bytes;
use state::Kept;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use stentor_experiment::{BmufWeights, Experiment, GtcDownlink};
use stentor_proto::v1;
use stentor_store::Store;
use sum::Sum;
use thiserror::Error;
use tokio::sync::watch;

/// Why a payload or a request was not taken.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// The round is over, or its members have changed.
    #[error("{found:?} is past: the reducer is at {newest:?}")]
    Stale { found: Fence, newest: Fence },
    /// Nothing is known of the round.
    #[error("nothing was staged for {found:?}; was the reducer started again?")]
    Unknown { found: Fence },
    /// The payload cannot be summed.
    #[error("slot {slot}: {reason}")]
    Payload { slot: Slot, reason: String },
    /// What was kept for a checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] stentor_checkpoint::Error),
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
}

/// Sums one range of the parameter vector.
#[derive(Debug)]
pub(crate) struct RangeReducer {
    /// Its number among the reducers.
    index: usize,
    range: Range<usize>,
    weights: BmufWeights,
    run: Store,
    kept: tokio::sync::Mutex<Kept>,
    sums: Mutex<Sums>,
    /// Changes with every step of a sum, to wake whoever waits for its turn.
    moved: watch::Sender<u64>,
}

/// The sums of the newest round, one for each group, and those before it that may still be fetched.
#[derive(Debug, Default)]
struct Sums {
    newest: Option<Fence>,
    open: HashMap<u32, Sum>,
    done: HashMap<u32, (Fence, Done)>,
}

/// A finished sum.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) payload: Bytes,
    pub(crate) digest: u64,
}

impl RangeReducer {
    /// A reducer for `range`, the `index`-th of the run's.
    pub(crate) fn new(experiment: &Experiment, run: Store, index: usize, range: Range<usize>) -> Self {
        let exchange = &experiment.exchange;
        Self {
            index,
            weights: exchange.bmuf.weights,
            kept: tokio::sync::Mutex::new(Kept::new(exchange.gtc.downlink == GtcDownlink::Rethreshold)),
            range,
            run,
            sums: Mutex::default(),
            moved: watch::Sender::new(0),
        }
    }

    pub(crate) fn values(&self) -> usize {
        self.range.len()
    }

    /// Prepares for a member's payload: opens its sum, or joins the one that is open.
    pub(crate) async fn expect(&self, header: &v1::StageHeader, fence: Fence) -> Result<(), Refusal> {
        self.kept.lock().await.follow(&self.run, self.index, fence.lineage, &header.lineage_start).await?;
        let refuse = |reason: String| Refusal::Payload { slot: header.slot, reason };
        let company = header.company.as_ref().ok_or_else(|| refuse("expected a company".into()))?;
        let fresh = || Sum::new(fence, header, company, self.values(), self.weights).map_err(refuse);
        let mut sums = self.lock();
        let newest = *sums.newest.get_or_insert(fence);
        if fence < newest {
            return Err(Refusal::Stale { found: fence, newest });
        }
        if fence > newest {
            // Whoever waits within an older one is woken and told so.
            sums.open.clear();
            sums.newest = Some(fence);
            self.moved.send_modify(|n| *n += 1);
        }
        match sums.open.get_mut(&company.group) {
            Some(sum) => sum.check(header, company).map_err(refuse)?,
            None => {
                sums.open.insert(company.group, fresh()?);
            }
        }
        let sum = sums.open.get_mut(&company.group).ok_or(Refusal::Unknown { found: fence })?;
        sum.begin(header.slot, header.frames).map_err(refuse)?;
        drop(sums);
        self.moved.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Adds the part of a payload that begins at byte `at`, as soon as it is the member's turn.
    pub(crate) async fn add(&self, at: &Place, offset: usize, part: &Bytes) -> Result<(), Refusal> {
        let mut moved = self.moved.subscribe();
        loop {
            let added = {
                let mut sums = self.lock();
                let sum = sums.open_sum(at)?;
                let turn = sum.is_turn_of(at.slot, offset + part.len());
                if turn {
                    sum.add(at.slot, offset, part)
                        .map_err(|reason| Refusal::Payload { slot: at.slot, reason })?;
                }
                turn
            };
            if added {
                self.moved.send_modify(|n| *n += 1);
                return Ok(());
            }
            // The sender lives as long as the reducer.
            let _ = moved.changed().await;
        }
    }

    /// All of a payload is there.
    pub(crate) fn end(&self, at: &Place) {
        if let Ok(sum) = self.lock().open_sum(at) {
            sum.end(at.slot);
        }
    }

    /// A payload turned out to be damaged after it was summed: nothing of the sum can be used.
    pub(crate) fn spoil(&self, at: &Place) {
        let mut sums = self.lock();
        if sums.open_sum(at).is_ok() {
            sums.open.remove(&at.group);
        }
        drop(sums);
        self.moved.send_modify(|n| *n += 1);
    }

    /// The sum of a closed round. The first who asks has it made.
    pub(crate) async fn fetch(&self, fence: Fence, group: u32) -> Result<Done, Refusal> {
        let mut kept = self.kept.lock().await;
        let sum = {
            let mut sums = self.lock();
            if let Some((of, done)) = sums.done.get(&group)
                && *of == fence
            {
                return Ok(done.clone());
            }
            let is_it = sums.open.get(&group).is_some_and(|sum| sum.fence == fence && sum.is_complete());
            let sum = is_it.then(|| sums.open.remove(&group)).flatten();
            let sum = sum.ok_or(Refusal::Unknown { found: fence })?;
            // Everybody has contributed to this round, hence fetched the one before.
            sums.done.remove(&group);
            sum
        };
        let started = std::time::Instant::now();
        let mut taken = std::mem::take(&mut *kept);
        let (done, taken) = tokio::task::spawn_blocking(move || {
            let done = sum.finish(&mut taken);
            (done, taken)
        })
        .await
        .map_err(|e| Refusal::Payload { slot: 0, reason: format!("the reduction failed: {e}") })?;
        *kept = taken;
        let done = done.map_err(|reason| Refusal::Payload { slot: 0, reason })?;
        stentor_runtime::metrics::reduction_time(started.elapsed());
        self.lock().done.insert(group, (fence, done.clone()));
        Ok(done)
    }

    /// Writes what is kept between rounds as part of checkpoint `name`.
    pub(crate) async fn save(&self, name: &str) -> Result<Vec<v1::WrittenObject>, Refusal> {
        self.kept.lock().await.save(&self.run, self.index, name).await
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        // A panic within a sum leaves it incomplete, which is found when it is fetched.
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose payload, and of which sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) fence: Fence,
    pub(crate) group: u32,
    pub(crate) slot: Slot,
}

impl Sums {
    fn open_sum(&mut self, at: &Place) -> Result<&mut Sum, Refusal> {
        let newest = self.newest.unwrap_or(at.fence);
        match self.open.get_mut(&at.group) {
            Some(sum) if sum.fence == at.fence => Ok(sum),
            _ => Err(Refusal::Stale { found: at.fence, newest }),
        }
    }
}
