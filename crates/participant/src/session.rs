use crate::duties::Duties;
use crate::exchange::{Exchange, Outcome};
use crate::io::{Action, Apply, Batch, BatchScore, Encoded, Input, Rules, Staging};
use crate::learned::Learned;
use stentor_fail_points::is_armed;
use stentor_messages::{Arrival, Assignment, Closed, Fence, SumGroup};

/// Rounds that a member stays after it was asked to stop, until its residual is in the model: one that may already have begun, one
/// in which it announces this, and one that sends the residual whole.
const LEAVING_ROUNDS: u32 = 3;

/// The rounds of one membership, from admission to dismissal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    identity: String,
    rules: Rules,
    /// The checkpoint from which this member's lineage started.
    lineage_start: Option<String>,
    /// The round.
    assignment: Assignment,
    work: Work,
    /// What was counted in the round's batches.
    learned: Learned,
    parameters_digest: Option<u64>,
    /// Digest of the update that was applied last.
    update_digest: Option<u64>,
    /// Rounds since this member was asked to stop.
    leaving_rounds: u32,
    /// The run's last checkpoint, once the coordinator has said that no round follows.
    last: Option<String>,
}

/// What a member is doing.
#[derive(Debug, Clone, PartialEq)]
enum Work {
    Preparing,
    Beginning,
    /// A batch of the lease at this position of the assignment.
    Computing(Batch, usize),
    Encoding {
        frames: u64,
    },
    Exchanging {
        contribution: Box<Arrival>,
        encoded: Encoded,
        exchange: Box<Exchange>,
    },
    Applying(Box<Closed>),
    Boundary(Duties, Option<Box<Assignment>>),
    /// Measuring the residual, to know whether it may leave instead of beginning with the next round.
    Measuring(Box<Assignment>),
    /// Nothing is left to do.
    Done,
}

/// What a step of a session leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Progress {
    /// The session goes on.
    Continues,
    /// No round follows, and all reports are sent. `last`: the run's last checkpoint.
    Finished { last: Option<String> },
    /// The member was asked to stop, and leaves.
    Leaves { lost_norm: f64 },
    /// The session cannot continue; joining again helps.
    Over(String),
}

impl Session {
    /// A member that was just admitted.
    pub(crate) fn new(identity: &str, assignment: Assignment, lineage_start: Option<String>) -> Self {
        Self {
            identity: identity.to_owned(),
            rules: Rules::default(),
            lineage_start,
            assignment,
            work: Work::Preparing,
            learned: Learned::default(),
            parameters_digest: None,
            update_digest: None,
            leaving_rounds: 0,
            last: None,
        }
    }

    /// The run's last checkpoint, once the coordinator has said that no round follows.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Whether the member has nothing yet that could be lost: it loads its state.
    pub(crate) fn is_preparing(&self) -> bool {
        self.work == Work::Preparing
    }

    /// Whether a contribution is announced, and its round is not closed.
    pub(crate) fn is_exchanging(&self) -> bool {
        matches!(self.work, Work::Exchanging { .. })
    }

