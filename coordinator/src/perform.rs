use crate::command::Command;
use crate::engine::Engine;
use crate::inspect::inspect;
use crate::options::Progress;
use crate::scalars::Scalars;
use crate::wire;
use bytes::Bytes;
use std::sync::Arc;
use std::time::SystemTime;
use stentor_page::Note;
use stentor_proto::Refusal;
use stentor_proto::v1::{self, round_reply::Reply};
use stentor_rounds::{Action, Closing, Departure, Event, Inspection, Outcome, Stage};
use stentor_scores::{FRAME_ERROR, LOSS};
use stentor_signature::Digest;
use tonic::Status;

/// Seconds between two heartbeats of a member.
const HEARTBEAT_S: f64 = 1.0;

impl Engine {
    /// Carries out an action of the state machine; returns the outcome when the run is over.
    pub(crate) fn perform(&mut self, action: Action) -> Option<Outcome> {
        match action {
            Action::Announce(announcement) => self.reducers.announce(announcement),
            Action::Inspect(inspection) => self.inspect(inspection),
            Action::Admit { session, assignment, checkpoint } => {
                let (checkpoint_blake3, start_blake3) = match self.manifests_to_load(checkpoint.as_deref()) {
                    Ok(digests) => digests,
                    Err(status) => {
                        self.answer_join(session, Err(status));
                        return None;
                    }
                };
                self.gauges.assigned(assignment.slot, &assignment);
                let reply = v1::JoinReply {
                    experiment_toml: self.experiment_toml.clone(),
                    assignment: Some(wire::assignment(&self.run_id, assignment)),
                    run_url: self.run_url.clone(),
                    checkpoint: checkpoint.unwrap_or_default(),
                    heartbeat_s: HEARTBEAT_S,
                    session,
                    checkpoint_blake3,
                    start_blake3,
                };
                self.answer_join(session, Ok(reply));
            }
            Action::RefuseJoin { session, reason } => {
                let refusal = match self.core.view(self.now()).stage {
                    Stage::Finishing { .. } => Refusal::Finishing,
                    Stage::Over => Refusal::Finished,
                    Stage::Gathering { .. } | Stage::Round { .. } => Refusal::Excluded,
                };
                tracing::warn!(reason, "join refused");
                self.answer_join(session, Err(refusal.status(reason)));
            }
            Action::PutOff { session, reason } => {
                tracing::info!(session, reason, "join postponed");
                self.answer_join(session, Err(Status::unavailable(reason)));
            }
            Action::Refuse { identity, slot, refusal, reason } => {
                tracing::warn!(identity, slot, reason, "contribution refused");
                stentor_runtime::metrics::refused_contributions(1, refusal.word());
                self.answer(slot, Err(Status::failed_precondition(reason)));
            }
            Action::Again { slot, fence, sum_group } => {
                let again = v1::Again {
                    fence: Some(wire::fence(&self.run_id, fence)),
                    sum_group: Some(wire::sum_group(sum_group)),
                };
                self.answer(slot, Ok(Reply::Again(again)));
            }
            Action::Close(closing) => self.close(closing),
            Action::Dismiss { session, departure, slot, reason } => {
                match departure {
                    Departure::Left => tracing::info!(session, slot, reason, "member left"),
                    Departure::Lost => tracing::warn!(session, slot, reason, "member lost"),
                }
                self.gauges.dismissed(slot, departure);
                let notice = v1::Notice { reason: reason.clone(), drain: false };
                if let Some(attendant) = self.attendants.remove(&session) {
                    let _ = attendant.try_send(notice);
                }
                self.answer_join(session, Err(Status::unavailable(reason.clone())));
                self.answer(slot, Err(Status::aborted(reason)));
            }
            Action::Drain { session } => self.drain(session),
            Action::Answer { request, answer } => self.orders.answer(request, answer),
            Action::Publish(publication) => {
                let scalars = self.scalars.as_mut().and_then(Scalars::cut);
                self.publisher.publish(*publication, &self.tally, &mut self.events, scalars, &self.commands);
            }
            Action::Record(event) => self.record(&event),
            Action::Violated(violation) => {
                stentor_runtime::metrics::violations(1, violation.invariant.id());
                tracing::error!(id = violation.invariant.id(), %violation, "an invariant does not hold: this is a bug");
                debug_assert!(false, "{violation}");
            }
            Action::Stop(outcome) => {
                self.waiting.clear();
                return Some(outcome);
            }
        }
        None
    }

    /// Reads what a member says about the data; the answer is a command.
    fn inspect(&self, inspection: Inspection) {
        let (experiment, dataset) = (Arc::clone(&self.experiment), Arc::clone(&self.dataset));
        let commands = self.commands.clone();
        tracing::info!(member = inspection.identity, "reading data that a member says are bad");
        tokio::spawn(async move {
            let found = inspect(&experiment, &dataset, &inspection.claim).await;
            // The engine may have ended meanwhile.
            let _ = commands.send(Command::Inspected { inspection, found }).await;
        });
    }

