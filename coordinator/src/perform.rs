use crate::core::{Action, Closing, Departure, Encoding, Event, Outcome};
use crate::engine::{Engine, Staged, Update};
use crate::run::Progress;
use crate::wire;
use bytes::Bytes;
use std::collections::HashMap;
use std::time::Instant;
use stentor_exchange::{EncodingSpec, Reducer, Rethreshold, Tau};
use stentor_proto::v1;
use tonic::Status;

/// Seconds between two heartbeats of a member.
const HEARTBEAT_S: f64 = 1.0;

impl Engine {
    /// Does what the core says; returns the outcome when the run is over.
    pub(crate) async fn perform(&mut self, action: Action) -> Option<Outcome> {
        match action {
            Action::Admit { session, assignment, checkpoint } => {
                let reply = v1::JoinReply {
                    experiment_toml: self.experiment_toml.clone(),
                    assignment: Some(wire::assignment(&self.run_id, assignment)),
                    run_url: self.run_url.clone(),
                    checkpoint: checkpoint.unwrap_or_default(),
                    heartbeat_s: HEARTBEAT_S,
                    session,
                };
                self.answer_join(session, Ok(reply));
            }
            Action::RefuseJoin { session, reason } => {
                tracing::warn!(reason, "join refused");
                self.answer_join(session, Err(Status::failed_precondition(reason)));
            }
            Action::Refuse { identity, slot, reason } => {
                tracing::warn!(identity, slot, reason, "contribution refused");
                stentor_runtime::metrics::refused_contributions(1, "fence");
                if let Some(staged) = self.staged.remove(&slot) {
                    let _ = staged.reply.send(Err(Status::failed_precondition(reason)));
                }
            }
            Action::Close(closing) => {
                if let Err(reason) = self.close(closing).await {
                    return Some(Outcome::Broken { reason });
                }
            }
            Action::Dismiss { session, departure, slot, reason } => {
                match departure {
                    Departure::Left => tracing::info!(session, slot, reason, "member left"),
                    Departure::Lost => {
                        stentor_runtime::metrics::members_lost(1);
                        tracing::warn!(session, slot, reason, "member lost");
                    }
                }
                let notice = v1::Notice { reason: reason.clone() };
                if let Some(attendant) = self.attendants.remove(&session) {
                    let _ = attendant.try_send(notice);
                }
                self.answer_join(session, Err(Status::unavailable(reason)));
                // A contribution that has arrived stays: it belongs to the open round, whoever sent it.
            }
            Action::Publish(publication) => {
                self.publisher.publish(publication, &self.tally, &mut self.events, &self.commands);
            }
            Action::Record(event) => self.record(&event),
            Action::Stop(outcome) => {
                self.staged.clear();
                return Some(outcome);
            }
        }
        None
    }

    fn answer_join(&mut self, session: u64, answer: Result<v1::JoinReply, Status>) {
        if let Some(reply) = self.joins.remove(&session) {
            // The caller may be gone; its guard tells the core.
            let _ = reply.send(answer);
        }
    }

