use crate::core::{Arrival, Core, Input, Millis, Outcome, Report, Session, Slot};
use crate::events::EventLog;
use crate::publish::Publisher;
use crate::run::Progress;
use crate::summary::Tally;
use crate::wire;
use bytes::Bytes;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use stentor_exchange::Rethreshold;
use stentor_experiment::{BmufWeights, Strategy};
use stentor_proto::v1;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

/// What the service asks of the engine.
#[derive(Debug)]
pub(crate) enum Command {
    Join(Joining),
    Contribution(Staged),
    Report { report: Report, peak_rss_mb: f64 },
    Attend { session: Session, notices: mpsc::Sender<v1::Notice> },
    Heard { session: Session, doing: String },
    Lost { session: Session, reason: String },
    Leave { identity: String, reason: String, fatal: bool },
    Status(oneshot::Sender<v1::StatusReply>),
    Published { checkpoint: String },
    PublishFailed { checkpoint: String, reason: String },
}

/// A join that waits for its answer.
#[derive(Debug)]
pub(crate) struct Joining {
    pub(crate) session: Session,
    pub(crate) request: v1::JoinRequest,
    pub(crate) reply: oneshot::Sender<Result<v1::JoinReply, Status>>,
}

/// A contribution that waits for its round's update.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) arrival: Arrival,
    pub(crate) payload: Bytes,
    pub(crate) header_bytes: u64,
    pub(crate) reply: oneshot::Sender<Result<Update, Status>>,
}

/// A round's update for one member.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) header: v1::UpdateHeader,
    pub(crate) payload: Bytes,
}

/// Owns the core and does what it says.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) core: Core,
    pub(crate) run_id: String,
    pub(crate) run_url: String,
    pub(crate) experiment_toml: String,
    pub(crate) strategy: Strategy,
    pub(crate) parameters: usize,
    pub(crate) block_weights: BmufWeights,
    pub(crate) rethreshold: Option<Rethreshold>,
    pub(crate) joins: HashMap<Session, oneshot::Sender<Result<v1::JoinReply, Status>>>,
    pub(crate) staged: HashMap<Slot, Staged>,
    pub(crate) attendants: HashMap<Session, mpsc::Sender<v1::Notice>>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) publisher: Publisher,
    pub(crate) events: EventLog,
    pub(crate) tally: Tally,
    pub(crate) progress: Option<mpsc::UnboundedSender<Progress>>,
    pub(crate) started: Instant,
}

impl Engine {
    /// Runs until the core stops.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) -> (Outcome, EventLog, Tally) {
        let mut clock = tokio::time::interval(Duration::from_millis(100));
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let input = tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.translate(command),
                    None => Some(Input::Tick),
                },
                _ = clock.tick() => Some(Input::Tick),
            };
            let Some(input) = input else { continue };
            let now = self.now();
            for action in self.core.step(now, input) {
                if let Some(outcome) = self.perform(action).await {
                    return (outcome, self.events, self.tally);
                }
            }
        }
    }

    fn now(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }

    /// Keeps what belongs to the shell and gives the core the rest.
    fn translate(&mut self, command: Command) -> Option<Input> {
        Some(match command {
            Command::Join(Joining { session, request, reply }) => {
                tracing::info!(identity = request.identity, host = request.host, "asks for membership");
                self.joins.insert(session, reply);
                Input::Join { session, identity: request.identity }
            }
            Command::Contribution(staged) => {
                // The core refuses a second contribution of the same slot; its payload must not displace the first.
                if self.staged.contains_key(&staged.arrival.slot) {
                    let refusal =
                        Status::failed_precondition("a contribution of this slot is already waiting");
                    let _ = staged.reply.send(Err(refusal));
                    return None;
                }
                let arrival = staged.arrival.clone();
                self.staged.insert(arrival.slot, staged);
                Input::Arrived(arrival)
            }
            Command::Report { report, peak_rss_mb } => {
                self.tally.worker_peak_rss_mb = self.tally.worker_peak_rss_mb.max(peak_rss_mb);
                Input::Reported(report)
            }
            Command::Attend { session, notices } => {
                self.attendants.insert(session, notices);
                return None;
            }
            Command::Heard { session, doing } => Input::Heard { session, doing },
            Command::Lost { session, reason } => {
                self.attendants.remove(&session);
                self.joins.remove(&session);
                Input::Lost { session, reason }
            }
            Command::Leave { identity, reason, fatal } => Input::Leave { identity, reason, fatal },
            Command::Status(reply) => {
                let view = self.core.view(self.now());
                let _ = reply.send(wire::status(&self.run_id, self.strategy.name(), view));
                return None;
            }
            Command::Published { checkpoint } => Input::Published { checkpoint },
            Command::PublishFailed { checkpoint, reason } => Input::PublishFailed { checkpoint, reason },
        })
    }
}
