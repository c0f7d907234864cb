//! Which members the run waits for, how long, and which are too late. Silence ends every wait; each task of a member has a
//! deadline of its own.

use crate::pending::Pending;
use crate::round::Round;
use crate::{Action, Core, Departure, Loss, Millis, Phase, Reason, Session, Slot};
use stentor_fail_points::is_armed;

/// How long a member may take from its admission to its first heartbeat. It sends one before it loads anything; if none comes, it
/// has ended before the answer to its request arrived.
const FIRST_HEARTBEAT: Millis = 10_000;

/// A wait for one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) reason: Reason,
    /// When the member's own time began.
    pub(crate) since: Millis,
    /// The deadline; `None` if the member itself waits for others, which have deadlines of their own.
    pub(crate) until: Option<Millis>,
}

/// What the waits for all members of an open round have in common. It is found once for all of them: each part looks at every member,
/// or at every delay that is remembered.
#[derive(Debug, Clone, Copy)]
struct Shared {
    /// Delay of the last contribution so far.
    last_lag: Millis,
    all_computed: bool,
    /// How long a contribution is waited for.
    longest: Millis,
}

impl Core {
    pub(crate) fn deadline_ms(&self) -> Millis {
        (self.settings.experiment.cluster.round_deadline_s * 1e3) as Millis
    }

    /// How long members, or reducers that do not answer, are waited for.
    pub(crate) fn join_deadline_ms(&self) -> Millis {
        (self.settings.experiment.cluster.join_deadline_s * 1e3).ceil() as Millis
    }

    fn boundary_deadline_ms(&self) -> Millis {
        (self.settings.experiment.cluster.boundary_deadline_s * 1e3) as Millis
    }

    /// What the open round, or the end of the run, waits for from each member, and until when; without those that it does not wait
    /// for. In the order of slots.
    ///
    /// Duties at a boundary have no fixed limit: the time since the member's last progress is bounded. A member that has done
    /// them, or has just been admitted, has the full time for its batches from then on. The time for a payload begins when all
    /// members have computed: reducers take payloads in the order of slots, so a payload may have to wait for a member that
    /// still computes. A newcomer waits for the members that write its checkpoint, and then for the store at most as long as a
    /// round waits. While a reducer does not answer, and while the run is paused, no time passes for anybody who needs it.
    pub(crate) fn terms(&self) -> Vec<(Slot, Term)> {
        let shared = match &self.phase {
            Phase::Running(round) => Some(self.shared(round)),
            _ => None,
        };
        self.members.keys().filter_map(|&slot| Some((slot, self.term(slot, shared)?))).collect()
    }

    fn shared(&self, round: &Round) -> Shared {
        let mut longest = self.deadline_ms();
        if round.usual {
            longest = self.lags.deadline(&self.settings.experiment.cluster, longest);
        }
        Shared {
            last_lag: round.lags.iter().max().copied().unwrap_or_default(),
            all_computed: self.members.keys().all(|slot| round.arrivals.contains_key(slot)),
            longest,
        }
    }

    fn term(&self, slot: Slot, shared: Option<Shared>) -> Option<Term> {
        let term = self.usual_term(slot, shared)?;
        Some(Term { until: term.until.filter(|_| !self.is_held()), ..term })
    }

