use crate::command::{Command, Contribution, Joining};
use crate::commands::Commands;
use crate::gauges::Gauges;
use crate::holders::{Claim, Holders, Process};
use crate::limits::{self, MOST_MEMBERS};
use crate::options::Progress;
use crate::orders::{Orders, ask_to_leave};
use crate::publish::Publisher;
use crate::reducer::Reducers;
use crate::scalars::Scalars;
use crate::signing::Manifests;
use crate::spans::RoundSpans;
use crate::summary::Tally;
use crate::watch::Watch;
use crate::wire;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use stentor_dataset::Dataset;
use stentor_experiment::Experiment;
use stentor_page::{Feed, Note, Wires};
use stentor_proto::v1;
use stentor_rounds::{
    Core, Input, Invariant, Loss, Millis, Outcome, Refusal, Rejected, Session, SetAside, Slot,
};
use stentor_runlog::EventLog;
use stentor_runtime::{Shutdown, metrics};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tonic::Status;

/// How long a coordinator that is asked to stop waits for its last checkpoint: with what follows, less than supervisors wait.
const LAST_CHECKPOINT: Duration = Duration::from_secs(15);

/// Events that are written between checkpoints: as soon as they are so many bytes, or so old.
const MOST_OPEN_BYTES: usize = 1 << 20;
const OLDEST_OPEN: Duration = Duration::from_secs(60);

/// Time between two looks for a successor in a pause.
const NEXT_LOOK: Duration = Duration::from_secs(10);

/// Owns the state machine and carries out its actions.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) core: Core,
    pub(crate) run_id: String,
    pub(crate) run_url: String,
    pub(crate) experiment: Arc<Experiment>,
    pub(crate) experiment_toml: String,
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) reducers: Reducers,
    pub(crate) parameters: usize,
    pub(crate) joins: HashMap<Session, oneshot::Sender<Result<v1::JoinReply, Status>>>,
    pub(crate) holders: Holders,
    /// Members that wait for the end of the round.
    pub(crate) waiting: HashMap<Slot, oneshot::Sender<Result<v1::RoundReply, Status>>>,
    pub(crate) attendants: HashMap<Session, mpsc::Sender<v1::Notice>>,
    pub(crate) orders: Orders,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) publisher: Publisher,
    /// In a run that signs.
    pub(crate) manifests: Option<Manifests>,
    pub(crate) events: EventLog,
    /// When a segment of the event log was cut last.
    pub(crate) logged: Instant,
    /// When it was last looked whether another coordinator has claimed the run.
    pub(crate) looked: Instant,
    pub(crate) tally: Tally,
    pub(crate) gauges: Gauges,
    pub(crate) progress: Option<mpsc::UnboundedSender<Progress>>,
    pub(crate) page: Feed,
    pub(crate) spans: RoundSpans,
    /// `None` if no figures for TensorBoard are written.
    pub(crate) scalars: Option<Scalars>,
    pub(crate) watch: Watch,
    pub(crate) started: Instant,
}

