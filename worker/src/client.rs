use crate::{Connector, Error};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_proto::{Announced, Refusal, v1};
use stentor_runtime::tls;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

/// How long a coordinator that was finishing its run may be gone before the run counts as finished: longer than a supervisor
/// takes to start a failed one again.
const FINISHED: Duration = Duration::from_secs(30);

/// The connection to the coordinator.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    grpc: CoordinatorClient<Announced>,
    url: String,
    connector: Connector,
}

/// What the member is doing, in words; heartbeats carry the newest text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doing(Arc<Mutex<String>>);

impl Doing {
    pub(crate) fn now(&self, words: String) {
        // The string is valid even if a thread panicked while holding the lock.
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = words;
    }

    fn words(&self) -> String {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// A contribution that has been announced to the coordinator.
#[derive(Debug)]
pub(crate) struct Contributing {
    notes: mpsc::Sender<v1::ContributionNote>,
    reply: JoinHandle<Result<v1::RoundReply, Status>>,
}

impl Contributing {
    /// Every reducer has the payload.
    pub(crate) async fn staged(&self) {
        let note = v1::contribution_note::Note::Staged(v1::Staged {});
        // If the call is over, its reply has the reason.
        let _ = self.notes.send(v1::ContributionNote { note: Some(note) }).await;
    }

    /// Waits for the round's end, or for the request to stage once more. Cancel-safe.
    pub(crate) async fn reply(&mut self) -> Result<v1::round_reply::Reply, Error> {
        let reply = (&mut self.reply).await.map_err(|e| Error::Protocol(e.to_string()))?;
        let reply = reply.map_err(session_over)?.reply;
        reply.ok_or_else(|| {
            Error::Protocol("expected an update or a request to stage once more, found neither".into())
        })
    }
}

impl Drop for Contributing {
    fn drop(&mut self) {
        self.reply.abort();
    }
}

/// What a member hears while it sends heartbeats.
#[derive(Debug)]
pub(crate) struct Attendance {
    /// Yields the reason when the session is over.
    pub(crate) over: mpsc::Receiver<String>,
    drained: Arc<AtomicBool>,
}

impl Attendance {
    /// Whether an operator has asked the member to leave.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Relaxed)
    }
}

impl Client {
    /// A connection that is opened when it is first used.
    pub(crate) fn new(url: &str, connector: Connector) -> Result<Self, Error> {
        let channel = stentor_proto::announced(connector.to(url)?);
        let grpc = CoordinatorClient::new(channel).max_decoding_message_size(2 << 20);
        Ok(Self { grpc, url: url.to_owned(), connector })
    }