    fn usual_term(&self, slot: Slot, shared: Option<Shared>) -> Option<Term> {
        let member = self.members.get(&slot)?;
        if self.has_duties(slot) {
            let (since, until) = (member.moved_ms, Some(member.moved_ms + self.boundary_deadline_ms()));
            return Some(Term { reason: Reason::Reports, since, until });
        }
        let Phase::Running(round) = &self.phase else { return None };
        let Round { first_ms: Some(first), arrivals, staged, .. } = round else { return None };
        let Shared { last_lag, all_computed, longest } = shared?;
        if staged.contains(&slot) {
            return None;
        }
        if arrivals.contains_key(&slot) {
            let since = first + last_lag;
            // Payloads that a reducer has lost are staged once more when it answers again.
            let may_end = all_computed && self.waits_for_reducers().is_none();
            let until = may_end.then(|| since + self.deadline_ms() + round.under_way_ms());
            return Some(Term { reason: Reason::Staging, since, until });
        }
        if let Some(start) = self.start_of(slot) {
            let since = start.answered_ms.max(*first);
            let until = start.expected.is_empty().then(|| since + self.deadline_ms());
            return Some(Term { reason: Reason::Newcomers, since, until });
        }
        let since = member.free_ms.max(*first);
        // A member that lacks a part of the last sum cannot compute.
        let until = self.waits_for_reducers().is_none().then(|| since + longest);
        Some(Term { reason: Reason::Computing, since, until })
    }

    /// Whether the member still has duties at a boundary: neither its report on the checkpoint nor its next contribution has
    /// arrived.
    pub(crate) fn has_duties(&self, slot: Slot) -> bool {
        let has_contributed =
            matches!(&self.phase, Phase::Running(round) if round.arrivals.contains_key(&slot));
        !has_contributed && self.members.get(&slot).is_some_and(|member| member.duties.is_some())
    }

    /// The checkpoint from which the member at `slot` will start. Until it is published the member sends no heartbeats, because
    /// its call is open.
    pub(crate) fn start_of(&self, slot: Slot) -> Option<&Pending> {
        let is_for = |pending: &&Pending| pending.newcomers.iter().any(|(newcomer, _)| *newcomer == slot);
        self.pending.values().find(is_for)
    }

    /// Drops members that have sent nothing for longer than the round's deadline.
    pub(crate) fn drop_silent(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let deadline = self.deadline_ms();
        let mut silent = Vec::new();
        for (&slot, member) in &self.members {
            let may_take = if member.has_begun { deadline } else { deadline.min(FIRST_HEARTBEAT) };
            if now.saturating_sub(member.heard_ms) > may_take && self.start_of(slot).is_none() {
                let reason = format!("no heartbeat for {:.1} s", may_take as f64 / 1e3);
                silent.push(Loss { session: member.session, reason });
            }
        }
        self.lost_together(now, silent, actions);
    }

    /// Drops members that send heartbeats and have missed a deadline.
    pub(crate) fn drop_late(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if is_armed("deadline-ignored") {
            return;
        }
        let is_late = |term: &Term| term.until.is_some_and(|until| now > until);
        let late: Vec<(Session, Departure, Reason, String)> = self
            .terms()
            .into_iter()
            .filter(|(_, term)| is_late(term))
            .filter_map(|(slot, Term { reason, since, .. })| {
                let member = self.members.get(&slot)?;
                let waited = now.saturating_sub(since) as f64 / 1e3;
                let mut departure = Departure::Lost;
                let words = match reason {
                    Reason::Reports => {
                        let doing = &member.doing;
                        format!(
                            "it made no progress at its boundary for {waited:.1} s; it reported `{doing}`"
                        )
                    }
                    Reason::Newcomers => {
                        // The member is not the cause: it may join again.
                        departure = Departure::Left;
                        format!("its checkpoint was not in the store after {waited:.1} s")
                    }
                    Reason::Staging => format!("its payload was waited for {waited:.1} s"),
                    _ => format!("its contribution was waited for {waited:.1} s"),
                };
                Some((member.session, departure, reason, words))
            })
            .collect();
        // A reducer that does not answer holds up everybody. One member alone is its own cause, unless reducers are apart.
        let of_all =
            late.len() == self.members.len() && late.iter().all(|(.., reason, _)| *reason == Reason::Staging);
        let may_be_shared = late.len() > 1 || !self.settings.experiment.exchange.reducers.is_empty();
        let is_shared = of_all && may_be_shared && self.budget.shares();
        for (session, departure, _, words) in late {
            let departure = if is_shared { Departure::Left } else { departure };
            self.lost(now, session, departure, &words, actions);
        }
    }
}
