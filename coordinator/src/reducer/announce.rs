//! Which coordinator announces the rounds, and what it is told.

use super::{RangeReducer, Refusal, Sums};
use crate::claim::{LINEAGES, newest_claim};
use std::sync::PoisonError;
use std::time::Duration;
use stentor_rounds::{Announcement, SetAside};
use tokio::sync::mpsc;

/// Number of members set aside that the coordinator has not read yet. It drops each of them once, so further ones add nothing.
const UNREAD: usize = 64;

/// How long a reducer looks for the newest coordinator's claim.
const LOOK: Duration = Duration::from_secs(5);

impl RangeReducer {
    /// A coordinator begins to announce rounds, in place of any other. Returns the members that are set aside from now on.
    pub(crate) fn listen(&self) -> mpsc::Receiver<SetAside> {
        let (sender, receiver) = mpsc::channel(UNREAD);
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// The first announcement of a coordinator, which announces rounds from now on in place of any other. Returns the members that are
    /// set aside from then on. A reducer may outlive a run: if the run in its folder began anew, what is known of the one before is
    /// void.
    ///
    /// # Errors
    /// [`Refusal::Replaced`] if another coordinator has claimed the run since: one that was considered dead, and is not, takes no
    /// reducer from the one that lives.
    pub(crate) async fn meet(&self, announcement: Announcement) -> Result<mpsc::Receiver<SetAside>, Refusal> {
        let lineage = announcement.fence.lineage;
        let incarnation = lineage / LINEAGES;
        let is_behind = self.lock().newest().is_some_and(|newest| lineage < newest.lineage);
        // Rounds must also begin while the store does not answer.
        let claimed = tokio::time::timeout(LOOK, newest_claim(&self.run)).await;
        let newest = claimed.ok().and_then(Result::ok);
        if newest.is_some_and(|newest| newest > incarnation) || (is_behind && newest != Some(incarnation)) {
            return Err(Refusal::Replaced { incarnation });
        }
        if is_behind {
            tracing::info!(lineage, "the run began anew");
            let mut kept = self.kept.lock().await;
            kept.take();
            *self.lock() = Sums::default();
        }
        let set_aside = self.listen();
        self.announce(announcement);
        Ok(set_aside)
    }

    /// The coordinator has opened a round, or its members have changed. An announcement of an earlier round is ignored: it is of a
    /// coordinator that was replaced.
    pub(crate) fn announce(&self, announcement: Announcement) {
        self.lock().follow(announcement);
        self.wake();
    }

    /// Tells the coordinator that announces rounds who was set aside.
    pub(super) fn tell(&self, set_aside: SetAside) {
        if let Some(coordinator) = &*self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) {
            // If it is gone, its successor begins another lineage.
            let _ = coordinator.try_send(set_aside);
        }
    }
}