    /// The coordinator's URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The connector for coordinator and reducers.
    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Requests membership until it is granted or refused, or `patience` is over. A run that is about to finish may still need
    /// the worker, if its last checkpoint cannot be written; once its coordinator has gone, it does not.
    pub(crate) async fn join(&mut self, identity: &str, patience: Duration) -> Result<v1::JoinReply, Error> {
        let started = Instant::now();
        let (mut attempt, mut finishing) = (0, None);
        loop {
            let request = v1::JoinRequest {
                identity: identity.to_owned(),
                version: env!("CARGO_PKG_VERSION").into(),
                host: host(),
                process_id: std::process::id(),
                reports_blake3: true,
            };
            let status = match self.grpc.join(request).await {
                Ok(reply) => {
                    let agreed = stentor_proto::agree_with_answer(reply.metadata());
                    let agreed = agreed.map_err(|status| Error::Refused(status.message().to_owned()))?;
                    tracing::info!(protocol = agreed.version, release = agreed.release, "admitted");
                    return Ok(reply.into_inner());
                }
                Err(status) => status,
            };
            let reason = match judge(&status) {
                Refused::Again { reason } => reason,
                Refused::Finishing { reason } => {
                    finishing = Some(Instant::now());
                    reason
                }
                Refused::ForGood(error) => return Err(error),
            };
            if finishing.is_some_and(|since| since.elapsed() > FINISHED) {
                return Err(Error::Finished("the run was finishing, and its coordinator has ended".into()));
            }
            let waited = started.elapsed();
            if waited > patience {
                return Err(Error::Unreachable {
                    url: self.url.clone(),
                    seconds: waited.as_secs_f64(),
                    reason,
                });
            }
            let delay = Duration::from_millis(100 << attempt.min(5));
            tracing::info!(reason, ?delay, "joining again");
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }

    /// Sends heartbeats that say what the member is doing, until the session is over.
    pub(crate) async fn attend(
        &mut self,
        first: v1::Heartbeat,
        every: Duration,
        doing: Doing,
    ) -> Result<Attendance, Error> {
        let (beats, outbound) = mpsc::channel(4);
        let (over, ended) = mpsc::channel(1);
        let attendance = Attendance { over: ended, drained: Arc::default() };
        let drained = Arc::clone(&attendance.drained);
        let template = first.clone();
        // The channel has room, because nothing has been sent on it yet.
        let _ = beats.try_send(first);
        let mut notices =
            self.grpc.attend(ReceiverStream::new(outbound)).await.map_err(session_over)?.into_inner();
        tokio::spawn(async move {
            let mut clock = tokio::time::interval(every);
            loop {
                tokio::select! {
                    _ = clock.tick() => {
                        let beat = v1::Heartbeat { doing: doing.words(), ..template.clone() };
                        if beats.send(beat).await.is_err() {
                            break;
                        }
                    }
                    notice = notices.next() => {
                        let reason = match notice {
                            Some(Ok(v1::Notice { drain: true, reason })) => {
                                tracing::info!(reason, "leaving when the residual is handed over");
                                drained.store(true, Ordering::Relaxed);
                                continue;
                            }
                            Some(Ok(notice)) => notice.reason,
                            Some(Err(status)) => status.message().to_owned(),
                            None => "the coordinator closed the connection".to_owned(),
                        };
                        let _ = over.send(reason).await;
                        break;
                    }
                    () = over.closed() => break,
                }
            }
        });
        Ok(attendance)
    }

    /// Announces a computed contribution to the coordinator.
    pub(crate) fn contribute(&self, header: v1::ContributionHeader) -> Contributing {
        let (notes, outbound) = mpsc::channel(2);
        let note = v1::contribution_note::Note::Header(header);
        // The channel has room, because nothing has been sent on it yet.
        let _ = notes.try_send(v1::ContributionNote { note: Some(note) });
        let mut grpc = self.grpc.clone();
        let reply = tokio::spawn(async move {
            grpc.contribute(ReceiverStream::new(outbound)).await.map(tonic::Response::into_inner)
        });
        Contributing { notes, reply }
    }

    /// Reports what was done at a boundary.
    pub(crate) async fn report(&mut self, report: v1::BoundaryReport) -> Result<(), Error> {
        self.grpc.report(report).await.map_err(session_over)?;
        Ok(())
    }

    /// Leaves the run. A missing answer is ignored, because the coordinator may be gone.
    pub(crate) async fn leave(&mut self, request: v1::LeaveRequest) {
        let leaving = self.grpc.leave(request);
        if let Ok(Err(status)) = tokio::time::timeout(Duration::from_secs(5), leaving).await {
            tracing::debug!(reason = status.message(), "could not leave the run");
        }
    }
}

/// What a refused or failed request for membership means.
#[derive(Debug)]
enum Refused {
    /// Ask again.
    Again { reason: String },
    /// Ask again: the run will hardly need this worker any more.
    Finishing { reason: String },
    /// Asking again does not help.
    ForGood(Error),
}

fn judge(status: &Status) -> Refused {
    let (reason, denied) = tls::explain(status);
    if denied {
        return Refused::ForGood(Error::Unauthorised(reason));
    }
    // A status sent by the coordinator has no source; one with a source was made locally because the connection broke.
    let broke = std::error::Error::source(status).is_some();
    match (Refusal::of(status), status.code()) {
        (Some(Refusal::Finished), _) => Refused::ForGood(Error::Finished(reason)),
        (Some(Refusal::Finishing), _) => Refused::Finishing { reason },
        (Some(Refusal::Excluded), _) => Refused::ForGood(Error::Refused(reason)),
        (None, Code::InvalidArgument) => Refused::ForGood(Error::Request(reason)),
        (
            None,
            Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Aborted | Code::ResourceExhausted,
        ) => Refused::Again { reason },
        (None, _) if broke => Refused::Again { reason },
        (None, _) => Refused::ForGood(Error::Refused(reason)),
    }
}

/// Every failure of a call within a session ends the session: the state is only safe after joining again.
#[allow(clippy::needless_pass_by_value)] // The signature that `map_err` needs.
pub(crate) fn session_over(status: Status) -> Error {
    let (words, denied) = tls::explain(&status);
    match status.code() {
        _ if denied => Error::Unauthorised(words),
        Code::InvalidArgument | Code::OutOfRange => Error::Protocol(status.message().to_owned()),
        _ => Error::SessionOver(words),
    }
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "unknown".into(), |h| h.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_runtime::{ExitStatus, ProgramError};

    /// The exit code of a worker whose request for membership is answered like this; none: it asks again.
    fn ends_with(status: &Status) -> Option<ExitStatus> {
        match judge(status) {
            Refused::ForGood(error) => Some(error.exit_status()),
            Refused::Again { .. } | Refused::Finishing { .. } => None,
        }
    }

    #[test]
    fn who_is_excluded_ends_alone_and_who_is_not_needed_ends_well() {
        assert_eq!(ends_with(&Refusal::Excluded.status("lost too often")), Some(ExitStatus::Excluded));
        assert_eq!(ends_with(&Refusal::Finished.status("over")), Some(ExitStatus::Ok));
        let finishing = Refusal::Finishing.status("its last checkpoint is being written");
        assert!(matches!(judge(&finishing), Refused::Finishing { .. }));
        assert_eq!(ends_with(&Status::invalid_argument("a name")), Some(ExitStatus::Config));
    }

    #[test]
    fn what_may_pass_is_asked_again_and_a_coordinator_of_an_earlier_version_excludes_nobody_else() {
        for status in [
            Status::unavailable("stopping"),
            Status::aborted("the round is void"),
            Status::resource_exhausted("too many calls"),
        ] {
            assert_eq!(ends_with(&status), None, "{status}");
        }
        let earlier = Status::failed_precondition("membership is fixed");
        assert_eq!(ends_with(&earlier), Some(ExitStatus::Excluded));
    }
}
