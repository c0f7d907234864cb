use crate::command::{Command, Contribution, Joining};
use crate::gauges::Gauges;
use crate::holders::{Claim, Holders, Process};
use crate::limits::MOST_MEMBERS;
use crate::options::Progress;
use crate::publish::Publisher;
use crate::scalars::Scalars;
use crate::spans::RoundSpans;
use crate::state_machine::{Core, Input, Invariant, Millis, Outcome, Refusal, Session, Slot};
use crate::summary::Tally;
use crate::watch::Watch;
use crate::wire;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use stentor_page::{Feed, Note, Wires};
use stentor_proto::v1;
use stentor_runlog::EventLog;
use stentor_runtime::metrics;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tonic::Status;

/// Owns the state machine and carries out its actions.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) core: Core,
    pub(crate) run_id: String,
    pub(crate) run_url: String,
    pub(crate) experiment_toml: String,
    pub(crate) parameters: usize,
    pub(crate) joins: HashMap<Session, oneshot::Sender<Result<v1::JoinReply, Status>>>,
    pub(crate) holders: Holders,
    /// Members that wait for the end of the round.
    pub(crate) waiting: HashMap<Slot, oneshot::Sender<Result<v1::RoundReply, Status>>>,
    pub(crate) attendants: HashMap<Session, mpsc::Sender<v1::Notice>>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) publisher: Publisher,
    pub(crate) events: EventLog,
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
    /// Runs until the state machine stops.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) -> (Outcome, EventLog, Tally) {
        // Recording 0 makes the first increase visible to alerts.
        Invariant::ALL.into_iter().for_each(|invariant| metrics::violations(0, invariant.id()));
        let mut clock = tokio::time::interval(Duration::from_millis(100));
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let input = tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.translate(command),
                    None => Some(Input::Tick),
                },
                _ = clock.tick() => {
                    self.gauges.show(self.joins.len(), self.waiting.keys().copied(), inbox.len());
                    Some(Input::Tick)
                }
            };
            let Some(input) = input else { continue };
            let now = self.now();
            let tick = input == Input::Tick;
            for action in self.core.step(now, input) {
                if let Some(outcome) = self.perform(action) {
                    self.page.tell(|| Note::Ended(outcome.words()));
                    if let Some(scalars) = &mut self.scalars {
                        scalars.finish().await;
                    }
                    return (outcome, self.events, self.tally);
                }
            }
            if tick {
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

    /// Keeps the parts of a command that the shell needs, and returns the input for the state machine.
    fn translate(&mut self, command: Command) -> Option<Input> {
        Some(match command {
            Command::Join(Joining { session, request, reply }) => {
                // A session is in one of the two maps, and for a moment in both.
                if self.joins.len() + self.attendants.len() >= MOST_MEMBERS {
                    let refusal = format!("expected at most {MOST_MEMBERS} members, found as many already");
                    let _ = reply.send(Err(stentor_proto::Refusal::Excluded.status(refusal)));
                    return None;
                }
                let v1::JoinRequest { identity, host, process_id, .. } = &request;
                tracing::info!(identity, host, process_id, "requests membership");
                let process = Process { host: host.clone(), id: *process_id };
                let (now, sessions) = (self.now(), self.sessions());
                let is_here = |session| sessions.contains(&session);
                let refusal = match self.holders.claim(identity, session, process, now, is_here) {
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
                Input::Join { session, identity: request.identity }
            }
            Command::Bad { identity, row_groups } => Input::Bad { identity, row_groups },
            Command::Arrived(Contribution { arrival, header_bytes, traffic, reply }) => {
                // The state machine refuses a second contribution of a slot; its channel must not replace that of the first.
                if self.waiting.get(&arrival.slot).is_some_and(|first| !first.is_closed()) {
                    let refusal =
                        Status::failed_precondition("a contribution of this slot is already waiting");
                    let _ = reply.send(Err(refusal));
                    stentor_runtime::metrics::refused_contributions(1, Refusal::Twice.word());
                    return None;
                }
                self.tally.wires(header_bytes, traffic);
                self.page.tell(|| Note::Arrived(arrival.clone(), self.now()));
                self.spans.arrived(arrival.fence);
                self.gauges.arrived(self.now(), arrival.fence, arrival.slot);
                self.waiting.insert(arrival.slot, reply);
                Input::Arrived(arrival)
            }
            Command::Staged { fence, identity, slot } => Input::Staged { fence, identity, slot },
            Command::Report { report, peak_rss_mb, traffic } => {
                self.tally.worker_peak_rss_mb = self.tally.worker_peak_rss_mb.max(peak_rss_mb);
                self.tally.wires(0, traffic);
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
                let _ = reply.send(wire::status(&self.run_id, view));
                return None;
            }
            Command::Switch { strategy, caller, reply } => {
                let _ = reply.send(self.core.view(self.now()).strategy);
                self.record(&caller.commanded(format!("switch to {}", strategy.name())));
                Input::Switch { strategy }
            }
            Command::Logged { segments } => {
                self.events.saved(segments);
                return None;
            }
            Command::Published { checkpoint } => {
                let at_ms = self.now();
                self.page.tell(|| Note::Published { checkpoint: checkpoint.clone(), at_ms });
                Input::Published { checkpoint }
            }
            Command::Replaced { by } => Input::Replaced { by },
            Command::PublishFailed { checkpoint, reason } => Input::PublishFailed { checkpoint, reason },
        })
    }
}
