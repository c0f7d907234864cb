//! The data plane: sums one range of the parameter vector, round after round. It decides nothing: the members say which
//! contributions belong together, as the coordinator has told them, and no member uses a sum before the coordinator has closed
//! its round.
//!
//! Means of floats are computed while values arrive, in the order of slots, so that memory does not grow with the number of
//! members, and are sent while later values still arrive. Sums of signs are small and do not depend on the order: their messages
//! are kept until all have arrived.

mod service;
mod state;
mod sum;
#[cfg(test)]
mod tests;

pub(crate) use service::ReducerService;

use crate::state_machine::{Fence, Slot};
use bytes::Bytes;
use state::Kept;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stentor_experiment::{BmufWeights, Experiment, GtcDownlink};
use stentor_proto::v1;
use stentor_runtime::traces::{Attribute, RoundTrace};
use stentor_store::Store;
use sum::{Progress, Sum};
use thiserror::Error;
use tokio::sync::watch;

/// Why a payload or a request was refused.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// The round is over, or its members have changed.
    #[error("{found:?} is past: the reducer is at {newest:?}")]
    Stale { found: Fence, newest: Fence },
    /// The payload cannot be summed.
    #[error("slot {slot}: {reason}")]
    Payload { slot: Slot, reason: String },
    /// This process began within the lineage, so it does not have the downlink's residual.
    #[error(
        "reducer {index} was started within lineage {lineage} and lacks the residual of the rounds before round {round}: \
         the run must return to a checkpoint"
    )]
    ResidualLost { index: usize, lineage: u64, round: u64 },
    /// The reducer's part of a checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] stentor_checkpoint::Error),
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
}

/// Sums one range of the parameter vector.
#[derive(Debug)]
pub(crate) struct RangeReducer {
    /// Its place among the reducers.
    index: usize,
    range: Range<usize>,
    weights: BmufWeights,
    /// Name and folder of the run.
    name: String,
    run: Store,
    kept: tokio::sync::Mutex<Kept>,
    sums: Mutex<Sums>,
    /// Changes with every step of a sum, to wake the calls that wait for their turn.
    moved: watch::Sender<u64>,
}

/// The sums of the newest round, one for each group, and those of the previous round, which slow members still fetch.
#[derive(Debug, Default)]
struct Sums {
    newest: Option<Fence>,
    open: HashMap<u32, Sum>,
    before: HashMap<u32, Sum>,
}

/// A member's place in a sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) fence: Fence,
    pub(crate) group: u32,
    pub(crate) slot: Slot,
}

/// The parts of a sum that are ready and have not been fetched.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) parts: Vec<Bytes>,
    /// Present if the sum is complete.
    pub(crate) end: Option<v1::SumEnd>,
}

