use super::{Place, RangeReducer, Ready, Refusal};
use crate::{limits, sender, wire};
use std::pin::Pin;
use std::sync::Arc;
use stentor_exchange::Digest;
use stentor_proto::{MAX_PART_BYTES, v1};
use stentor_rounds::{Announcement, Fence};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// The gRPC service of a [`RangeReducer`].
#[derive(Debug, Clone)]
pub(crate) struct ReducerService {
    reducer: Arc<RangeReducer>,
    /// Name of the run without the incarnation, because a reducer outlives its coordinator.
    run: Arc<str>,
    /// Whether a coordinator announces rounds by a call. One in the same process needs none, and no other one may.
    is_separate: bool,
}

impl ReducerService {
    /// The reducer of the coordinator in the same process.
    pub(crate) fn own(reducer: Arc<RangeReducer>, run: &str) -> Self {
        Self { reducer, run: run.into(), is_separate: false }
    }

    /// A reducer in a process of its own.
    pub(crate) fn separate(reducer: Arc<RangeReducer>, run: &str) -> Self {
        Self { is_separate: true, ..Self::own(reducer, run) }
    }

    fn fence(&self, fence: Option<v1::Fence>) -> Result<Fence, Status> {
        let fence = fence.ok_or_else(|| Status::invalid_argument("expected a fence, found none"))?;
        let run = fence.run_id.rsplit_once('-').map_or("", |(run, _)| run);
        if run != &*self.run {
            let (expected, found) = (&self.run, &fence.run_id);
            return Err(Status::failed_precondition(format!("expected run `{expected}`, found `{found}`")));
        }
        Ok(Fence { lineage: fence.lineage, membership_epoch: fence.membership_epoch, round: fence.round })
    }

    fn announced(&self, announcement: v1::Announcement) -> Result<Announcement, Status> {
        let fence = self.fence(announcement.fence.clone())?;
        wire::announced(fence, announcement).map_err(Status::invalid_argument)
    }

    /// Size of the largest payload: values and optimiser vectors as f32, and space for a message's header.
    fn limit(&self, sections: u32) -> u64 {
        4 * self.reducer.values() as u64 * u64::from(sections.clamp(1, 4)) + 4096
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let words = refusal.to_string();
        match refusal {
            Refusal::Stale { .. } => Status::aborted(words),
            Refusal::Store(_) => Status::unavailable(words),
            Refusal::ResidualLost { .. }
            | Refusal::Payload { .. }
            | Refusal::Stranger { .. }
            | Refusal::Replaced { .. } => Status::failed_precondition(words),
            Refusal::Checkpoint(_) => Status::internal(words),
        }
    }
}

#[tonic::async_trait]
impl v1::reducer_server::Reducer for ReducerService {
    async fn stage(
        &self,
        request: Request<Streaming<v1::StagePart>>,
    ) -> Result<Response<v1::StageReply>, Status> {
        use v1::stage_part::Part;
        let holder = sender::holder(&request);
        let mut stream = request.into_inner();
        let Some(Part::Header(header)) = stream.next().await.transpose()?.and_then(|p| p.part) else {
            return Err(Status::invalid_argument("expected a payload's header first"));
        };
        let (announced, limit) = (header.payload_bytes, self.limit(header.sections));
        if announced > limit {
            let words = format!("payload of {announced} bytes announced, at most {limit} are accepted");
            return Err(Status::out_of_range(words));
        }
        let fence = self.fence(header.fence.clone())?;
        header.sum_group.as_ref().map_or(Ok(()), limits::sum_group)?;
        let group = header.sum_group.as_ref().map_or(0, |c| c.group);
        let place = Place { fence, group, slot: header.slot };
        self.reducer.expect(&header, fence, |identity| sender::may_be(holder.as_deref(), identity)).await?;
        let (mut offset, mut digest) = (0usize, Digest::default());
        while let Some(part) = stream.next().await.transpose()? {
            let Some(Part::Payload(bytes)) = part.part else {
                return Err(Status::invalid_argument("expected payload after the header, found another one"));
            };
            let end = offset as u64 + bytes.len() as u64;
            // Without empty parts the number of messages is bounded by the announced size.
            if bytes.is_empty() || bytes.len() > MAX_PART_BYTES || end > announced {
                let words = format!("part of {} bytes at {offset} of {announced} announced", bytes.len());
                return Err(self.reducer.set_aside(&place, words).into());
            }
            digest.update(&bytes);
            self.reducer.add(&place, offset, &bytes).await?;
            offset = end as usize;
        }
        let (expected, found) = (header.payload_digest, digest.finish());
        if offset as u64 != announced || found != expected {
            let words = format!(
                "expected {announced} bytes with digest {expected:016x}, found {offset} with {found:016x}"
            );
            return Err(self.reducer.set_aside(&place, words).into());
        }
        self.reducer.end(&place)?;
        Ok(Response::new(v1::StageReply {}))
    }

