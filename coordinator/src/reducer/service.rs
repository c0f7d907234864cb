use super::{Place, RangeReducer, Ready, Refusal};
use crate::limits;
use crate::state_machine::Fence;
use std::pin::Pin;
use std::sync::Arc;
use stentor_exchange::Digest;
use stentor_proto::{MAX_PART_BYTES, v1};
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
}

impl ReducerService {
    pub(crate) fn new(reducer: Arc<RangeReducer>, run: &str) -> Self {
        Self { reducer, run: run.into() }
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
            Refusal::ResidualLost { .. } => Status::failed_precondition(words),
            Refusal::Payload { .. } => Status::invalid_argument(words),
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
        self.reducer.expect(&header, fence).await?;
        let (mut offset, mut digest) = (0usize, Digest::default());
        while let Some(part) = stream.next().await.transpose()? {
            let Some(Part::Payload(bytes)) = part.part else {
                return Err(Status::invalid_argument("expected payload after the header, found another one"));
            };
            let end = offset as u64 + bytes.len() as u64;
            // Without empty parts the number of messages is bounded by the announced size.
            if bytes.is_empty() || bytes.len() > MAX_PART_BYTES || end > announced {
                let words = format!("part of {} bytes at {offset} of {announced} announced", bytes.len());
                self.reducer.spoil(&place);
                return Err(Status::out_of_range(words));
            }
            digest.update(&bytes);
            self.reducer.add(&place, offset, &bytes).await?;
            offset = end as usize;
        }
        let (expected, found) = (header.payload_digest, digest.finish());
        if offset as u64 != announced || found != expected {
            self.reducer.spoil(&place);
            return Err(Status::data_loss(format!(
                "expected {announced} bytes with digest {expected:016x}, found {offset} with {found:016x}"
            )));
        }
        self.reducer.end(&place);
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
        Ok(Response::new(v1::SaveReply { written: self.reducer.save(fence, &checkpoint).await? }))
    }
}
