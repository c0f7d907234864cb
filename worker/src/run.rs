use crate::client::{Attendance, Client, Doing};
use crate::joined::{Joined, Own};
use crate::session::Session;
use crate::threads::threads;
use crate::{Connector, Error, Options, wire};
use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;
use stentor_participant::{Action, End, Input, Participant};
use stentor_proto::{required, v1};
use stentor_runtime::tls::{Role, Tls};
use stentor_runtime::{Readiness, Shutdown, metrics};
use tokio::time::Instant;

/// Pause between two checks for the last checkpoint, and how long to check after the coordinator has gone.
const LOOK: Duration = Duration::from_millis(200);
const GRACE: Duration = Duration::from_secs(3);

/// Joins, trains, and joins again after a dismissal, until the run is finished or a signal stops the worker.
///
/// # Errors
/// Any [`Error`] that joining again does not solve.
pub async fn run(options: &Options, shutdown: &Shutdown) -> Result<(), Error> {
    let tls = options.tls.as_deref().map(|folder| Tls::for_client(folder, Role::Worker)).transpose()?;
    run_over(&Connector::of(tls), options, shutdown).await
}

/// Like [`run`], with connections opened by `connector`, for example to a simulated network.
///
/// # Errors
/// As [`run`].
pub async fn run_over(connector: &Connector, options: &Options, shutdown: &Shutdown) -> Result<(), Error> {
    let threads = threads(options.threads);
    let chosen = stentor_acoustic::choose_device(&options.device)?;
    stentor_acoustic::set_threads(threads)?;
    tracing::info!(device = ?chosen.device, why = chosen.why, threads, identity = options.identity, "ready");
    let cache = options.cache();
    let mut worker = Worker {
        own: Own { identity: &options.identity, device: chosen.device, cache: cache.as_ref() },
        client: Client::new(&options.coordinator, connector.clone())?,
        patience: Duration::from_secs_f64(options.patience_s.clamp(0.0, 1e6)),
        shutdown,
        doing: Doing::default(),
        joined: None,
        session: None,
        grace: None,
        error: None,
    };
    worker.run().await
}

/// The shell around the [`Participant`]: it carries out the participant's actions.
struct Worker<'a> {
    own: Own<'a>,
    client: Client,
    /// How long to try to join.
    patience: Duration,
    shutdown: &'a Shutdown,
    doing: Doing,
    joined: Option<Joined>,
    session: Option<Session>,
    /// When [`Input::GraceOver`] is due.
    grace: Option<Instant>,
    /// Why the worker cannot continue.
    error: Option<Error>,
}

