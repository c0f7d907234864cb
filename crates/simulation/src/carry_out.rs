//! How a simulated worker's shell carries out the actions of its participant.

use super::network::{Happening, Request};
use super::oracle::Applied;
use super::replica::Replica;
use super::worker::{Exchange, Figures, POISONED};
use super::world::{Pace, World};
use super::{Bug, Process};
use bytes::Bytes;
use std::sync::Arc;
use stentor_participant::{Action, Apply, Batch, BatchScore, End, Input, Rules, Staging};
use stentor_rounds::{Arrival, Closed, Fence, Millis};
use stentor_scores::frame_sums;

/// As in the real worker.
const GRACE: Millis = 3_000;
/// Frames of a batch.
const FRAMES: u64 = 10;

/// The result of an action.
pub(super) enum Done {
    /// No result, or none yet.
    Nothing,
    Hears(Input),
    /// The session cannot continue.
    Fails(String),
}

impl World {
    pub(super) fn carry_out(&mut self, process: Process, action: Action, figures: &Figures) -> Done {
        self.note(|| format!("process {process} does {action:?}"));
        match self.try_to(process, action, figures) {
            Ok(Some(input)) => Done::Hears(input),
            Ok(None) => Done::Nothing,
            Err(reason) => Done::Fails(reason),
        }
    }

    fn try_to(
        &mut self,
        process: Process,
        action: Action,
        figures: &Figures,
    ) -> Result<Option<Input>, String> {
        let worker = self.workers.get_mut(&process).ok_or("the process is gone")?;
        let unloaded = "no model is loaded";
        Ok(match action {
            Action::Join { .. } => {
                worker.forget_session();
                worker.call += 1;
                let identity = worker.identity.clone();
                self.send(process, Request::Join { identity });
                None
            }
            Action::Prepare { checkpoint } => {
                let strategy = worker.assignment.as_ref().ok_or(unloaded)?.strategy;
                let mut replica = Replica::new(strategy, &Arc::new(self.settings.experiment.clone()));
                if let Some(name) = checkpoint {
                    replica.load(&self.store, &name, &worker.identity)?;
                }
                worker.replica = Some(replica);
                let rules = Rules { late_fetch: self.late_fetch, ..Rules::of(&self.settings.experiment) };
                Some(Input::Prepared { rules })
            }
            Action::Begin(assignment) => {
                let replica = worker.replica.as_mut().ok_or(unloaded)?;
                worker.exchange = None;
                let brings = replica.begin(&assignment).map_err(|e| e.to_string())?;
                if worker.flips.0 > 0 {
                    worker.flips.0 -= 1;
                    replica.flip(worker.flips.1);
                }
                let parameters_digest = assignment.digest.then(|| replica.digest());
                worker.assignment = Some(*assignment);
                Some(Input::Begun { parameters_digest, brings })
            }
            Action::Compute(batch) => Some(self.compute(process, &batch, figures)?),
            Action::Encode(encoding) => {
                let replica = worker.replica.as_mut().ok_or(unloaded)?;
                Some(Input::Encoded(replica.encode(&encoding).map_err(|e| e.to_string())?))
            }
            Action::Contribute(arrival) => {
                self.announce(process, *arrival);
                None
            }
            Action::Stage(staging) => self.stage(process, &staging),
            Action::Fetch { fence, group } => {
                let exchange = worker.exchange.as_mut().ok_or("no contribution is announced")?;
                exchange.wants = Some((fence, group));
                // After the close the sum is complete.
                let is_closed = exchange.closed.is_some();
                if is_closed || self.has_whole_sum(process) { self.fetch(process, None) } else { None }
            }
            Action::TellStaged => {
                let exchange = worker.exchange.as_ref().ok_or("no contribution is announced")?;
                let (fence, slot) =
                    (exchange.fence, exchange.staging.as_ref().map_or(0, |staging| staging.slot));
                let identity = worker.identity.clone();
                self.send(process, Request::Staged { fence, identity, slot });
                None
            }
            Action::Apply(apply) => Some(self.apply(process, &apply)?),
            Action::Save { checkpoint, model } => Some(self.save(process, &checkpoint, model)?),
            Action::Score { .. } => Some(Input::Scored(figures.dev.clone())),
            // The simulated reducers have no state between rounds.
            Action::SaveSums { .. } => Some(Input::Saved { written: Vec::new() }),
            Action::Report { report, .. } => {
                self.send(process, Request::Reported(report));
                // It is answered as soon as it arrives.
                Some(Input::Reported)
            }
            Action::MeasureResidual => {
                Some(Input::Residual { norm: worker.replica.as_ref().ok_or(unloaded)?.kept_norm() })
            }
            Action::Look { checkpoint, .. } => {
                Some(Input::Looked { published: self.store.is_published(&checkpoint) })
            }
            Action::StartGrace => match self.pace {
                #[cfg(test)]
                Pace::ByHand => Some(Input::GraceOver),
                Pace::Random => {
                    self.network.at(self.now + GRACE, Happening::GraceOver { process });
                    None
                }
            },
            Action::Leave { .. } => {
                if worker.session.is_some() {
                    let identity = worker.identity.clone();
                    self.send(process, Request::Leave { identity });
                }
                None
            }
            Action::End(end) => {
                if end == End::Finished {
                    // It is not started again.
                    self.ended.insert(worker.identity.clone());
                }
                self.kill_process(process);
                None
            }
            Action::Attend { .. } | Action::RecordNonFinite(_) => None,
        })
    }