impl RangeReducer {
    /// A reducer for `range`, the `index`-th of the run's.
    pub(crate) fn new(experiment: &Experiment, run: Store, index: usize, range: Range<usize>) -> Self {
        let exchange = &experiment.exchange;
        Self {
            index,
            weights: exchange.bmuf.weights,
            name: experiment.run.name.clone(),
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
        let holds = {
            let mut kept = self.kept.lock().await;
            kept.follow(&self.run, self.index, fence, &header.lineage_start).await?;
            kept.holds()
        };
        let refuse = |reason: String| Refusal::Payload { slot: header.slot, reason };
        let sum_group = header.sum_group.as_ref().ok_or_else(|| refuse("expected a sum group".into()))?;
        let mut sums = self.lock();
        sums.advance(fence)?;
        let sum = match sums.open.get_mut(&sum_group.group) {
            Some(sum) => sum,
            None => {
                let sum = Sum::new(fence, header, sum_group, self.values(), self.weights, holds);
                sums.open.entry(sum_group.group).or_insert(sum.map_err(refuse)?)
            }
        };
        sum.check(header, sum_group).map_err(refuse)?;
        sum.begin(header.slot, header.frames).map_err(refuse)?;
        drop(sums);
        self.wake();
        Ok(())
    }

    /// Adds the part of a payload that begins at byte `offset`, as soon as it is the member's turn.
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
                    sums.forget();
                }
                turn
            };
            if added {
                self.wake();
                return Ok(());
            }
            // The sender lives as long as the reducer.
            let _ = moved.changed().await;
        }
    }

    /// A payload is complete, and its digest is correct.
    pub(crate) fn end(&self, at: &Place) {
        if let Ok(sum) = self.lock().open_sum(at) {
            sum.end(at.slot);
        }
        self.wake();
    }

    /// A payload turned out to be damaged after it was added: the sum cannot be used.
    pub(crate) fn spoil(&self, at: &Place) {
        let mut sums = self.lock();
        if sums.open_sum(at).is_ok() {
            sums.open.remove(&at.group);
        }
        drop(sums);
        self.wake();
    }

    /// The final parts of a sum from part number `from` on; waits until there is one.
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        fence: Fence,
        group: u32,
        from: usize,
    ) -> Result<Ready, Refusal> {
        let mut moved = self.moved.subscribe();
        loop {
            let progress = {
                let mut sums = self.lock();
                match sums.find(fence, group)? {
                    Some(sum) => sum.progress(from),
                    None => Progress::Nothing,
                }
            };
            match progress {
                Progress::Ready(ready) => return Ok(ready),
                Progress::Finish(sum) => {
                    // In a task of its own: other members need the sum too if this caller is gone before it is made.
                    let reducer = Arc::clone(self);
                    let made = tokio::spawn(async move { reducer.finish(fence, group, *sum).await }).await;
                    made.unwrap_or_else(|e| Err(reduction_failed(&e)))?;
                }
                Progress::Nothing => {
                    // The sender lives as long as the reducer.
                    let _ = moved.changed().await;
                }
            }
        }
    }

    /// Makes a sum for which all payloads are needed. One that cannot be made is dropped, so that no member waits for it.
    async fn finish(&self, fence: Fence, group: u32, sum: sum::Whole) -> Result<(), Refusal> {
        let made = self.make(fence, sum).await;
        let result = {
            let mut sums = self.lock();
            match made {
                Ok(payload) => {
                    // If it was overtaken meanwhile, nobody needs it.
                    if let Ok(Some(sum)) = sums.find(fence, group) {
                        sum.publish(payload);
                    }
                    Ok(())
                }
                Err(refusal) => {
                    sums.drop_sum(fence, group);
                    Err(refusal)
                }
            }
        };
        self.wake();
        result
    }

    async fn make(&self, fence: Fence, sum: sum::Whole) -> Result<Vec<u8>, Refusal> {
        let mut kept = self.kept.lock().await;
        kept.check(fence)?;
        let (began, started) = (std::time::SystemTime::now(), std::time::Instant::now());
        // If the reduction panics, the residual is lost, and the lineage with it.
        let mut taken = kept.take();
        let finished = tokio::task::spawn_blocking(move || (sum.finish(&mut taken), taken)).await;
        let (payload, taken) = finished.map_err(|e| reduction_failed(&e))?;
        *kept = taken;
        let took = started.elapsed();
        stentor_runtime::metrics::reduction_time(took);
        if let Some(trace) = RoundTrace::of(&self.name, fence.lineage, fence.round) {
            trace.part("reduce", began, took, [("stentor.reducer", Attribute::Count(self.index as u64))]);
        }
        payload.map_err(|reason| Refusal::Payload { slot: 0, reason })
    }

    /// Writes the state that is kept after the round of `fence` as part of checkpoint `name`.
    pub(crate) async fn save(&self, fence: Fence, name: &str) -> Result<Vec<v1::WrittenObject>, Refusal> {
        self.kept.lock().await.save(&self.run, self.index, fence, name).await
    }

    fn wake(&self) {
        self.moved.send_modify(|n| *n = n.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        // A panic within a sum leaves it incomplete: it is never fetched.
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reduction_failed(error: &tokio::task::JoinError) -> Refusal {
    Refusal::Payload { slot: 0, reason: format!("the reduction failed: {error}") }
}

impl Sums {
    /// Moves on to `fence` if it is newer.
    fn advance(&mut self, fence: Fence) -> Result<(), Refusal> {
        let newest = *self.newest.get_or_insert(fence);
        if fence < newest {
            return Err(Refusal::Stale { found: fence, newest });
        }
        if fence > newest {
            let open = std::mem::take(&mut self.open);
            // Sums of the same round for other members, or of another lineage, are void. Calls that wait for one are woken
            // and get an error. A complete sum may still be fetched, and perhaps still has to be made: the members of one
            // group may be a round ahead of those of another.
            if fence.lineage != newest.lineage {
                self.before.clear();
            } else if fence.round != newest.round {
                self.before = open.into_iter().filter(|(_, sum)| sum.is_complete()).collect();
            }
            self.newest = Some(fence);
        }
        Ok(())
    }

    /// Drops sums of the previous round that are no longer needed: members that contribute to this round have fetched them.
    fn forget(&mut self) {
        let Self { open, before, .. } = self;
        let contributes =
            |slot: &Slot| open.values().any(|sum| sum.has_begun() && sum.slots().binary_search(slot).is_ok());
        before.retain(|_, sum| !sum.slots().iter().all(contributes));
    }

    fn open_sum(&mut self, at: &Place) -> Result<&mut Sum, Refusal> {
        let newest = self.newest.unwrap_or(at.fence);
        match self.open.get_mut(&at.group) {
            Some(sum) if sum.fence == at.fence => Ok(sum),
            _ => Err(Refusal::Stale { found: at.fence, newest }),
        }
    }

    /// Drops the sum of `fence`, which cannot be made.
    fn drop_sum(&mut self, fence: Fence, group: u32) {
        for sums in [&mut self.open, &mut self.before] {
            if sums.get(&group).is_some_and(|sum| sum.fence == fence) {
                sums.remove(&group);
            }
        }
    }

    /// The sum of `fence`; `None` if it is not known yet.
    fn find(&mut self, fence: Fence, group: u32) -> Result<Option<&mut Sum>, Refusal> {
        let newest = self.newest.unwrap_or(fence);
        let sums = if fence < newest { &mut self.before } else { &mut self.open };
        match sums.get_mut(&group).filter(|sum| sum.fence == fence) {
            Some(sum) => Ok(Some(sum)),
            None if fence < newest => Err(Refusal::Stale { found: fence, newest }),
            None => Ok(None),
        }
    }
}