    /// Sums the contributions and sends every member its update.
    async fn close(&mut self, closing: Closing) -> Result<(), String> {
        let Closing { fence, contributors, weights, frames, source, encoding, next } = closing;
        let mut staged = std::mem::take(&mut self.staged);
        let started = Instant::now();
        let payloads: Vec<(u32, u64, Bytes)> = contributors
            .iter()
            .zip(weights)
            .filter_map(|(slot, weight)| Some((*slot, weight, staged.get(slot)?.payload.clone())))
            .collect();
        let spec = match encoding {
            Encoding::Dense { .. } => EncodingSpec::Dense,
            Encoding::Threshold { tau, .. } => {
                EncodingSpec::Threshold { tau: Tau::exact(tau).map_err(|e| e.to_string())? }
            }
            Encoding::Block { .. } => EncodingSpec::Block { weights: self.block_weights },
        };
        let (parameters, mut rethreshold) = (self.parameters, self.rethreshold.take());
        let (payload, rethreshold) = tokio::task::spawn_blocking(move || {
            let payload = reduce(&spec, parameters, &payloads, rethreshold.as_mut());
            (payload, rethreshold)
        })
        .await
        .map_err(|e| format!("the reduction failed: {e}"))?;
        self.rethreshold = rethreshold;
        let payload = payload?;
        stentor_runtime::metrics::reduction_time(started.elapsed());
        let digest = stentor_exchange::digest(&payload);
        for staged in staged.values() {
            self.tally.bytes_up += staged.header_bytes + staged.payload.len() as u64;
        }
        for (slot, (boundary, assignment)) in next {
            let Some(Staged { reply, .. }) = staged.remove(&slot) else { continue };
            let header = v1::UpdateHeader {
                fence: Some(wire::fence(&self.run_id, fence)),
                contributors: contributors.clone(),
                frames,
                payload_bytes: payload.len() as u64,
                payload_digest: digest,
                source: v1::Source::from(source).into(),
                boundary: Some(wire::boundary(boundary)),
                next: assignment.map(|a| wire::assignment(&self.run_id, a)),
                encoding: Some(wire::encoding(encoding)),
            };
            self.tally.bytes_down += stentor_proto::encoded_len(&header) + payload.len() as u64;
            // A member that is gone is found by its broken connection.
            let _ = reply.send(Ok(Update { header, payload: payload.clone() }));
        }
        refuse_all(staged);
        Ok(())
    }

    fn record(&mut self, event: &Event) {
        match event {
            Event::Round { source, frames, loss, committed_frames, .. } => {
                self.tally.round(*source, *frames, *loss, self.started);
                crate::summary::measure(event, self.parameters, self.strategy);
                if let Some(progress) = &self.progress {
                    let _ = progress.send(Progress {
                        committed_frames: *committed_frames,
                        total_frames: self.core.view(0).total_frames,
                        source: source.name(),
                        loss: *loss,
                    });
                }
            }
            Event::Dev { loss, frame_error, committed_frames, .. } => {
                stentor_runtime::metrics::dev_loss(*loss);
                stentor_runtime::metrics::dev_frame_error(frame_error / 100.0);
                tracing::info!(loss, frame_error, committed_frames, "dev data scored");
            }
            Event::Members { fence, members, reason } => {
                stentor_runtime::metrics::membership_epoch(fence.membership_epoch);
                stentor_runtime::metrics::members(
                    members.len() as u64,
                    stentor_runtime::metrics::MemberState::Computing,
                );
                tracing::info!(?members, reason, "members changed");
            }
            Event::FellBack { checkpoint, reason, lineage, .. } => {
                // Whoever waits for an update of the void round joins again.
                refuse_all(std::mem::take(&mut self.staged));
                tracing::warn!(?checkpoint, reason, lineage, "fell back");
            }
            Event::Abandoned { checkpoint, reason } => {
                stentor_runtime::metrics::checkpoints(1, stentor_runtime::metrics::CheckpointEnd::Abandoned);
                tracing::warn!(checkpoint, reason, "checkpoint abandoned");
            }
        }
        self.events.record(event);
    }
}

fn refuse_all(staged: HashMap<u32, Staged>) {
    for staged in staged.into_values() {
        let _ = staged.reply.send(Err(Status::aborted("the round went on without this member; join again")));
    }
}

/// The update of a round from its payloads, in slot order.
fn reduce(
    spec: &EncodingSpec,
    parameters: usize,
    payloads: &[(u32, u64, Bytes)],
    rethreshold: Option<&mut Rethreshold>,
) -> Result<Bytes, String> {
    let mut reducer = Reducer::new(spec, parameters);
    for (slot, frames, payload) in payloads {
        reducer.add(*slot, *frames, payload).map_err(|e| format!("contribution of slot {slot}: {e}"))?;
    }
    let reduction = match rethreshold {
        Some(rethreshold) => reducer.finish_rethresholded(rethreshold),
        None => reducer.finish(),
    };
    match reduction {
        Ok(reduction) => Ok(reduction.payload.into()),
        // Nobody had a frame: the update changes nothing.
        Err(stentor_exchange::Error::NothingToReduce) => Ok(Bytes::new()),
        Err(error) => Err(error.to_string()),
    }
}