    fn compute(&mut self, process: Process, batch: &Batch, figures: &Figures) -> Result<Input, String> {
        let planned_frames = self.settings.plan.planned_frames(&batch.alone());
        let worker = self.workers.get_mut(&process).ok_or("the process is gone")?;
        let loss = if worker.identity == POISONED { figures.loss } else { 0.1 };
        let score = BatchScore { sums: frame_sums(FRAMES, FRAMES as f64 * loss, 0), gradient_norm: 1.0 };
        if score.is_finite() {
            let replica = worker.replica.as_mut().ok_or("no model is loaded")?;
            let total_frames = worker.assignment.as_ref().map_or(0, |assignment| assignment.total_frames);
            replica.learn(batch, total_frames).map_err(|e| e.to_string())?;
        }
        Ok(Input::Computed { planned_frames, score: Some(score) })
    }

    fn announce(&mut self, process: Process, arrival: Arrival) {
        let Some(worker) = self.workers.get_mut(&process) else { return };
        worker.call += 1;
        worker.exchange = Some(Exchange {
            fence: arrival.fence,
            staging: None,
            is_staged: false,
            wants: None,
            sum: Bytes::new(),
            closed: None,
        });
        self.send(process, Request::Arrived(arrival));
    }

    /// Stages the payload with the reducers, which refuse payloads for an earlier membership.
    fn stage(&mut self, process: Process, staging: &Staging) -> Option<Input> {
        let worker = self.workers.get_mut(&process)?;
        let payload =
            worker.replica.as_ref().and_then(Replica::payload).filter(|_| staging.frames > 0).cloned();
        let exchange = worker.exchange.as_mut()?;
        exchange.is_staged = true;
        exchange.staging = Some(staging.clone());
        let weights = self.settings.experiment.exchange.bmuf.weights;
        let shell = self.shells.get_mut(&worker.incarnation);
        let complete = shell.is_some_and(|shell| shell.reducers.stage(staging, payload, weights));
        if complete {
            self.offer_sums(process);
        }
        Some(Input::Staged { complete })
    }

    /// The other workers hear of a sum that `process` has completed.
    fn offer_sums(&mut self, process: Process) {
        let others: Vec<Process> = self.workers.keys().copied().filter(|other| *other != process).collect();
        for process in others {
            if !self.has_whole_sum(process) {
                continue;
            }
            let delay = match self.pace {
                #[cfg(test)]
                Pace::ByHand => 0,
                Pace::Random => self.random.between(1, 30),
            };
            self.network.at(self.now + delay, Happening::SumIsWhole { process });
        }
    }

