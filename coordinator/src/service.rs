use crate::core::Session;
use crate::engine::{Command, Joining, Staged};
use crate::wire;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stentor_proto::v1::coordinator_server::Coordinator;
use stentor_proto::{PayloadAssembler, parts, v1};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// Speaks gRPC and hands everything to the engine.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    engine: mpsc::Sender<Command>,
    run_id: Arc<str>,
    /// Largest payload of a contribution: a whole model and some room for a header.
    payload_limit: u64,
    sessions: Arc<AtomicU64>,
}

type Parts<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    pub(crate) fn new(engine: mpsc::Sender<Command>, run_id: &str, parameters: usize) -> Self {
        let payload_limit = 4 * parameters as u64 + 4096;
        Self { engine, run_id: run_id.into(), payload_limit, sessions: Arc::new(AtomicU64::new(1)) }
    }

    async fn tell(&self, command: Command) -> Result<(), Status> {
        self.engine.send(command).await.map_err(|_| over())
    }
}

fn over() -> Status {
    Status::unavailable("the coordinator is stopping")
}

/// Reports a session as lost when dropped: a caller that goes away cancels its call.
struct Guard {
    engine: mpsc::Sender<Command>,
    session: Session,
    armed: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.armed {
            let lost = Command::Lost { session: self.session, reason: "its connection broke".into() };
            // The queue is only full or closed where the engine is ending or far behind; silence then tells the same.
            let _ = self.engine.try_send(lost);
        }
    }
}

#[tonic::async_trait]
impl Coordinator for Service {
    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinReply>, Status> {
        let request = request.into_inner();
        // It becomes part of object names and of messages.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=128).contains(&request.identity.len()) || !request.identity.chars().all(plain) {
            return Err(Status::invalid_argument(
                "expected an identity of 1 to 128 letters, digits, `-`, `_` or `.`",
            ));
        }
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        let mut guard = Guard { engine: self.engine.clone(), session, armed: true };
        self.tell(Command::Join(Joining { session, request, reply })).await?;
        let reply = answer.await.map_err(|_| over())??;
        guard.armed = false;
        Ok(Response::new(reply))
    }

    type ExchangeStream = Parts<v1::UpdatePart>;

    async fn exchange(
        &self,
        request: Request<Streaming<v1::ContributionPart>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let mut stream = request.into_inner();
        let Some(v1::contribution_part::Part::Header(header)) = next(&mut stream).await?.and_then(|p| p.part)
        else {
            return Err(Status::invalid_argument("expected a contribution's header first"));
        };
        let (announced, digest) = (header.payload_bytes, header.payload_digest);
        let header_bytes = stentor_proto::encoded_len(&header);
        let arrival = wire::arrival(&self.run_id, header).map_err(Status::failed_precondition)?;
        let mut payload = PayloadAssembler::new(announced, self.payload_limit)
            .map_err(|e| Status::out_of_range(e.to_string()))?;
        while let Some(part) = next(&mut stream).await? {
            match part.part {
                Some(v1::contribution_part::Part::Payload(bytes)) => {
                    payload.push(&bytes).map_err(|e| Status::out_of_range(e.to_string()))?;
                }
                _ => {
                    return Err(Status::invalid_argument(
                        "expected payload after the header, found another one",
                    ));
                }
            }
        }
        let payload = payload.finish().map_err(|e| Status::data_loss(e.to_string()))?;
        let found = stentor_exchange::digest(&payload);
        if found != digest {
            return Err(Status::data_loss(format!(
                "expected payload digest {digest:016x}, found {found:016x}"
            )));
        }
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Contribution(Staged { arrival, payload, header_bytes, reply })).await?;
        let update = answer.await.map_err(|_| over())??;
        let header = v1::UpdatePart { part: Some(v1::update_part::Part::Header(update.header)) };
        let payload = parts(&update.payload)
            .map(|bytes| v1::UpdatePart { part: Some(v1::update_part::Part::Payload(bytes)) });
        Ok(Response::new(Box::pin(tokio_stream::iter(std::iter::once(header).chain(payload).map(Ok)))))
    }

    async fn report(
        &self,
        request: Request<v1::BoundaryReport>,
    ) -> Result<Response<v1::ReportReply>, Status> {
        let report = request.into_inner();
        let peak_rss_mb = report.peak_rss_mb;
        let report = wire::report(&self.run_id, report).map_err(Status::failed_precondition)?;
        self.tell(Command::Report { report, peak_rss_mb }).await?;
        Ok(Response::new(v1::ReportReply {}))
    }

    type AttendStream = Parts<v1::Notice>;

    async fn attend(
        &self,
        request: Request<Streaming<v1::Heartbeat>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let mut stream = request.into_inner();
        let Some(first) = next(&mut stream).await? else {
            return Err(Status::invalid_argument("expected a heartbeat"));
        };
        if first.run_id != *self.run_id {
            let found = first.run_id;
            return Err(Status::failed_precondition(format!(
                "expected run `{}`, found `{found}`",
                self.run_id
            )));
        }
        let session = first.session;
        let (notices, receiver) = mpsc::channel(4);
        self.tell(Command::Attend { session, notices }).await?;
        let engine = self.engine.clone();
        tokio::spawn(async move {
            let _guard = Guard { engine: engine.clone(), session, armed: true };
            let mut beat = Some(first);
            while let Some(heartbeat) = beat {
                let heard = Command::Heard { session, doing: heartbeat.doing };
                if engine.send(heard).await.is_err() {
                    return;
                }
                beat = stream.next().await.and_then(Result::ok);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver).map(Ok))))
    }

    async fn leave(&self, request: Request<v1::LeaveRequest>) -> Result<Response<v1::LeaveReply>, Status> {
        let v1::LeaveRequest { run_id, identity, reason, fatal } = request.into_inner();
        if run_id != *self.run_id {
            return Err(Status::failed_precondition(format!(
                "expected run `{}`, found `{run_id}`",
                self.run_id
            )));
        }
        self.tell(Command::Leave { identity, reason, fatal }).await?;
        Ok(Response::new(v1::LeaveReply {}))
    }

    async fn status(
        &self,
        _request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusReply>, Status> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Status(reply)).await?;
        Ok(Response::new(answer.await.map_err(|_| over())?))
    }
}

async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Status> {
    stream.next().await.transpose()
}
