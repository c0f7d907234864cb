use crate::access::Caller;
use crate::command::{Command, Contribution, Joining, Order};
use crate::sender::{self, Sessions};
use crate::{limits, wire};
use std::pin::Pin;
use std::sync::Arc;
use stentor_dataset::Dataset;
use stentor_experiment::Experiment;
use stentor_proto::v1::coordinator_server::Coordinator;
use stentor_proto::{Agreed, v1};
use stentor_rounds::{Command as Wanted, Loss, Refusal, Session};
use stentor_runtime::metrics;
use stentor_runtime::print::printable;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// The gRPC service; passes everything to the engine.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    engine: mpsc::Sender<Command>,
    run_id: Arc<str>,
    experiment: Arc<Experiment>,
    dataset: Arc<Dataset>,
    sessions: Arc<Sessions>,
}

type Parts<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    pub(crate) fn new(
        engine: mpsc::Sender<Command>,
        run_id: &str,
        experiment: Experiment,
        dataset: Arc<Dataset>,
    ) -> Self {
        Self {
            engine,
            run_id: run_id.into(),
            experiment: Arc::new(experiment),
            dataset,
            sessions: Arc::default(),
        }
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
        // Without a runtime the coordinator has ended.
        if let (true, Ok(runtime)) = (self.armed, Handle::try_current()) {
            let (engine, session) = (self.engine.clone(), self.session);
            // Members that die together fill the engine's queue, and none of them may be forgotten: a round would wait for it
            // until its silence is noticed.
            runtime.spawn(async move {
                let loss = Loss { session, reason: "its connection broke".into() };
                // An engine that has ended needs no news.
                let _ = engine.send(Command::Lost(vec![loss])).await;
            });
        }
    }
}

#[tonic::async_trait]
impl Coordinator for Service {
    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinReply>, Status> {
        let holder = sender::holder(&request);
        let agreed = request.extensions().get::<Agreed>().cloned();
        let request = request.into_inner();
        limits::name("identity", &request.identity)?;
        limits::name("host", &request.host)?;
        let request = v1::JoinRequest { host: printable(&request.host).into_owned(), ..request };
        limits::name("version", &request.version)?;
        sender::check(holder.as_deref(), &request.identity)?;
        let (identity, release) = (request.identity.clone(), printable(&request.version).into_owned());
        let session = self.sessions.next()?;
        let (reply, answer) = oneshot::channel();
        let mut guard = Guard { engine: self.engine.clone(), session, armed: true };
        self.tell(Command::Join(Joining { session, request, reply })).await?;
        let reply = answer.await.map_err(|_| over())??;
        guard.armed = false;
        let protocol = agreed.map(|agreed| agreed.version);
        tracing::info!(identity, release, protocol, "admitted");
        Ok(Response::new(reply))
    }

    async fn contribute(
        &self,
        request: Request<Streaming<v1::ContributionNote>>,
    ) -> Result<Response<v1::RoundReply>, Status> {
        use v1::contribution_note::Note;
        let holder = sender::holder(&request);
        let mut notes = request.into_inner();
        let Some(Note::Header(mut header)) = next(&mut notes).await?.and_then(|n| n.note) else {
            return Err(Status::invalid_argument("expected a contribution's header first"));
        };
        limits::name("identity", &header.identity)?;
        sender::check(holder.as_deref(), &header.identity)?;
        let session = header.session;
        let header_bytes = stentor_proto::encoded_len(&header);
        let traffic = header.traffic.unwrap_or_default();
        let bad = wire::bad_row_groups(&self.dataset, std::mem::take(&mut header.bad_row_groups))
            .map_err(Status::invalid_argument)?;
        let arrival = wire::arrival(&self.run_id, header).map_err(|reason| {
            metrics::refused_contributions(1, Refusal::OtherRun.word());
            Status::failed_precondition(reason)
        })?;
        let (fence, identity, slot) = (arrival.fence, arrival.identity.clone(), arrival.slot);
        let (reply, mut answer) = oneshot::channel();
        let contribution = Contribution { session, arrival, bad, header_bytes, traffic, reply };
        self.tell(Command::Arrived(contribution)).await?;
        // The round may end for this member before its payload is staged.
        let staged = tokio::select! {
            answer = &mut answer => return answer.map_err(|_| over())?.map(Response::new),
            note = next(&mut notes) => note?.and_then(|n| n.note),
        };
        match staged {
            Some(Note::Staged(v1::Staged {})) => {}
            Some(Note::Header(_)) => {
                return Err(Status::invalid_argument(
                    "expected the notice that everything is staged, found another header",
                ));
            }
            None => return Err(Status::cancelled("the contribution's stream ended early")),
        }
        self.tell(Command::Staged { session, fence, identity, slot }).await?;
        answer.await.map_err(|_| over())?.map(Response::new)
    }

