use crate::io::{Action, End, Input};
use crate::session::{Progress, Session};
use std::collections::VecDeque;
use stentor_fail_points::is_armed;
use stentor_random::SplitMix64;

/// The first pause before joining again. A signal to stop that reached this worker and its coordinator at the same time is handled
/// meanwhile.
const FIRST_PAUSE_MS: u64 = 100;
/// The longest pause.
const LONGEST_PAUSE_MS: u64 = 10_000;

/// A worker's part in a run, from its first join to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Participant {
    identity: String,
    /// A signal has asked the worker to stop, or an operator to leave.
    stopping: bool,
    /// It was an operator.
    drained: bool,
    /// Sessions in a row in which no round was completed.
    in_vain: u32,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq)]
enum Stage {
    /// Has asked for membership.
    Joining,
    Member(Box<Session>),
    /// Has sent its last report, and waits until the last checkpoint is published. Until then the run may have to fall back and
    /// needs its members, and a member that has ended without an error would not be started again.
    Concluding {
        last: String,
        over: Option<Gone>,
    },
    Ended,
}

/// The session ended before the last checkpoint was published. The coordinator may have ended before its last answer arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gone {
    reason: String,
    /// So long ago that the checkpoint will not be published any more.
    long_ago: bool,
}

impl Participant {
    /// A worker that has not joined yet, with its first actions.
    #[must_use]
    pub fn new(identity: &str) -> (Self, Vec<Action>) {
        let identity = identity.to_owned();
        let participant =
            Self { identity, stopping: false, drained: false, in_vain: 0, stage: Stage::Joining };
        (participant, vec![Action::Join { after: None, pause_ms: 0 }])
    }

    /// Takes note of what has happened. `queue`: what the shell must do, in this order. An input adds to what is not done yet, or
    /// replaces it.
    pub fn step(&mut self, input: Input, queue: &mut VecDeque<Action>) {
        if self.is_voided_by(&input) {
            queue.clear();
        }
        let mut actions = Vec::new();
        if matches!(input, Input::Applied { .. }) {
            self.in_vain = 0;
        }
        match input {
            Input::Stop => self.stop(&mut actions),
            Input::Drain => {
                self.drained = true;
                self.stop(&mut actions);
            }
            Input::Over { reason } => self.over(reason, &mut actions),
            Input::Failed { reason, fatal } => self.fail(reason, fatal, &mut actions),
            input => self.go_on(input, &mut actions),
        }
        queue.extend(actions);
    }

    /// Whether an input makes void what is to be done: members have changed, or the session is over. Whatever of it is still
    /// needed, the input asks for again. A worker that has ended still leaves.
    fn is_voided_by(&self, input: &Input) -> bool {
        match (&self.stage, input) {
            (Stage::Ended, _) => false,
            (_, Input::Over { .. } | Input::Failed { .. }) => true,
            (Stage::Member(member), Input::Again { .. }) => member.is_exchanging(),
            (Stage::Member(member), Input::Stop | Input::Drain) => member.is_preparing(),
            // A request for membership would be held open.
            (Stage::Joining, Input::Stop | Input::Drain) => true,
            _ => false,
        }
    }

