//! The data plane: sums one range of the parameter vector, round after round. It decides nothing: the coordinator announces each
//! round and says who may stage what, and no member uses a sum before the coordinator has closed its round. A payload that cannot be
//! part of a sum spoils it; the coordinator is told whose it is, and the others stage once more without that member.
//!
//! Means of floats are computed while values arrive, in the order of slots, so that memory does not grow with the number of
//! members, and are sent while later values still arrive. Sums of signs are small and do not depend on the order: their messages
//! are kept until all have arrived.

mod announce;
mod norms;
mod remote;
mod service;
mod state;
mod sum;
mod sums;
#[cfg(test)]
mod tests;

pub(crate) use remote::Reducers;
pub(crate) use service::ReducerService;

use bytes::Bytes;
use norms::Outlier;
use state::Kept;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stentor_exchange::Deltas;
use stentor_experiment::{BlockMoments, BmufWeights, Experiment, GtcDownlink};
use stentor_proto::v1;
use stentor_rounds::{Encoding, Fence, Seat, SetAside, Slot};
use stentor_runtime::traces::{Attribute, RoundTrace};
use stentor_signature::Digest;
use stentor_store::Store;
use sum::Progress;
use sums::Sums;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

/// Why a payload or a request was refused.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// The round is over, or its members have changed.
    #[error("{found:?} is past: the reducer is at {newest:?}")]
    Stale { found: Fence, newest: Fence },
    /// The sender is not a member of the round, or another one than it says.
    #[error("slot {slot} is not of this sender")]
    Stranger { slot: Slot },
    /// The payload cannot be summed; the coordinator has been told.
    #[error("slot {slot}: {reason}")]
    Payload { slot: Slot, reason: String },
    /// This process began within the lineage, so it does not have the downlink's residual.
    #[error(
        "reducer {index} was started within lineage {lineage} and lacks the residual of the rounds before round {round}: \
         the run must return to a checkpoint"
    )]
    ResidualLost { index: usize, lineage: u64, round: u64 },
    /// The sender's coordinator was replaced.
    #[error("another coordinator has claimed the run since incarnation {incarnation}")]
    Replaced { incarnation: u64 },
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
    /// Whether blocks have the vectors of the optimiser, too.
    averages: bool,
    /// `exchange.norm_mads`.
    norm_mads: f64,
    /// Name and folder of the run.
    name: String,
    run: Store,
    kept: tokio::sync::Mutex<Kept>,
    sums: Mutex<Sums>,
    /// Changes with every step of a sum, to wake the calls that wait for their turn.
    moved: watch::Sender<u64>,
    /// To the coordinator that announces rounds.
    coordinator: Mutex<Option<mpsc::Sender<SetAside>>>,
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
            averages: exchange.bmuf.moments == BlockMoments::Average,
            norm_mads: exchange.norm_mads,
            name: experiment.run.name.clone(),
            kept: tokio::sync::Mutex::new(Kept::new(exchange.gtc.downlink == GtcDownlink::Rethreshold)),
            range,
            run,
            sums: Mutex::default(),
            moved: watch::Sender::new(0),
            coordinator: Mutex::new(None),
        }
    }

    pub(crate) fn values(&self) -> usize {
        self.range.len()
    }

    /// Prepares for a member's payload: opens its sum, or joins the one that is open. Waits until its round is announced.
    pub(crate) async fn expect(
        &self,
        header: &v1::StageHeader,
        fence: Fence,
        may_be: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        let mut moved = self.moved.subscribe();
        while self.lock().is_ahead(fence) {
            // The sender lives as long as the reducer.
            let _ = moved.changed().await;
        }
        let group = self.seat(header, fence, may_be)?;
        let holds = {
            let mut kept = self.kept.lock().await;
            let proof = Digest::from_bytes(&header.lineage_start_blake3).into();
            kept.follow(&self.run, self.index, fence, (&header.lineage_start, proof)).await?;
            kept.holds()
        };
        let at = Place { fence, group, slot: header.slot };
        let begun = self.lock().begin(header, &at, self.values(), self.weights, holds)?;
        begun.map_err(|reason| self.set_aside(&at, reason))?;
        self.judge(&at)?;
        self.wake();
        Ok(())
    }

    /// The sum group of a payload's sender, if the payload is what the coordinator has announced.
    fn seat(
        &self,
        header: &v1::StageHeader,
        fence: Fence,
        may_be: impl Fn(&str) -> bool,
    ) -> Result<u32, Refusal> {
        let slot = header.slot;
        let (seat, encoding) = {
            let sums = self.lock();
            let announced = sums.announced_at(fence)?;
            let seat = announced.seats.get(&slot).cloned();
            (seat.ok_or(Refusal::Stranger { slot })?, announced.encoding)
        };
        if seat.session != header.session || !may_be(&seat.identity) {
            return Err(Refusal::Stranger { slot });
        }
        let group = seat.sum_group.group;
        let at = Place { fence, group, slot };
        self.fits(header, &seat, &encoding).map_err(|reason| self.set_aside(&at, reason))?;
        Ok(group)
    }

    /// Checks a payload's header against the announcement.
    fn fits(&self, header: &v1::StageHeader, seat: &Seat, encoding: &Encoding) -> Result<(), String> {
        let slots = header.sum_group.as_ref().map(|sum_group| (sum_group.group, &sum_group.slots));
        if slots != Some((seat.sum_group.group, &seat.sum_group.slots)) {
            let Seat { sum_group, .. } = seat;
            return Err(format!("expected a contribution to {sum_group:?}, found one to {slots:?}"));
        }
        if header.frames > seat.most_frames {
            let (most, found) = (seat.most_frames, header.frames);
            return Err(format!("expected at most {most} frames by its lease, found {found}"));
        }
        let found = stentor_proto::encoding(header.encoding).map_err(|e| e.to_string())?;
        if found != *encoding {
            return Err(format!("expected values encoded as {encoding:?}, found {found:?}"));
        }
        let is_model = matches!(encoding, Encoding::Block { deltas: Deltas::Model, .. });
        if header.frames > 0 && header.sections > 1 && !(self.averages && is_model) {
            return Err(format!("expected one vector, found {}", header.sections));
        }
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
                turn.then(|| sum.add(at.slot, offset, part))
            };
            if let Some(added) = added {
                added.map_err(|reason| self.set_aside(at, reason))?;
                self.judge(at)?;
                self.lock().forget();
                self.wake();
                return Ok(());
            }
            // The sender lives as long as the reducer.
            let _ = moved.changed().await;
        }
    }

    /// A payload is complete, and its digest is correct.
    pub(crate) fn end(&self, at: &Place) -> Result<(), Refusal> {
        let ended = self.lock().open_sum(at)?.end(at.slot);
        ended.map_err(|reason| self.set_aside(at, reason))?;
        self.wake();
        Ok(())
    }

    /// If all contributions to a mean have arrived, holds their norms against each other and against those of recent rounds.
    fn judge(&self, at: &Place) -> Result<(), Refusal> {
        let outlier = {
            let mut sums = self.lock();
            let Some((kind, norms)) = sums.open_sum(at)?.to_judge() else { return Ok(()) };
            match sums.norms.judge(self.norm_mads, at.fence.lineage, kind, &norms) {
                Ok(()) => {
                    sums.open_sum(at)?.judged();
                    return Ok(());
                }
                Err(outlier) => outlier,
            }
        };
        let Outlier { slot, norm, limit, median } = outlier;
        let reason = format!(
            "its values have a norm of {norm:e}, and at most {limit:e} may be added, as the median is {median:e} (exchange.norm_mads)"
        );
        let refusal = self.set_aside(&Place { slot, ..*at }, reason);
        // The sum is spoiled for whoever staged last, too.
        if slot == at.slot { Err(refusal) } else { self.lock().open_sum(at).map(|_| ()) }
    }

    /// A payload cannot be part of its sum, which may have some of it: the sum is dropped, and the coordinator is told, so that the
    /// others stage once more without this member.
    pub(crate) fn set_aside(&self, at: &Place, reason: String) -> Refusal {
        let &Place { fence, slot, .. } = at;
        {
            let mut sums = self.lock();
            if sums.open_sum(at).is_ok() {
                sums.open.remove(&at.group);
            }
        }
        self.wake();
        tracing::warn!(slot, ?fence, reason, "set aside");
        self.tell(SetAside { fence, slot, reason: reason.clone() });
        Refusal::Payload { slot, reason }
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