impl Engine {
    /// Runs until the state machine stops, or a signal asks it to and [`LAST_CHECKPOINT`] has passed. `set_aside`: what the reducers
    /// find.
    pub(crate) async fn run(
        mut self,
        inbox: mpsc::Receiver<Command>,
        mut set_aside: mpsc::Receiver<SetAside>,
        shutdown: &Shutdown,
    ) -> (Outcome, EventLog, Tally) {
        // Recording 0 makes the first increase visible to alerts.
        Invariant::ALL.into_iter().for_each(|invariant| metrics::violations(0, invariant.id()));
        let mut clock = tokio::time::interval(Duration::from_millis(100));
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut asked: Option<Instant> = None;
        let mut commands = Commands::of(inbox);
        loop {
            let (inputs, command) = tokio::select! {
                biased;
                Some(found) = set_aside.recv() => (vec![Input::SetAside(found)], None),
                () = shutdown.requested(), if asked.is_none() => {
                    tracing::info!("asked to stop; a checkpoint is published first");
                    asked = Some(Instant::now());
                    (vec![Input::Stop], None)
                }
                _ = clock.tick() => {
                    self.gauges.show(self.joins.len(), self.waiting.keys().copied(), commands.waiting());
                    (vec![Input::Tick], None)
                }
                command = commands.next() => match command {
                    None => (vec![Input::Tick], None),
                    command => (Vec::new(), command),
                },
            };
            // What a reducer found counts before the word of a member that everything is staged, which comes after it.
            let found = std::iter::from_fn(|| set_aside.try_recv().ok()).map(Input::SetAside);
            let inputs: Vec<Input> = found.chain(inputs).collect();
            let tick = inputs.contains(&Input::Tick);
            let ended = self.step(inputs).or_else(|| {
                let inputs = self.translate(command?);
                self.step(inputs)
            });
            if let Some(outcome) = ended {
                self.page.tell(|| Note::Ended(outcome.words()));
                if let Some(scalars) = &mut self.scalars {
                    scalars.finish().await;
                }
                return (outcome, self.events, self.tally);
            }
            let now = self.now();
            if asked.is_some_and(|asked| asked.elapsed() >= LAST_CHECKPOINT) {
                let seconds = LAST_CHECKPOINT.as_secs();
                tracing::warn!(
                    seconds,
                    "no checkpoint could be published in time; the run continues from the one before"
                );
                return (Outcome::Interrupted, self.events, self.tally);
            }
            if tick {
                self.write_log_if_due();
                self.look_for_successor_if_due();
                let sessions = self.sessions();
                self.holders.look(now, |session| sessions.contains(&session));
                self.show(now);
                if let Some(scalars) = &mut self.scalars {
                    scalars.write_if_due(now);
                }
            }
            self.watch.look(now, &self.core);
        }
    }

    /// Carries out what follows from inputs. Returns the outcome if the run ends.
    fn step(&mut self, inputs: Vec<Input>) -> Option<Outcome> {
        let now = self.now();
        for input in inputs {
            for action in self.core.step(now, input) {
                if let Some(outcome) = self.perform(action) {
                    return Some(outcome);
                }
            }
        }
        None
    }

    /// Writes the events so far to the store if they are many, or old: between two checkpoints of a long run, others read the log.
    fn write_log_if_due(&mut self) {
        let bytes = self.events.open_bytes();
        if bytes == 0 || (bytes < MOST_OPEN_BYTES && self.logged.elapsed() < OLDEST_OPEN) {
            return;
        }
        self.logged = Instant::now();
        let (segments, commands) = (self.events.cut(), self.commands.clone());
        tokio::spawn(async move {
            match segments.put().await {
                Ok(()) => {
                    let _ = commands.send(Command::Logged { segments: segments.until }).await;
                }
                // They are written again with the next ones.
                Err(error) => tracing::warn!(%error, "events could not be written"),
            }
        });
    }