    type FetchStream = Pin<Box<dyn Stream<Item = Result<v1::SumPart, Status>> + Send>>;

    async fn fetch(&self, request: Request<v1::FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        use v1::sum_part::Part;
        let v1::FetchRequest { fence, group } = request.into_inner();
        let (fence, reducer) = (self.fence(fence)?, Arc::clone(&self.reducer));
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            let mut from = 0;
            loop {
                // If the caller is gone, the wait ends.
                let ready = tokio::select! {
                    ready = reducer.fetch(fence, group, from) => ready,
                    () = sender.closed() => return,
                };
                let (parts, end) = match ready {
                    Ok(Ready { parts, end }) => (parts, end),
                    Err(refusal) => {
                        let _ = sender.send(Err(refusal.into())).await;
                        return;
                    }
                };
                from += parts.len();
                let is_over = end.is_some();
                for part in parts.into_iter().map(Part::Payload).chain(end.map(Part::End)) {
                    if sender.send(Ok(v1::SumPart { part: Some(part) })).await.is_err() {
                        return;
                    }
                }
                if is_over {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn save(&self, request: Request<v1::SaveRequest>) -> Result<Response<v1::SaveReply>, Status> {
        let v1::SaveRequest { fence, checkpoint } = request.into_inner();
        let fence = self.fence(fence)?;
        if stentor_checkpoint::checkpoint_age(&checkpoint).is_none() {
            return Err(Status::invalid_argument(format!(
                "expected the name of a checkpoint, found `{checkpoint}`"
            )));
        }
        Ok(Response::new(v1::SaveReply { written: self.reducer.save(fence, &checkpoint).await? }))
    }
    type FollowStream = Pin<Box<dyn Stream<Item = Result<v1::SetAside, Status>> + Send>>;

    async fn follow(
        &self,
        request: Request<Streaming<v1::Announcement>>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        if !self.is_separate {
            let words =
                "this reducer is in the process of its coordinator, which is the only one to announce rounds";
            return Err(Status::failed_precondition(words));
        }
        let mut announcements = request.into_inner();
        let this = self.clone();
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            // The coordinator before keeps its place until this one shows that it is newer.
            let Some(Ok(first)) = announcements.next().await else { return };
            let run_id = first.fence.as_ref().map(|fence| fence.run_id.clone()).unwrap_or_default();
            let met = match this.announced(first) {
                Ok(first) => this.reducer.meet(first).await.map_err(Status::from),
                Err(status) => Err(status),
            };
            let mut set_aside = match met {
                Ok(set_aside) => set_aside,
                Err(status) => {
                    let _ = sender.send(Err(status)).await;
                    return;
                }
            };
            loop {
                tokio::select! {
                    announcement = announcements.next() => {
                        let Some(Ok(announcement)) = announcement else { return };
                        match this.announced(announcement) {
                            Ok(announcement) => this.reducer.announce(announcement),
                            Err(status) => {
                                let _ = sender.send(Err(status)).await;
                                return;
                            }
                        }
                    }
                    told = set_aside.recv() => {
                        // Another coordinator has taken over.
                        let Some(told) = told else { return };
                        if sender.send(Ok(wire::set_aside(&run_id, told))).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}
