use super::network::{Call, Request};
use super::oracle::Oracle;
use super::replica::{Coded, Payload, Replica};
use super::store::{Object, Store};
use super::{Bug, Process};
use std::collections::BTreeMap;
use stentor_coordinator::state_machine::{
    Arrival, Assignment, Boundary, Closing, Encoding, Fence, Millis, Next, Report, Session, SumGroup,
};
use stentor_experiment::BmufMomentum;
use stentor_scores::{Sums, frame_sums};

/// A pretended worker process. It does what `worker/src/session.rs` does, one step at a time.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: Process,
    pub(super) identity: String,
    pub(super) work: Work,
    /// The coordinator that it is connected to.
    pub(super) incarnation: u64,
    pub(super) session: Option<Session>,
    /// Its newest call; answers to older ones are not waited for any more.
    pub(super) call: Call,
    pub(super) replica: Option<Replica>,
    /// What ought to be in its residual, by book.
    pub(super) book: Option<Vec<i64>>,
    /// Stopped by a signal until then; everything that comes waits.
    pub(super) frozen_until: Millis,
    /// Until then it does not get on, though its heartbeats do.
    pub(super) hangs_until: Millis,
    /// Its line is cut until then.
    pub(super) cut_until: Millis,
    /// When its last message arrives: those of one connection keep their order.
    pub(super) arrives: Millis,
    /// When the last answer to it arrives.
    pub(super) hears: Millis,
    /// The cut is longer than connections live.
    pub(super) connection_breaks: bool,
    /// By SIGTERM: it stays until its residual is in everybody's model.
    pub(super) asked_to_stop: bool,
    /// Rounds that it has been in since.
    farewell_rounds: u32,
    /// The run's last checkpoint, once its last update has come.
    pub(super) last: Option<String>,
    /// Objects that are still to be written though they are reported already: a planted bug.
    pub(super) late_objects: Vec<(String, String, Object)>,
}

/// What a worker does next.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// Is to ask for membership.
    Outside,
    /// Waits for an answer to its join.
    Joining,
    /// Has a round's batches to compute.
    Computing(Assignment),
    /// Has computed, and says so once more: members have changed.
    Computed(Assignment, Coded),
    /// Has said so, and brings its payload to the reducers.
    Staging(Assignment, Coded),
    /// Waits for the round's update.
    Waiting(Assignment, Coded),
    /// Has a boundary's duties, then perhaps a round.
    Reporting(Boundary, Option<Assignment>),
    /// Has sent its last report, and waits until the last checkpoint is published.
    Done,
}

/// What a turn of a worker came to.
pub(super) enum Step {
    Nothing,
    Send(Request),
    /// Payload for the reducers, with the word that it is there.
    Stage {
        sum_group: SumGroup,
        payload: Option<Payload>,
        word: Request,
    },
    /// The session cannot go on.
    Over(String),
}

/// As the real worker's.
const FAREWELL_ROUNDS: u32 = 3;

/// Whose arithmetic fails at times.
const POISONED: &str = "b";

/// How the score on dev data and the sizes of losses are pretended.
#[derive(Debug, Clone)]
pub(super) struct Pretence {
    pub(super) dev: Sums,
    pub(super) loss: f64,
}

impl Worker {
    pub(super) fn new(process: Process, identity: &str, incarnation: u64) -> Self {
        Self {
            process,
            identity: identity.to_owned(),
            work: Work::Outside,
            incarnation,
            session: None,
            call: 0,
            replica: None,
            book: None,
            frozen_until: 0,
            hangs_until: 0,
            cut_until: 0,
            arrives: 0,
            hears: 0,
            connection_breaks: false,
            asked_to_stop: false,
            farewell_rounds: 0,
            last: None,
            late_objects: Vec::new(),
        }
    }

    /// Whether it can do something without being told anything.
    pub(super) fn has_turn(&self) -> bool {
        !matches!(self.work, Work::Joining | Work::Waiting(..) | Work::Done)
    }

    /// Whether it was asked to stop, and has nothing left that others have not.
    pub(super) fn takes_leave(&self) -> bool {
        let empty =
            self.replica.as_ref().and_then(Replica::kept).is_none_or(|kept| kept.iter().all(|v| *v == 0));
        let between = matches!(self.work, Work::Computing(_) | Work::Done);
        between && self.farewell_rounds > 0 && (empty || self.farewell_rounds >= FAREWELL_ROUNDS)
    }

    /// The session is over: whatever it had is worth nothing.
    pub(super) fn leave_session(&mut self) {
        self.call += 1;
        self.session = None;
        self.replica = None;
        self.book = None;
        self.last = None;
        self.hangs_until = 0;
        self.work = Work::Outside;
    }

    /// Its membership begins.
    pub(super) fn admitted(
        &mut self,
        session: Session,
        assignment: Assignment,
        checkpoint: Option<&str>,
        momentum: BmufMomentum,
        store: &Store,
    ) -> Result<(), String> {
        let mut replica = Replica::new(assignment.strategy, momentum);
        if let Some(name) = checkpoint {
            replica.load(store, name, &self.identity)?;
        }
        self.book = replica.kept().map(<[i64]>::to_vec);
        self.session = Some(session);
        self.replica = Some(replica);
        self.work = Work::Computing(assignment);
        Ok(())
    }