    /// While the run waits for members, for reducers or for the end of a pause, nothing is published, which would show that another
    /// coordinator has claimed it.
    fn look_for_successor_if_due(&mut self) {
        if self.looked.elapsed() < NEXT_LOOK || self.core.view(self.now()).waiting.is_empty() {
            return;
        }
        self.looked = Instant::now();
        let (run, incarnation, commands) =
            (self.publisher.run.clone(), self.publisher.incarnation, self.commands.clone());
        tokio::spawn(async move {
            match crate::claim::newest_claim(&run).await {
                Ok(by) if by > incarnation => {
                    let _ = commands.send(Command::Replaced { by }).await;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the run's claims could not be read"),
            }
        });
    }

    /// Sends the page the current state of the run.
    fn show(&self, now: Millis) {
        self.page.tell(|| {
            let Tally { bytes_up, bytes_down, frames, .. } = self.tally;
            let wires = Wires { bytes: bytes_up + bytes_down, frames };
            Note::View(Box::new(self.core.view(now)), wires, now)
        });
    }

    pub(crate) fn now(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }

    /// The sessions that exist: those that wait for admission, those that are members, and those that send heartbeats. A member
    /// that was just admitted sends none yet.
    fn sessions(&self) -> HashSet<Session> {
        let members = self.core.sessions().into_values();
        members.chain(self.joins.keys().copied()).chain(self.attendants.keys().copied()).collect()
    }

    /// Whether a message is of the member whose name it has: nobody else knows its session.
    fn is_of(&self, session: Session, identity: &str) -> bool {
        self.core.session_of(identity) == Some(session)
    }

    /// Keeps the parts of a command that the shell needs, and returns the inputs for the state machine. Nothing is kept of a message
    /// that [`Core::check`] refuses.
    fn translate(&mut self, command: Command) -> Vec<Input> {
        match command {
            Command::Join(joining) => self.joining(joining).into_iter().collect(),
            Command::Arrived(contribution) => self.arrived(contribution),
            Command::Staged { session, fence, identity, slot } if self.is_of(session, &identity) => {
                vec![Input::Staged { fence, identity, slot }]
            }
            Command::Report { session, report, peak_rss_mb, traffic }
                if self.is_of(session, &report.identity) =>
            {
                let figures = limits::traffic(&traffic).and_then(|()| limits::memory(peak_rss_mb));
                let input = Input::Reported(report);
                match (figures, self.core.check(&input)) {
                    (Err(reason), _) => vec![Input::Lost(vec![Loss { session, reason }])],
                    (Ok(()), Ok(())) => {
                        self.tally.worker_peak_rss_mb = self.tally.worker_peak_rss_mb.max(peak_rss_mb);
                        self.tally.wires(0, traffic);
                        vec![input]
                    }
                    (Ok(()), Err(_)) => vec![input],
                }
            }
            Command::Leave { session, identity, reason, fatal } if self.is_of(session, &identity) => {
                vec![Input::Leave { identity, reason, fatal }]
            }
            // A message of a membership that is over, or of somebody who uses its name.
            Command::Staged { identity, .. } | Command::Leave { identity, .. } => {
                tracing::debug!(identity, "a message that is not of this member's session is ignored");
                Vec::new()
            }
            Command::Report { report, .. } => {
                tracing::debug!(
                    identity = report.identity,
                    "a report that is not of this member's session is ignored"
                );
                Vec::new()
            }
            Command::Attend { session, identity, notices, reply } => {
                let is_member = self.is_of(session, &identity);
                if is_member {
                    if self.core.is_drained(session) {
                        ask_to_leave(&notices);
                    }
                    self.attendants.insert(session, notices);
                }
                let over = || Status::aborted("this session is over; join again");
                let _ = reply.send(if is_member { Ok(()) } else { Err(over()) });
                Vec::new()
            }
            Command::Heard { session, doing } => vec![Input::Heard { session, doing }],
            Command::Lost(losses) => {
                for Loss { session, .. } in &losses {
                    self.attendants.remove(session);
                    self.joins.remove(session);
                }
                vec![Input::Lost(losses)]
            }
            Command::Status(reply) => {
                let view = self.core.view(self.now());
                let _ = reply.send(wire::status(&self.run_id, view));
                Vec::new()
            }
            Command::Order(order) => self.order(order),
            Command::Logged { segments } => {
                self.events.saved(segments);
                Vec::new()
            }
            Command::Published { checkpoint, digest } => {
                if let (Some(manifests), Some(digest)) = (&mut self.manifests, digest) {
                    manifests.published(&checkpoint, digest);
                }
                let at_ms = self.now();
                self.page.tell(|| Note::Published { checkpoint: checkpoint.clone(), at_ms });
                vec![Input::Published { checkpoint }]
            }
            Command::Reducer { index, is_up } => vec![Input::Reducer { index, is_up }],
            Command::Inspected { inspection, found } => vec![Input::Inspected { inspection, found }],
            Command::Replaced { by } => vec![Input::Replaced { by }],
            Command::PublishFailed { checkpoint, reason, object } => {
                vec![Input::PublishFailed { checkpoint, reason, object }]
            }
        }
    }

    fn joining(&mut self, joining: Joining) -> Option<Input> {
        let Joining { session, request, reply } = joining;
        // A session is in one of the two maps, and for a moment in both.
        if self.joins.len() + self.attendants.len() >= MOST_MEMBERS {
            let refusal = format!("expected at most {MOST_MEMBERS} members, found as many already");
            let _ = reply.send(Err(stentor_proto::Refusal::Excluded.status(refusal)));
            return None;
        }
        if self.manifests.is_some() && !request.reports_blake3 {
            let refusal = "expected a worker that reports BLAKE3 digests of what it writes, because this run signs its checkpoints, found \
                           one of an earlier release; replace it by a newer one";
            let _ = reply.send(Err(stentor_proto::Refusal::Excluded.status(refusal)));
            return None;
        }
        let v1::JoinRequest { identity, host, process_id, .. } = request;
        let input = Input::Join { session, identity: identity.clone() };
        if let Err(Rejected { reason, .. }) = self.core.check(&input) {
            let _ = reply.send(Err(Status::invalid_argument(reason)));
            return None;
        }
        tracing::info!(identity, host, process_id, "requests membership");
        let process = Process { host: host.clone(), id: process_id };
        let (now, sessions) = (self.now(), self.sessions());
        let is_here = |session| sessions.contains(&session);
        let refusal = match self.holders.claim(&identity, session, process, now, is_here) {
            Claim::Granted => None,
            Claim::Held(Process { host, id }) => Some(stentor_proto::Refusal::Excluded.status(format!(
                "process {id} on {host} uses the identity `{identity}` too, and joined later; give each process an identity of its own"
            ))),
            Claim::Undecided(Process { host, id }) => Some(Status::unavailable(format!(
                "process {id} on {host} uses the identity `{identity}` too, joined later, and may come back; try again"
            ))),
        };
        if let Some(refusal) = refusal {
            let _ = reply.send(Err(refusal));
            return None;
        }
        self.page.tell(|| Note::Joining { identity: identity.clone(), host: host.clone() });
        self.joins.insert(session, reply);
        Some(input)
    }

    fn arrived(&mut self, contribution: Contribution) -> Vec<Input> {
        let Contribution { session, arrival, bad, header_bytes, traffic, reply } = contribution;
        let (identity, slot) = (arrival.identity.clone(), arrival.slot);
        let refuse = |reply: oneshot::Sender<_>, refusal: Refusal, reason: String| {
            metrics::refused_contributions(1, refusal.word());
            tracing::warn!(identity, slot, reason, "contribution refused");
            let _ = reply.send(Err(Status::failed_precondition(reason)));
            Vec::new()
        };
        if !self.is_of(session, &arrival.identity) {
            let reason = format!("`{}` is not a member with this session; join again", arrival.identity);
            return refuse(reply, Refusal::OtherMember, reason);
        }
        let input = Input::Arrived(arrival.clone());
        let rejected = self.core.check(&input).err();
        if let Some(Rejected { refusal, reason, faulty: None }) = rejected {
            return refuse(reply, refusal, reason);
        }
        if let Err(reason) = limits::traffic(&traffic) {
            let mut lost = refuse(reply, Refusal::Invalid, reason.clone());
            lost.push(Input::Lost(vec![Loss { session, reason }]));
            return lost;
        }
        // The state machine refuses a second contribution of a slot; its channel must not replace that of the first.
        if self.waiting.get(&arrival.slot).is_some_and(|first| !first.is_closed()) {
            return refuse(
                reply,
                Refusal::Twice,
                "a contribution of this slot is already waiting".to_owned(),
            );
        }
        if rejected.is_none() {
            self.tally.wires(header_bytes, traffic);
            self.page.tell(|| Note::Arrived(arrival.clone(), self.now()));
            self.spans.arrived(arrival.fence);
            self.gauges.arrived(self.now(), arrival.fence, arrival.slot);
        }
        self.waiting.insert(arrival.slot, reply);
        let (fence, identity) = (arrival.fence, arrival.identity);
        let bad = (!bad.is_empty()).then_some(Input::Bad { fence, identity, row_groups: bad });
        bad.into_iter().chain([input]).collect()
    }
}
