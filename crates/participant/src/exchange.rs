use crate::io::{Action, Encoded, Staging};
use stentor_fail_points::is_armed;
use stentor_messages::{Arrival, Closed, Fence, SumGroup};

/// A member's exchange in a round, for one membership: its contribution goes out, and the sums come in.
///
/// Payloads are sent and sums received at the same time. A sum counts only after the coordinator has closed the round for the
/// same membership.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exchange {
    fence: Fence,
    group: u32,
    /// Whether this member staged values.
    spoke: bool,
    /// Whether staging has ended.
    staged: bool,
    /// Whether fetching has ended, and if so, whether the sums are complete.
    fetched: Option<bool>,
    fetching: bool,
    closed: Option<Box<Closed>>,
}

/// The end of an exchange.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The round has closed and its sums are here. `counted`: they contain this member's contribution.
    Complete { closed: Box<Closed>, counted: bool },
    /// The reducers continue without this member.
    Excluded(String),
}

impl Exchange {
    /// Begins to exchange `contribution`, which was made for `staging`: fence and sum group are those of the present members.
    /// `late_fetch`: fetching changes the reducers' state, so it must not happen before the round's end.
    pub(crate) fn begin(
        contribution: &Arrival,
        encoded: &Encoded,
        staging: Staging,
        late_fetch: bool,
        actions: &mut Vec<Action>,
    ) -> Self {
        let (fence, SumGroup { group, speaks, .. }) = (staging.fence, staging.sum_group.clone());
        // If several members hold the same values, one of them sends these; if it is gone, another one does.
        let speaks = speaks && encoded.has_payloads;
        let frames = if speaks { contribution.frames } else { 0 };
        let arrival = Arrival {
            fence,
            frames,
            payload_bytes: if speaks { encoded.payload_bytes } else { 0 },
            values_sent: if speaks { encoded.values_sent } else { 0 },
            ..contribution.clone()
        };
        actions.push(Action::Contribute(Box::new(arrival)));
        actions.push(Action::Stage(Box::new(Staging { frames, ..staging })));
        let mut exchange = Self {
            fence,
            group,
            spoke: frames > 0,
            staged: false,
            fetched: None,
            fetching: false,
            closed: None,
        };
        if !late_fetch {
            exchange.fetch(actions);
        }
        exchange
    }

    fn fetch(&mut self, actions: &mut Vec<Action>) {
        if !self.fetching {
            self.fetching = true;
            actions.push(Action::Fetch { fence: self.fence, group: self.group });
        }
    }

    pub(crate) fn staged(&mut self, complete: bool, actions: &mut Vec<Action>) {
        if complete && !self.staged {
            actions.push(Action::TellStaged);
        }
        self.staged = true;
    }

    pub(crate) fn fetched(&mut self, complete: bool) {
        if self.fetching && self.fetched.is_none() {
            self.fetched = Some(complete);
        }
    }

    /// The round has closed; an update of another round or membership is ignored.
    pub(crate) fn closed(&mut self, closed: Box<Closed>, actions: &mut Vec<Action>) {
        let expected = closed.fence == self.fence || is_armed("stale-incarnation-accepted");
        if expected && self.closed.is_none() {
            self.closed = Some(closed);
            self.fetch(actions);
        }
    }

    /// Whether the exchange has ended, and how. `slot`: this member's place in sums.
    pub(crate) fn outcome(&mut self, slot: u32) -> Option<Outcome> {
        let complete = self.fetched.filter(|_| self.staged)?;
        let closed = self.closed.take()?;
        if !complete {
            return Some(Outcome::Excluded("a reducer has continued without this member".into()));
        }
        let counted = self.spoke && closed.contributors.contains(&slot);
        Some(Outcome::Complete { closed, counted })
    }
}