    /// A worker fetches the sum that it wants, unless the reducers have lost it since.
    pub(super) fn fetch_whole_sum(&mut self, process: Process) {
        if self.has_whole_sum(process)
            && let Some(input) = self.fetch(process, None)
        {
            self.tell(process, input);
            // It tells the coordinator.
            self.do_step(process);
        }
    }

    /// Whether the reducers have the whole sum that a worker wants.
    fn has_whole_sum(&self, process: Process) -> bool {
        let Some(worker) = self.workers.get(&process) else { return false };
        let Some(Exchange { wants: Some((fence, group)), staging: Some(staging), .. }) = &worker.exchange
        else {
            return false;
        };
        let Some(shell) = self.shells.get(&worker.incarnation) else { return false };
        let staged = shell.reducers.staged(*fence, *group);
        staged == staging.sum_group.slots || Bug::SumBeforeComplete.is_armed()
    }

    /// Fetches the sum that a worker waits for; `instead`: that of another coordinator's reducers.
    fn fetch(&mut self, process: Process, instead: Option<(u64, Fence)>) -> Option<Input> {
        let worker = self.workers.get_mut(&process)?;
        let exchange = worker.exchange.as_mut()?;
        let (fence, group) = exchange.wants.take()?;
        let (incarnation, fence) = instead.unwrap_or((worker.incarnation, fence));
        let sum = self.shells.get(&incarnation).and_then(|shell| shell.reducers.fetch(fence, group));
        let complete = sum.is_some();
        exchange.sum = sum.unwrap_or_default();
        Some(Input::Fetched { complete })
    }

    /// A round has closed: a worker that has not fetched its sum does so now.
    pub(super) fn hear_of_close(&mut self, process: Process, incarnation: u64, closed: Box<Closed>) {
        let fence = closed.fence;
        if let Some(exchange) = self.workers.get_mut(&process).and_then(|worker| worker.exchange.as_mut()) {
            exchange.closed = Some(closed.clone());
        }
        let before = self.fetch(process, Some((incarnation, fence)));
        self.tell(process, Input::Closed(closed));
        if let Some(input) = before {
            self.tell(process, input);
        }
    }

    fn apply(&mut self, process: Process, apply: &Apply) -> Result<Input, String> {
        let worker = self.workers.get_mut(&process).ok_or("the process is gone")?;
        let replica = worker.replica.as_mut().ok_or("no model is loaded")?;
        let exchange = worker.exchange.take().ok_or("no sum is here")?;
        let (Some(closed), Some(staging)) = (exchange.closed, exchange.staging) else {
            return Err("an update came that nobody waited for".into());
        };
        let counted = staging.frames > 0 && closed.contributors.contains(&staging.slot);
        let step = replica.apply(apply, &exchange.sum, counted).map_err(|e| e.to_string())?;
        let applied = Applied {
            process,
            identity: &worker.identity,
            staging: &staging,
            closed: &closed,
            strategy: replica.strategy,
            digest: replica.digest(),
            book: replica.book.as_deref(),
            residual: replica.residual(),
            step: step.as_ref(),
        };
        self.oracle.applied(&applied);
        Ok(Input::Applied { update_digest: stentor_exchange::digest(&exchange.sum) })
    }

    fn save(&mut self, process: Process, checkpoint: &str, model: bool) -> Result<Input, String> {
        let worker = self.workers.get_mut(&process).ok_or("the process is gone")?;
        let objects = worker.replica.as_ref().ok_or("no model is loaded")?.save(&worker.identity, model);
        let mut written = Vec::new();
        for (name, object) in objects {
            written.push(object.written(&name));
            if Bug::ManifestBeforeData.is_armed() {
                worker.late_objects.push((checkpoint.to_owned(), name, object));
            } else {
                self.store.put(checkpoint, &name, object);
            }
        }
        if !worker.late_objects.is_empty() {
            let delay = self.random.between(1, 400);
            self.network.at(self.now + delay, Happening::Written { process });
        }
        Ok(Input::Saved { written })
    }
}