    /// `stopping`: the member was asked to stop.
    pub(crate) fn step(&mut self, input: Input, stopping: bool, actions: &mut Vec<Action>) -> Progress {
        match (std::mem::replace(&mut self.work, Work::Done), input) {
            (Work::Preparing, Input::Prepared { rules }) => {
                self.rules = rules;
                self.begin(self.assignment.clone(), actions);
            }
            (Work::Beginning, Input::Begun { parameters_digest, brings }) => {
                self.parameters_digest = parameters_digest;
                match self.first_batch(0, self.assignment.committed_frames) {
                    Some((batch, position)) => self.compute(batch, position, actions),
                    None => self.encode(brings, stopping, actions),
                }
            }
            (Work::Computing(batch, position), Input::Computed { planned_frames, score }) => {
                // Within a block, every member is assumed to have progressed as far in the schedule as this one.
                let progress = u64::from(self.assignment.members).saturating_mul(planned_frames);
                let clock = batch.committed_frames.saturating_add(progress);
                self.computed(&batch, score, self.next_batch(&batch, position, clock), stopping, actions);
            }
            (Work::Encoding { frames }, Input::Encoded(encoded)) => {
                self.contribute(frames, encoded, stopping, actions);
            }
            (Work::Exchanging { contribution, encoded, .. }, Input::Again { fence, sum_group }) => {
                self.exchange(contribution, encoded, fence, sum_group, actions);
            }
            (Work::Exchanging { contribution, encoded, mut exchange }, input) => {
                match input {
                    Input::Staged { complete } => exchange.staged(complete, actions),
                    Input::Fetched { complete } => exchange.fetched(complete),
                    Input::Closed(closed) => exchange.closed(closed, actions),
                    _ => {}
                }
                match exchange.outcome(self.assignment.slot) {
                    None => self.work = Work::Exchanging { contribution, encoded, exchange },
                    Some(Outcome::Excluded(reason)) => return Progress::Over(reason),
                    Some(Outcome::Complete { closed, counted }) => self.apply(closed, counted, actions),
                }
            }
            (Work::Applying(closed), Input::Applied { update_digest }) => {
                self.update_digest = Some(update_digest);
                return self.applied(*closed, stopping, actions);
            }
            (Work::Boundary(mut duties, next), input) => {
                match input {
                    Input::Saved { written } => duties.saved(written, actions),
                    Input::Scored(score) => duties.scored(score, actions),
                    Input::Reported if duties.reported() => {
                        return self.finish_round(next, stopping, actions);
                    }
                    _ => {}
                }
                self.work = Work::Boundary(duties, next);
            }
            (Work::Measuring(next), Input::Residual { norm }) => {
                return self.leave_or_begin(*next, norm, actions);
            }
            (work, _) => self.work = work,
        }
        Progress::Continues
    }

    fn begin(&mut self, assignment: Assignment, actions: &mut Vec<Action>) {
        self.learned = Learned::default();
        self.assignment = assignment.clone();
        self.work = Work::Beginning;
        actions.push(Action::Begin(Box::new(assignment)));
    }

    /// The first batch of the leases from `position` on, and the position of its lease.
    fn first_batch(&self, position: usize, committed_frames: u64) -> Option<(Batch, usize)> {
        let mut leases = self.assignment.leases.iter().enumerate().skip(position);
        let (position, &lease) = leases.find(|(_, lease)| lease.batches > 0)?;
        Some((Batch { lease, index: 0, committed_frames }, position))
    }

    /// The batch after `batch`.
    fn next_batch(&self, batch: &Batch, position: usize, committed_frames: u64) -> Option<(Batch, usize)> {
        if batch.index + 1 < batch.lease.batches {
            return Some((Batch { index: batch.index + 1, committed_frames, ..*batch }, position));
        }
        self.first_batch(position + 1, committed_frames)
    }

    fn compute(&mut self, batch: Batch, position: usize, actions: &mut Vec<Action>) {
        self.work = Work::Computing(batch, position);
        actions.push(Action::Compute(batch));
    }

    fn computed(
        &mut self,
        batch: &Batch,
        score: Option<BatchScore>,
        next: Option<(Batch, usize)>,
        stopping: bool,
        actions: &mut Vec<Action>,
    ) {
        let is_finite = score.is_none_or(|score| self.learned.add(batch.lease.source, &score));
        if !is_finite {
            actions.push(Action::RecordNonFinite(*batch));
            return self.encode(0, stopping, actions);
        }
        match next {
            Some((batch, position)) => self.compute(batch, position, actions),
            None => self.encode(self.learned.frames(), stopping, actions),
        }
    }

    /// In a group exchange one member of each group sends what the whole group has learned since the last one; the others encode
    /// the same, because they may have to send it if that member is lost.
    fn encode(&mut self, frames: u64, stopping: bool, actions: &mut Vec<Action>) {
        if frames == 0 {
            return self.contribute(0, Encoded::default(), stopping, actions);
        }
        self.work = Work::Encoding { frames };
        actions.push(Action::Encode(self.assignment.encoding));
    }

