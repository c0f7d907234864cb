use super::Process;
use super::network::Call;
use super::replica::Replica;
use super::store::Object;
use bytes::Bytes;
use std::collections::VecDeque;
use stentor_participant::{Action, Input, Participant, Staging};
use stentor_rounds::{Assignment, Closed, Fence, Millis, Session};
use stentor_scores::Sums;

/// A simulated worker process: the real participant and the real side of each strategy, in a shell with random delays.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: Process,
    pub(super) identity: String,
    pub(super) participant: Participant,
    /// The participant's actions that are not carried out yet.
    pub(super) actions: VecDeque<Action>,
    /// The coordinator that it is connected to.
    pub(super) incarnation: u64,
    pub(super) session: Option<Session>,
    /// Whether it requests membership and has no answer yet.
    pub(super) joining: bool,
    /// Its newest call; answers to older ones are ignored.
    pub(super) call: Call,
    pub(super) replica: Option<Replica>,
    pub(super) exchange: Option<Exchange>,
    /// The current round.
    pub(super) assignment: Option<Assignment>,
    /// Until when it is stopped by a signal; messages wait.
    pub(super) frozen_until: Millis,
    /// Until when it makes no progress, although it sends heartbeats.
    pub(super) hangs_until: Millis,
    /// Until when its link is cut.
    pub(super) cut_until: Millis,
    /// When its last message arrives: messages of one connection keep their order.
    pub(super) arrives: Millis,
    /// When the last answer to it arrives.
    pub(super) hears: Millis,
    /// Whether the cut lasts longer than connections survive.
    pub(super) connection_breaks: bool,
    /// How many more rounds it begins with a wrong parameter, and by how much it is wrong.
    pub(super) flips: (u32, f32),
    /// Objects that are reported already and not written yet: an injected bug.
    pub(super) late_objects: Vec<(String, String, Object)>,
}

/// A worker's calls to the coordinator and the reducers in a round.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) fence: Fence,
    /// The contribution that it has staged or will stage.
    pub(super) staging: Option<Staging>,
    /// Whether the reducers have its payload.
    pub(super) is_staged: bool,
    /// The sum that it needs and does not have.
    pub(super) wants: Option<(Fence, u32)>,
    pub(super) sum: Bytes,
    /// The answer at the end of the round.
    pub(super) closed: Option<Box<Closed>>,
}

/// A worker whose arithmetic sometimes fails.
pub(super) const POISONED: &str = "b";

/// The figures that a worker reports.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub(super) dev: Sums,
    /// Loss of a frame.
    pub(super) loss: f64,
}

impl Worker {
    pub(super) fn new(process: Process, identity: &str, incarnation: u64) -> Self {
        let (participant, first) = Participant::new(identity);
        Self {
            process,
            identity: identity.to_owned(),
            participant,
            actions: first.into(),
            incarnation,
            session: None,
            joining: true,
            call: 0,
            replica: None,
            exchange: None,
            assignment: None,
            frozen_until: 0,
            hangs_until: 0,
            cut_until: 0,
            arrives: 0,
            hears: 0,
            connection_breaks: false,
            flips: (0, 0.0),
            late_objects: Vec::new(),
        }
    }

    /// Gives the participant an input.
    pub(super) fn hears(&mut self, input: Input) {
        self.participant.step(input, &mut self.actions);
    }

    /// Whether it has something to do.
    pub(super) fn has_turn(&self) -> bool {
        !self.actions.is_empty()
    }

    /// Whether it requests membership next.
    pub(super) fn is_to_join(&self) -> bool {
        matches!(self.actions.front(), Some(Action::Join { .. }))
    }

    /// Whether it only waits until the last checkpoint is published.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.actions.front(), Some(Action::Look { again: true, .. }))
    }

    /// Whether it has duties at a boundary next.
    pub(super) fn has_duties(&self) -> bool {
        let closed = self.exchange.as_ref().and_then(|exchange| exchange.closed.as_ref());
        matches!(self.actions.front(), Some(Action::Apply(_)))
            && closed.is_some_and(|closed| closed.boundary.checkpoint.is_some())
    }

    /// The round for whose end it waits, which is the one that it has staged for; `None` if it does not wait.
    pub(super) fn waits_for(&self) -> Option<(&Assignment, &Staging)> {
        let exchange =
            self.exchange.as_ref().filter(|exchange| exchange.is_staged && exchange.closed.is_none())?;
        Some((self.assignment.as_ref()?, exchange.staging.as_ref()?))
    }

    /// Begins to request membership, as a process that was never a member.
    pub(super) fn forget_session(&mut self) {
        self.joining = true;
        (self.replica, self.exchange, self.assignment) = (None, None, None);
        self.hangs_until = 0;
    }
}

/// Whether an action begins another step of a worker; the actions after it belong to the same step.
pub(super) fn begins_step(action: &Action) -> bool {
    matches!(
        action,
        Action::Join { .. } | Action::Begin(_) | Action::Stage(_) | Action::Apply(_) | Action::Look { .. }
    )
}