impl Worker<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        let (mut participant, first) = Participant::new(self.own.identity);
        let mut actions = VecDeque::from(first);
        let mut told_to_stop = false;
        // Must live until the leave call is answered: if it ends first, the coordinator assumes that the worker died,
        // and ignores the leave call and its reason.
        let mut attendance: Option<Attendance> = None;
        let mut told_to_leave = false;
        loop {
            let next = actions.pop_front();
            let result = match next {
                Some(Action::End(end)) => return self.end(end),
                Some(Action::Join { after, pause_ms }) => {
                    attendance = None;
                    self.join(after, Duration::from_millis(pause_ms)).await
                }
                Some(Action::Attend { .. }) => self.attend().await.map(|begun| {
                    attendance = Some(begun);
                    None
                }),
                // Not interrupted by the end of the session, which is its consequence.
                Some(Action::Leave { reason, fatal }) => {
                    self.leave(&reason, fatal).await;
                    Ok(None)
                }
                next => tokio::select! {
                    result = self.carry_out(next) => result,
                    reason = dismissed(&mut attendance) => Err(Error::SessionOver(reason)),
                },
            };
            let mut input = result.unwrap_or_else(|error| Some(self.over(error)));
            // Before a signal to stop, because a member has to leave.
            if let Some(admitted) = input.take_if(|input| matches!(input, Input::Admitted { .. })) {
                participant.step(admitted, &mut actions);
            }
            if self.shutdown.is_requested() && !told_to_stop {
                told_to_stop = true;
                participant.step(Input::Stop, &mut actions);
            }
            if attendance.as_ref().is_some_and(Attendance::is_drained) && !told_to_leave {
                told_to_leave = true;
                participant.step(Input::Drain, &mut actions);
            }
            if let Some(input) = input {
                participant.step(input, &mut actions);
            }
            if self.grace.take_if(|grace| Instant::now() >= *grace).is_some() {
                participant.step(Input::GraceOver, &mut actions);
            }
        }
    }

    /// Carries out an action; without one, waits for an answer of coordinator or reducers. Returns the result, if there is one.
    async fn carry_out(&mut self, action: Option<Action>) -> Result<Option<Input>, Error> {
        match action {
            Some(Action::Prepare { .. }) => self.prepare().await.map(Some),
            Some(Action::Look { checkpoint, again }) => self.look(&checkpoint, again).await.map(Some),
            Some(Action::StartGrace) => {
                self.grace = Some(Instant::now() + GRACE);
                Ok(None)
            }
            Some(Action::Report { fence, report }) => {
                let session = self.session.as_mut().ok_or_else(unprepared)?;
                self.client.report(session.report(fence, report)).await?;
                Ok(Some(Input::Reported))
            }
            Some(action) => self.session.as_mut().ok_or_else(unprepared)?.carry_out(action).await,
            None => self.session.as_mut().ok_or_else(unprepared)?.exchange.answer().await.map(Some),
        }
    }

    /// Requests membership until it is granted or refused, or a signal arrives. `after`: why the last session ended, if there was
    /// one; `pause`: how long to wait before.
    async fn join(&mut self, after: Option<String>, pause: Duration) -> Result<Option<Input>, Error> {
        (self.joined, self.session, self.grace) = (None, None, None);
        if let Some(reason) = after {
            tokio::select! {
                biased;
                () = self.shutdown.requested() => {
                    tracing::info!(reason, "session over; asked to stop");
                    return Ok(None);
                }
                () = tokio::time::sleep(pause) => tracing::warn!(reason, ?pause, "session over; joining again"),
            }
        }
        stentor_runtime::is_now(Readiness::Starting);
        self.doing.now("joining".into());
        let reply = tokio::select! {
            reply = self.client.join(self.own.identity, self.patience) => reply?,
            () = self.shutdown.requested() => return Ok(None),
        };
        stentor_runtime::is_now(Readiness::Ready);
        let message = required(reply.assignment, "assignment")?;
        let run_id = required(message.fence.as_ref(), "fence")?.run_id.clone();
        let assignment = wire::assignment(message)?;
        let checkpoint = (!reply.checkpoint.is_empty()).then_some(reply.checkpoint);
        self.joined = Some(Joined {
            client: self.client.clone(),
            experiment_toml: reply.experiment_toml,
            run_id,
            run_url: reply.run_url,
            checkpoint: checkpoint.clone(),
            checkpoint_digest: wire::digest(&reply.checkpoint_blake3)?,
            start_digest: wire::digest(&reply.start_blake3)?,
            assignment: assignment.clone(),
            session: reply.session,
            every: Duration::from_secs_f64(reply.heartbeat_s.clamp(0.05, 60.0)),
        });
        let (session, assignment) = (reply.session, Box::new(assignment));
        Ok(Some(Input::Admitted { session, assignment, checkpoint }))
    }

    /// Begins to send heartbeats.
    async fn attend(&mut self) -> Result<Attendance, Error> {
        // A counter exists only after its first record: recording 0 makes its first increase visible.
        metrics::non_finite(0, "loss");
        metrics::retries(0, crate::feed::READ);
        let joined = self.joined.as_ref().ok_or_else(unprepared)?;
        let first = v1::Heartbeat {
            run_id: joined.run_id.clone(),
            identity: self.own.identity.to_owned(),
            session: joined.session,
            doing: "loading".into(),
        };
        self.client.attend(first, joined.every, self.doing.clone()).await
    }

    async fn leave(&mut self, reason: &str, fatal: bool) {
        if let Some(joined) = &self.joined {
            let (run_id, session) = (joined.run_id.clone(), joined.session);
            let (identity, reason) = (self.own.identity.to_owned(), reason.to_owned());
            self.client.leave(v1::LeaveRequest { run_id, identity, reason, fatal, session }).await;
        }
    }

    /// Loads data, model and checkpoint.
    async fn prepare(&mut self) -> Result<Input, Error> {
        self.doing.now("loading data and model".into());
        let joined = self.joined.as_ref().ok_or_else(unprepared)?;
        let session = self.session.insert(Session::prepare(joined, self.own, &self.doing).await?);
        Ok(Input::Prepared { rules: session.rules() })
    }

    /// Finds out whether the run's last checkpoint is published, `again` after a pause that a signal cuts short.
    async fn look(&mut self, checkpoint: &str, again: bool) -> Result<Input, Error> {
        self.doing.now(format!("waiting until {checkpoint} is published"));
        if again {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.shutdown.requested() => {}
            }
        }
        let session = self.session.as_ref().ok_or_else(unprepared)?;
        Ok(Input::Looked { published: session.is_published(checkpoint).await? })
    }

    /// What an error means to the participant.
    fn over(&mut self, error: Error) -> Input {
        if let Some(session) = &mut self.session {
            session.exchange.give_up();
        }
        // Another worker would fail at the same place, so the run must stop and say why. But a store that this worker cannot
        // reach may answer others.
        let fatal = match &error {
            Error::SessionOver(reason) => return Input::Over { reason: reason.clone() },
            Error::BadBatch { .. } => true,
            Error::Data(error) => !error.is_unreachable(),
            _ => false,
        };
        let reason = error.to_string();
        self.error = Some(error);
        Input::Failed { reason, fatal }
    }

    fn end(&mut self, end: End) -> Result<(), Error> {
        match end {
            End::Finished => Ok(()),
            End::Stopped { lost_norm } => Err(Error::Stopped { lost_norm }),
            End::Drained { lost_norm } => {
                tracing::info!(
                    lost_norm,
                    "an operator asked this worker to leave; the run goes on without it"
                );
                Ok(())
            }
            End::Failed => match self.error.take() {
                Some(Error::Finished(reason)) => {
                    tracing::info!(reason, "nothing is left to do");
                    Ok(())
                }
                error => Err(error.unwrap_or_else(unprepared)),
            },
        }
    }
}

/// Waits until the session is over; returns why.
async fn dismissed(attendance: &mut Option<Attendance>) -> String {
    let Some(attending) = attendance else { return pending().await };
    let reason = attending.over.recv().await.unwrap_or_else(|| "dismissed".into());
    *attendance = None;
    reason
}

fn unprepared() -> Error {
    Error::Protocol("expected an admitted member, found a worker without a session".into())
}