    async fn report(
        &self,
        request: Request<v1::BoundaryReport>,
    ) -> Result<Response<v1::ReportReply>, Status> {
        let holder = sender::holder(&request);
        let report = request.into_inner();
        limits::report(&report)?;
        sender::check(holder.as_deref(), &report.identity)?;
        let (session, peak_rss_mb) = (report.session, report.peak_rss_mb);
        let traffic = report.traffic.unwrap_or_default();
        let report = wire::report(&self.run_id, report).map_err(Status::failed_precondition)?;
        self.tell(Command::Report { session, report, peak_rss_mb, traffic }).await?;
        Ok(Response::new(v1::ReportReply {}))
    }

    type AttendStream = Parts<v1::Notice>;

    async fn attend(
        &self,
        request: Request<Streaming<v1::Heartbeat>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let holder = sender::holder(&request);
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
        limits::name("identity", &first.identity)?;
        sender::check(holder.as_deref(), &first.identity)?;
        let (session, identity) = (first.session, first.identity.clone());
        let (notices, receiver) = mpsc::channel(4);
        let (reply, is_member) = oneshot::channel();
        self.tell(Command::Attend { session, identity, notices, reply }).await?;
        is_member.await.map_err(|_| over())??;
        let engine = self.engine.clone();
        tokio::spawn(async move {
            let _guard = Guard { engine: engine.clone(), session, armed: true };
            let mut beat = Some(first);
            while let Some(heartbeat) = beat {
                let heard = Command::Heard { session, doing: limits::cut(heartbeat.doing) };
                if engine.send(heard).await.is_err() {
                    return;
                }
                beat = stream.next().await.and_then(Result::ok);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver).map(Ok))))
    }

    async fn leave(&self, request: Request<v1::LeaveRequest>) -> Result<Response<v1::LeaveReply>, Status> {
        let holder = sender::holder(&request);
        let v1::LeaveRequest { run_id, identity, reason, fatal, session } = request.into_inner();
        limits::name("run_id", &run_id)?;
        limits::name("identity", &identity)?;
        sender::check(holder.as_deref(), &identity)?;
        if run_id != *self.run_id {
            return Err(Status::failed_precondition(format!(
                "expected run `{}`, found `{run_id}`",
                self.run_id
            )));
        }
        self.tell(Command::Leave { session, identity, reason: limits::cut(reason), fatal }).await?;
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

    async fn command(
        &self,
        request: Request<v1::CommandRequest>,
    ) -> Result<Response<v1::CommandReply>, Status> {
        let caller = Caller::of(&request);
        let command = wire::command(request.into_inner()).map_err(Status::invalid_argument)?;
        if let Wanted::Switch { strategy } = command {
            let valid = self.experiment.validate_for(strategy);
            valid.map_err(|e| Status::failed_precondition(e.to_string()))?;
        }
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Order(Order { command, caller, reply })).await?;
        answer.await.map_err(|_| over())?.map(Response::new)
    }
}

async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Status> {
    stream.next().await.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[tokio::test]
    async fn when_more_members_die_at_once_than_the_queue_holds_the_engine_hears_of_each() {
        let (engine, mut inbox) = mpsc::channel(4);
        let guards: Vec<Guard> =
            (0..500).map(|session| Guard { engine: engine.clone(), session, armed: true }).collect();
        drop((guards, engine));
        let mut lost = BTreeSet::new();
        while let Some(command) = inbox.recv().await {
            let Command::Lost(losses) = command else { panic!("expected lost sessions alone") };
            lost.extend(losses.into_iter().map(|loss| loss.session));
        }
        assert_eq!(lost, (0..500).collect());
    }
}
