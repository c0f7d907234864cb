//! The data plane: sums one range of the parameter vector, round after round. It decides nothing: the coordinator announces each
//! round and says who may stage what, and no member uses a sum before the coordinator has closed its round. A payload that cannot be
//! part of a sum spoils it; the coordinator is told whose it is, and the others stage once more without that member.
//!
//! Means of floats are computed while values arrive, in the order of slots, so that memory does not grow with the number of
//! members, and are sent while later values still arrive. Sums of signs are small and do not depend on the order: their messages
//! are kept until all have arrived.

mod norms;
mod remote;
mod service;
mod state;
mod sum;
#[cfg(test)]
mod tests;

pub(crate) use remote::Reducers;
pub(crate) use service::ReducerService;

use crate::claim::LINEAGES;
use crate::state_machine::{Announcement, Encoding, Fence, Seat, SetAside, Slot};
use bytes::Bytes;
use norms::{Norms, Outlier};
use state::Kept;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stentor_exchange::Deltas;
use stentor_experiment::{BlockMoments, BmufWeights, Experiment, GtcDownlink};
use stentor_proto::v1;
use stentor_runtime::traces::{Attribute, RoundTrace};
use stentor_store::Store;
use sum::{Progress, Sum};
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

/// The sums of the newest round, one for each group, and those of the previous round, which slow members still fetch.
#[derive(Debug, Default)]
struct Sums {
    /// What the coordinator announced last.
    announced: Option<Announcement>,
    open: HashMap<u32, Sum>,
    before: HashMap<u32, Sum>,
    norms: Norms,
}

/// Number of members set aside that the coordinator has not read yet. It drops each of them once, so further ones add nothing.
const UNREAD: usize = 64;

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

    /// A coordinator begins to announce rounds, in place of any other. Returns the members that are set aside from now on.
    pub(crate) fn listen(&self) -> mpsc::Receiver<SetAside> {
        let (sender, receiver) = mpsc::channel(UNREAD);
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// The first announcement of a coordinator. A reducer may outlive a run: if the run in its folder began anew, what is known of
    /// the one before is void.
    pub(crate) async fn meet(&self, announcement: Announcement) {
        let lineage = announcement.fence.lineage;
        let is_behind = self.lock().newest().is_some_and(|newest| lineage < newest.lineage);
        // A coordinator that was replaced has not the newest claim.
        if is_behind
            && crate::claim::newest_claim(&self.run).await.is_ok_and(|newest| newest == lineage / LINEAGES)
        {
            tracing::info!(lineage, "the run began anew");
            let mut kept = self.kept.lock().await;
            kept.take();
            *self.lock() = Sums::default();
        }
        self.announce(announcement);
    }

    /// The coordinator has opened a round, or its members have changed. An announcement of an earlier round is ignored: it is of a
    /// coordinator that was replaced.
    pub(crate) fn announce(&self, announcement: Announcement) {
        self.lock().follow(announcement);
        self.wake();
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
            kept.follow(&self.run, self.index, fence, &header.lineage_start).await?;
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
        let told = SetAside { fence, slot, reason: reason.clone() };
        if let Some(coordinator) = &*self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) {
            // If it is gone, its successor begins another lineage.
            let _ = coordinator.try_send(told);
        }
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

impl Sums {
    /// Moves on to the round that the coordinator announces.
    fn follow(&mut self, announcement: Announcement) {
        let fence = announcement.fence;
        let newest = self.newest().unwrap_or(fence);
        if fence < newest {
            return;
        }
        if fence > newest {
            let open = std::mem::take(&mut self.open);
            // Sums of the same round for other members, or of another lineage, are void. Calls that wait for one are woken
            // and get an error. A complete sum may still be fetched, and perhaps still has to be made: members fetch after
            // their round has closed.
            if fence.lineage != newest.lineage {
                self.before.clear();
            } else if fence.round != newest.round {
                self.before = open.into_iter().filter(|(_, sum)| sum.is_complete()).collect();
            }
        }
        self.announced = Some(announcement);
    }

    fn newest(&self) -> Option<Fence> {
        self.announced.as_ref().map(|announced| announced.fence)
    }

    /// Whether `fence` is not announced yet.
    fn is_ahead(&self, fence: Fence) -> bool {
        self.newest().is_none_or(|newest| fence > newest)
    }

    fn announced_at(&self, fence: Fence) -> Result<&Announcement, Refusal> {
        let newest = self.newest().unwrap_or(fence);
        let stale = Refusal::Stale { found: fence, newest };
        self.announced.as_ref().filter(|announced| announced.fence == fence).ok_or(stale)
    }

    /// A member's payload begins. The inner error says why it cannot be part of the sum.
    fn begin(
        &mut self,
        header: &v1::StageHeader,
        at: &Place,
        values: usize,
        weights: BmufWeights,
        holds: bool,
    ) -> Result<Result<(), String>, Refusal> {
        let slots: Vec<Slot> = {
            let seats: &BTreeMap<Slot, Seat> = &self.announced_at(at.fence)?.seats;
            let seat = seats.get(&at.slot).ok_or(Refusal::Stranger { slot: at.slot })?;
            seat.sum_group.slots.clone()
        };
        let sum_group = v1::SumGroup { slots, group: at.group, speaks: true };
        let sum = match self.open.get_mut(&at.group) {
            Some(sum) => sum,
            None => match Sum::new(at.fence, header, &sum_group, values, weights, holds) {
                Ok(sum) => self.open.entry(at.group).or_insert(sum),
                Err(reason) => return Ok(Err(reason)),
            },
        };
        Ok(sum.check(header, &sum_group).and_then(|()| sum.begin(at.slot, header.frames)))
    }

    /// Drops sums of the previous round that are no longer needed: members that contribute to this round have fetched them.
    fn forget(&mut self) {
        let Self { open, before, .. } = self;
        let contributes =
            |slot: &Slot| open.values().any(|sum| sum.has_begun() && sum.slots().binary_search(slot).is_ok());
        before.retain(|_, sum| !sum.slots().iter().all(contributes));
    }

    fn open_sum(&mut self, at: &Place) -> Result<&mut Sum, Refusal> {
        let newest = self.newest().unwrap_or(at.fence);
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
        let newest = self.newest().unwrap_or(fence);
        let sums = if fence < newest { &mut self.before } else { &mut self.open };
        match sums.get_mut(&group).filter(|sum| sum.fence == fence) {
            Some(sum) => Ok(Some(sum)),
            None if fence < newest => Err(Refusal::Stale { found: fence, newest }),
            None => Ok(None),
        }
    }
}