    /// Whether the worker has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    fn go_on(&mut self, input: Input, actions: &mut Vec<Action>) {
        match (&mut self.stage, input) {
            (Stage::Joining, Input::Admitted { session, assignment, checkpoint }) => {
                let member = Session::new(&self.identity, *assignment, checkpoint.clone());
                self.stage = Stage::Member(Box::new(member));
                actions.extend([Action::Attend { session }, Action::Prepare { checkpoint }]);
            }
            (Stage::Member(member), input) => match member.step(input, self.stopping, actions) {
                Progress::Continues => {}
                Progress::Finished { last: Some(last) } if !is_armed("leaves-before-published") => {
                    self.conclude(last, None, actions);
                }
                Progress::Finished { .. } => self.leave("the run is finished", End::Finished, actions),
                Progress::Leaves { lost_norm } => self.leave_by_request(lost_norm, actions),
                Progress::Over(reason) => self.over(reason, actions),
            },
            (Stage::Concluding { .. }, Input::Looked { published: true }) => {
                self.leave("the run is finished", End::Finished, actions);
            }
            (Stage::Concluding { over: Some(gone), .. }, Input::Looked { published: false })
                if gone.long_ago =>
            {
                let reason = std::mem::take(&mut gone.reason);
                self.rejoin(reason, actions);
            }
            (Stage::Concluding { .. }, Input::Looked { published: false }) if self.stopping => {
                self.leave_by_request(0.0, actions);
            }
            (Stage::Concluding { last, .. }, Input::Looked { published: false }) => {
                actions.push(Action::Look { checkpoint: last.clone(), again: true });
            }
            (Stage::Concluding { over: Some(gone), .. }, Input::GraceOver) => gone.long_ago = true,
            _ => {}
        }
    }

    fn stop(&mut self, actions: &mut Vec<Action>) {
        self.stopping = true;
        match &self.stage {
            Stage::Joining => self.end(self.end_by_request(0.0), actions),
            // It was just admitted: the others must not wait for it.
            Stage::Member(member) if member.is_preparing() => self.leave_by_request(0.0, actions),
            // A member stays until its residual is in the model, and looks once more for the last checkpoint.
            Stage::Member(_) | Stage::Concluding { .. } | Stage::Ended => {}
        }
    }

    fn over(&mut self, reason: String, actions: &mut Vec<Action>) {
        match &mut self.stage {
            Stage::Member(member) => match member.last().map(str::to_owned) {
                // The coordinator may have ended before the last call is answered.
                Some(last) => self.conclude(last, Some(Gone { reason, long_ago: false }), actions),
                None => self.rejoin(reason, actions),
            },
            Stage::Concluding { last, over } => {
                let again = over.is_some();
                // Also if the session was over already: the grace period may not have been started yet, and now never would be.
                if !over.get_or_insert(Gone { reason, long_ago: false }).long_ago {
                    actions.push(Action::StartGrace);
                }
                actions.push(Action::Look { checkpoint: last.clone(), again });
            }
            // Either the shell had not asked for membership yet, or it has not been granted.
            Stage::Joining => self.rejoin(reason, actions),
            Stage::Ended => {}
        }
    }

    fn conclude(&mut self, last: String, over: Option<Gone>, actions: &mut Vec<Action>) {
        if over.is_some() {
            actions.push(Action::StartGrace);
        }
        actions.push(Action::Look { checkpoint: last.clone(), again: false });
        self.stage = Stage::Concluding { last, over };
    }

    fn rejoin(&mut self, reason: String, actions: &mut Vec<Action>) {
        if self.stopping {
            // The coordinator was asked to stop as well, and was faster.
            return self.end(self.end_by_request(0.0), actions);
        }
        self.stage = Stage::Joining;
        let pause_ms = self.pause();
        self.in_vain = self.in_vain.saturating_add(1);
        actions.push(Action::Join { after: Some(reason), pause_ms });
    }

    /// The pause before joining again: twice as long each time, and by up to a half longer or shorter, as the identity decides.
    fn pause(&self) -> u64 {
        let usual = FIRST_PAUSE_MS.saturating_mul(1 << self.in_vain.min(20)).min(LONGEST_PAUSE_MS);
        let seed = self
            .identity
            .bytes()
            .fold(u64::from(self.in_vain), |seed, byte| stentor_random::mix(seed ^ u64::from(byte)));
        usual / 2 + SplitMix64::new(seed).below(usual as usize + 1) as u64
    }

    fn fail(&mut self, reason: String, fatal: bool, actions: &mut Vec<Action>) {
        match self.stage {
            Stage::Joining => self.end(End::Failed, actions),
            Stage::Member(_) | Stage::Concluding { .. } => {
                actions.push(Action::Leave { reason, fatal });
                self.end(End::Failed, actions);
            }
            Stage::Ended => {}
        }
    }

    fn leave_by_request(&mut self, lost_norm: f64, actions: &mut Vec<Action>) {
        let by = if self.drained { "drained by an operator" } else { "asked to stop by a signal" };
        let reason = if lost_norm == 0.0 {
            by.to_owned()
        } else {
            format!("{by}; a residual of norm {lost_norm:e} is lost")
        };
        self.leave(&reason, self.end_by_request(lost_norm), actions);
    }

    /// A signal may stop a machine for a while; whom an operator drains is not to come back.
    fn end_by_request(&self, lost_norm: f64) -> End {
        match self.drained {
            true => End::Drained { lost_norm },
            false => End::Stopped { lost_norm },
        }
    }

    fn leave(&mut self, reason: &str, end: End, actions: &mut Vec<Action>) {
        actions.push(Action::Leave { reason: reason.to_owned(), fatal: false });
        self.end(end, actions);
    }

    fn end(&mut self, end: End, actions: &mut Vec<Action>) {
        self.stage = Stage::Ended;
        actions.push(Action::End(end));
    }
}