    /// Does the next thing.
    pub(super) fn turn(&mut self, store: &mut Store, pretence: &Pretence) -> Step {
        match std::mem::replace(&mut self.work, Work::Done) {
            Work::Outside => {
                self.call += 1;
                self.work = Work::Joining;
                Step::Send(Request::Join { identity: self.identity.clone() })
            }
            Work::Computing(assignment) => match self.compute(&assignment) {
                Ok(coded) => self.contribute(assignment, coded, pretence),
                Err(reason) => Step::Over(reason),
            },
            Work::Computed(assignment, coded) => self.contribute(assignment, coded, pretence),
            Work::Staging(assignment, coded) => {
                let Assignment { fence, slot, .. } = assignment;
                let word = Request::Staged { fence, identity: self.identity.clone(), slot };
                let sum_group = assignment.sum_group.clone();
                let payload = coded.payload.clone().filter(|_| sum_group.speaks);
                self.work = Work::Waiting(assignment, coded);
                Step::Stage { sum_group, payload, word }
            }
            Work::Reporting(boundary, next) => {
                if next.is_none() {
                    self.last.clone_from(&boundary.checkpoint);
                }
                self.work = next.map_or(Work::Done, Work::Computing);
                self.farewell_rounds += u32::from(self.asked_to_stop);
                let Some(checkpoint) = boundary.checkpoint.clone() else { return Step::Nothing };
                Step::Send(Request::Reported(self.report(store, &checkpoint, &boundary, pretence)))
            }
            waiting @ (Work::Joining | Work::Waiting(..) | Work::Done) => {
                self.work = waiting;
                Step::Nothing
            }
        }
    }

    /// Learns a round's batches.
    fn compute(&mut self, assignment: &Assignment) -> Result<Coded, String> {
        let replica = self.replica.as_mut().ok_or("no model is loaded")?;
        if replica.begin(assignment)? {
            self.book = replica.kept().map(<[i64]>::to_vec);
        }
        let digest = assignment.digest.then(|| replica.digest());
        let frames = replica.learn(&assignment.leases);
        Ok(Coded { digest, ..replica.code(assignment, frames) })
    }

    fn contribute(&mut self, assignment: Assignment, coded: Coded, pretence: &Pretence) -> Step {
        self.call += 1;
        let frames = if assignment.sum_group.speaks { coded.frames } else { 0 };
        let loss = if self.identity == POISONED { frames as f64 * pretence.loss } else { 1.0 };
        let arrival = Arrival {
            fence: assignment.fence,
            identity: self.identity.clone(),
            slot: assignment.slot,
            frames,
            sums: frame_sums(frames, loss, 0),
            by_source: BTreeMap::new(),
            gradient_norm: 1.0,
            suggested_tau: 4.0,
            values_sent: 1,
            residual_norm: 0.0,
            payload_bytes: 1,
            parameters_digest: coded.digest,
            update_digest: self.replica.as_ref().and_then(|r| r.last_update),
            compute_s: 0.0,
            leaving: self.asked_to_stop,
        };
        self.work = Work::Staging(assignment, coded);
        Step::Send(Request::Arrived(arrival))
    }

    fn report(
        &mut self,
        store: &mut Store,
        checkpoint: &str,
        boundary: &Boundary,
        pretence: &Pretence,
    ) -> Report {
        let objects = self.replica.iter().flat_map(|r| r.save(&self.identity, boundary.writes_model));
        let mut written = Vec::new();
        for (name, object) in objects {
            written.push(object.written(&name));
            if Bug::ManifestBeforeData.is_armed() {
                self.late_objects.push((checkpoint.to_owned(), name, object));
            } else {
                store.put(checkpoint, &name, object);
            }
        }
        let dev = boundary.dev_share.map(|_| pretence.dev.clone());
        Report { identity: self.identity.clone(), checkpoint: checkpoint.to_owned(), written, dev }
    }

    /// Members have changed while a round is open.
    pub(super) fn again(&mut self, fence: Fence, sum_group: SumGroup) {
        self.work = match std::mem::replace(&mut self.work, Work::Done) {
            Work::Staging(assignment, coded) | Work::Waiting(assignment, coded) => {
                Work::Computed(Assignment { fence, sum_group, ..assignment }, coded)
            }
            other => other,
        };
    }

    /// A round has closed; `sum`: what the reducers have of its sum group, by slot.
    pub(super) fn update(
        &mut self,
        closing: &Closing,
        next: Next,
        sum: &[Payload],
        oracle: &mut Oracle,
    ) -> Result<(), String> {
        let Work::Waiting(assignment, coded) = std::mem::replace(&mut self.work, Work::Done) else {
            return Err("an update came that nobody waited for".into());
        };
        let replica = self.replica.as_mut().ok_or("no model is loaded")?;
        let spoke = coded.payload.is_some() && assignment.sum_group.speaks;
        let counted = spoke && next.contributors.contains(&assignment.slot);
        let step = replica.apply(closing.encoding, sum, counted)?;
        if let (true, Some(book), false) =
            (counted, &mut self.book, matches!(closing.encoding, Encoding::Block { .. }))
        {
            for ((kept, gradient), sent) in book.iter_mut().zip(&coded.gradient).zip(&coded.sent) {
                *kept += gradient - sent;
            }
        }
        oracle.applied(self.process, &self.identity, &assignment, closing.fence, replica.digest());
        oracle.conserved(&self.identity, closing.fence, self.book.as_deref(), replica.kept());
        if let Some(step) = step {
            oracle.filtered(&self.identity, closing, &step);
        }
        self.work = Work::Reporting(next.boundary, next.assignment);
        Ok(())
    }
}