    fn contribute(&mut self, frames: u64, encoded: Encoded, stopping: bool, actions: &mut Vec<Action>) {
        let Learned { sums, by_source, gradient_norm } = self.learned.clone();
        let contribution = Arrival {
            fence: self.assignment.fence,
            identity: self.identity.clone(),
            slot: self.assignment.slot,
            frames,
            sums,
            by_source,
            gradient_norm,
            suggested_tau: encoded.suggested_tau,
            values_sent: encoded.values_sent,
            residual_norm: encoded.residual_norm,
            payload_bytes: encoded.payload_bytes,
            parameters_digest: self.parameters_digest,
            update_digest: self.update_digest,
            compute_s: 0.0,
            leaving: stopping,
        };
        let (fence, sum_group) = (self.assignment.fence, self.assignment.sum_group.clone());
        self.exchange(Box::new(contribution), encoded, fence, sum_group, actions);
    }

    /// Exchanges a contribution with the members of `sum_group`; nothing is computed again.
    fn exchange(
        &mut self,
        contribution: Box<Arrival>,
        encoded: Encoded,
        fence: Fence,
        sum_group: SumGroup,
        actions: &mut Vec<Action>,
    ) {
        let staging = Staging {
            fence,
            slot: self.assignment.slot,
            frames: contribution.frames,
            sum_group,
            encoding: self.assignment.encoding,
            sections: encoded.sections.max(1),
            lineage_start: self.lineage_start.clone(),
        };
        let late_fetch = self.rules.late_fetch;
        let exchange = Box::new(Exchange::begin(&contribution, &encoded, staging, late_fetch, actions));
        self.work = Work::Exchanging { contribution, encoded, exchange };
    }

    fn apply(&mut self, closed: Box<Closed>, counted: bool, actions: &mut Vec<Action>) {
        if closed.next.is_none() {
            self.last.clone_from(&closed.boundary.checkpoint);
        }
        let apply = Apply {
            encoding: closed.encoding,
            source: closed.source,
            counted: counted || is_armed("residual-adopted-uncounted"),
            frames: closed.frames,
            committed_frames: self.assignment.committed_frames,
            total_frames: self.assignment.total_frames,
        };
        actions.push(Action::Apply(Box::new(apply)));
        self.work = Work::Applying(closed);
    }

    fn applied(&mut self, closed: Closed, stopping: bool, actions: &mut Vec<Action>) -> Progress {
        let Closed { boundary, next, .. } = closed;
        let fence = self.assignment.fence;
        match Duties::begin(fence, &boundary, &self.identity, actions) {
            Some(duties) => {
                self.work = Work::Boundary(duties, next.map(Box::new));
                Progress::Continues
            }
            None => self.finish_round(next.map(Box::new), stopping, actions),
        }
    }

    fn finish_round(
        &mut self,
        next: Option<Box<Assignment>>,
        stopping: bool,
        actions: &mut Vec<Action>,
    ) -> Progress {
        let Some(next) = next else { return Progress::Finished { last: self.last.clone() } };
        if !stopping {
            self.begin(*next, actions);
            return Progress::Continues;
        }
        self.leaving_rounds += 1;
        if self.rules.fixed {
            // Nothing is lost: the run falls back to a checkpoint that contains the residual.
            return self.leave_or_begin(*next, 0.0, actions);
        }
        self.work = Work::Measuring(next);
        actions.push(Action::MeasureResidual);
        Progress::Continues
    }

    /// A member that was asked to stop leaves between two rounds, as soon as nothing is lost or it has waited long enough.
    fn leave_or_begin(&mut self, next: Assignment, lost_norm: f64, actions: &mut Vec<Action>) -> Progress {
        if lost_norm == 0.0 || self.leaving_rounds >= LEAVING_ROUNDS {
            return Progress::Leaves { lost_norm };
        }
        self.begin(next, actions);
        Progress::Continues
    }
}
