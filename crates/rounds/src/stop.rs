//! The end of a coordinator that is asked to stop, while its run is not over: a checkpoint is published first, so that only batches of
//! rounds after it are computed again.

use crate::{Action, Core, Outcome, Phase, Session};

impl Core {
    /// The coordinator is asked to stop: at the next boundary a checkpoint is written, and the coordinator stops when it is published.
    /// Without an open round there is nothing that the newest checkpoint does not contain.
    pub(crate) fn stop_soon(&mut self, actions: &mut Vec<Action>) {
        self.stopping = true;
        self.stop_if_idle(actions);
    }

    /// Stops a coordinator that was asked to, unless a round or the last checkpoint is under way. In a pause no round is.
    pub(crate) fn stop_if_idle(&mut self, actions: &mut Vec<Action>) {
        if self.stopping && (matches!(self.phase, Phase::Gathering { .. }) || self.is_held()) {
            self.stop(Outcome::Interrupted, actions);
        }
    }

    /// Whether the next boundary needs a checkpoint because the coordinator is to stop, and none is being written.
    pub(crate) fn needs_last_checkpoint(&self) -> bool {
        self.stopping && self.pending.is_empty()
    }

    /// The answer to a request for membership of a run that takes no members any more. Another coordinator may continue a run that
    /// is not over.
    pub(crate) fn turn_away(&self, session: Session) -> Action {
        match self.stopping {
            true => Action::PutOff { session, reason: "the coordinator is stopping".into() },
            false => Action::RefuseJoin { session, reason: "the run is over".into() },
        }
    }
}