    /// The digests of the manifests that a member may load: of its checkpoint, and of the model that the run started from. Empty in
    /// a run that does not sign.
    fn manifests_to_load(&self, checkpoint: Option<&str>) -> Result<(Bytes, Bytes), Status> {
        let Some(manifests) = &self.manifests else { return Ok(Default::default()) };
        let known = checkpoint.map(|name| manifests.of_checkpoint(name).ok_or(name)).transpose();
        let known = known.map_err(|name| {
            Status::unavailable(format!(
                "the manifest of checkpoint {name} is not one that this coordinator has signed or verified"
            ))
        })?;
        let bytes =
            |digest: Option<Digest>| digest.map(|digest| digest.bytes().to_vec().into()).unwrap_or_default();
        Ok((bytes(known), bytes(manifests.start)))
    }

    fn answer_join(&mut self, session: u64, answer: Result<v1::JoinReply, Status>) {
        if let Some(reply) = self.joins.remove(&session) {
            // The caller may be gone; then its guard has reported that.
            let _ = reply.send(answer);
        }
    }

    /// Answers a member that waits for the end of the round. If the member is gone, its broken connection shows it.
    fn answer(&mut self, slot: u32, answer: Result<Reply, Status>) {
        if let Some(reply) = self.waiting.remove(&slot) {
            let _ = reply.send(answer.map(|reply| v1::RoundReply { reply: Some(reply) }));
        }
    }

    /// Tells every member that the round has closed.
    fn close(&mut self, mut closing: Closing) {
        for (slot, next) in std::mem::take(&mut closing.next) {
            if let Some(assignment) = &next.assignment {
                self.gauges.assigned(slot, assignment);
            }
            let header = wire::closed(&self.run_id, closing.told(next));
            self.tally.bytes_down += stentor_proto::encoded_len(&header);
            self.answer(slot, Ok(Reply::Update(header)));
        }
        self.answer_all("the round went on without this member; join again");
    }

    fn answer_all(&mut self, reason: &str) {
        for (_, reply) in self.waiting.drain() {
            let _ = reply.send(Err(Status::aborted(reason)));
        }
    }

    pub(crate) fn record(&mut self, event: &Event) {
        self.tally.switches.record(event);
        match event {
            Event::Round { committed_frames, contributors, .. } => {
                self.tally.round(event, self.started);
                self.spans.closed(event);
                let view = self.core.view(0);
                crate::summary::measure(event, self.parameters, &view);
                self.gauges.closed(contributors);
                if let Some(progress) = &self.progress {
                    let _ = progress.send(Progress {
                        committed_frames: *committed_frames,
                        total_frames: view.total_frames,
                        by_source: event.by_source(),
                    });
                }
            }
            Event::Dev { scores, committed_frames, .. } => {
                crate::summary::measure_dev(scores);
                let (loss, frame_error) = (scores.get(LOSS), scores.get(FRAME_ERROR));
                tracing::info!(loss, frame_error, committed_frames, "dev data scored");
            }
            Event::Refused { identity, leases, loss, gradient_norm, .. } => {
                stentor_runtime::metrics::refused_contributions(1, "not finite");
                tracing::error!(identity, ?leases, loss, gradient_norm, "contribution is not finite");
            }
            Event::Unscored { checkpoint, identity, loss } => {
                stentor_runtime::metrics::non_finite(1, "dev loss");
                tracing::warn!(checkpoint, identity, loss, "dev data cannot be scored");
            }
            Event::Members { fence, members, reason } => {
                stentor_runtime::metrics::membership_epoch(fence.membership_epoch);
                self.gauges.members(members);
                let members = members.values().map(String::as_str).collect::<Vec<_>>().join(", ");
                tracing::info!(members, reason, "members changed");
            }
            Event::FellBack { checkpoint, reason, lineage, .. } => {
                // Members that wait for an update of the void round join again.
                self.answer_all("the round is void; join again");
                let checkpoint = checkpoint.as_deref().unwrap_or("none, to the beginning");
                tracing::warn!(checkpoint, reason, lineage, "fell back");
            }
            Event::Commanded { command, caller, address } => {
                let address = address.as_deref().unwrap_or("unknown");
                tracing::info!(command, caller, address, "commanded");
            }
            Event::Switched { fence, from, to } => {
                tracing::info!(from = from.name(), to = to.name(), "switched");
                self.publisher.switched(*to, fence.round);
            }
            Event::Quarantined { source, file, row_group, frames, reason, worker } => {
                stentor_runtime::metrics::quarantined_row_groups(1, *source);
                tracing::warn!(
                    source = source.name(),
                    file,
                    row_group,
                    frames,
                    reason,
                    worker,
                    "quarantined"
                );
            }
            // Reported where it is found: before the engine runs.
            Event::Forged { .. } => {}
            Event::Abandoned { checkpoint, reason } => {
                stentor_runtime::metrics::checkpoints(1, stentor_runtime::metrics::CheckpointEnd::Abandoned);
                tracing::warn!(checkpoint, reason, "checkpoint abandoned");
            }
        }
        if let Some(scalars) = &mut self.scalars {
            scalars.record(event, SystemTime::now());
        }
        self.page.tell(|| Note::Event(event.clone(), self.now()));
        self.events.record(event);
    }
}
