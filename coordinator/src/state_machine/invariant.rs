use super::membership::MOST_MEMBERS;
use super::{Action, Core, Event, Fence, Input, Millis, Phase, Session, boundaries};
use std::collections::BTreeMap;
use std::fmt;

/// What always holds. Each has an id, so that a test, a line of the log and a metric name the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// I1.
    OneDigestPerRound,
    /// I2.
    ForwardOnly,
    /// I3.
    ExactlyOnce,
    /// I4.
    Conservation,
    /// I5.
    BoundedWaits,
    /// I6.
    NewestLoads,
    /// I7.
    Finite,
    /// I8.
    Fenced,
    /// I9.
    BoundedMemory,
    /// I10.
    ModelIsNoLookAhead,
    /// I11.
    OneSum,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Invariant; 11] = [
        Invariant::OneDigestPerRound,
        Invariant::ForwardOnly,
        Invariant::ExactlyOnce,
        Invariant::Conservation,
        Invariant::BoundedWaits,
        Invariant::NewestLoads,
        Invariant::Finite,
        Invariant::Fenced,
        Invariant::BoundedMemory,
        Invariant::ModelIsNoLookAhead,
        Invariant::OneSum,
    ];

    /// Its short name, in messages, metrics and docs.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Invariant::OneDigestPerRound => "I1",
            Invariant::ForwardOnly => "I2",
            Invariant::ExactlyOnce => "I3",
            Invariant::Conservation => "I4",
            Invariant::BoundedWaits => "I5",
            Invariant::NewestLoads => "I6",
            Invariant::Finite => "I7",
            Invariant::Fenced => "I8",
            Invariant::BoundedMemory => "I9",
            Invariant::ModelIsNoLookAhead => "I10",
            Invariant::OneSum => "I11",
        }
    }

    /// What it says.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Invariant::OneDigestPerRound => {
                "replicas that are one hold the same parameters after every round"
            }
            Invariant::ForwardOnly => {
                "rounds and membership epochs only rise within a lineage, and lineages only rise"
            }
            Invariant::ExactlyOnce => {
                "each batch of each pass is committed exactly once in the surviving lineage"
            }
            Invariant::Conservation => {
                "what went into a residual is what was sent and counted, and what is kept"
            }
            Invariant::BoundedWaits => "every wait ends by its deadline and names whom it waits for",
            Invariant::NewestLoads => {
                "the newest published checkpoint loads, with the state of everybody who wrote it"
            }
            Invariant::Finite => "nothing that is not finite is in a closed round or a published checkpoint",
            Invariant::Fenced => "a stale sender changes nothing, and nobody believes a stale coordinator",
            Invariant::BoundedMemory => "what the coordinator keeps is bounded by members, not by time",
            Invariant::ModelIsNoLookAhead => {
                "the look-ahead point of block momentum is where workers start, never the model"
            }
            Invariant::OneSum => "a round's sum holds just what its members staged for its membership",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id(), self.sentence())
    }
}

/// An invariant that does not hold: a bug of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

impl Core {
    /// Those invariants that the core sees cheaply, after a step that began at the fence `before`.
    pub(super) fn examine(&self, before: Fence, actions: &mut Vec<Action>) {
        let mut broken = Vec::new();
        let mut found = |invariant, found: String| broken.push(Violation { invariant, found });
        let after = self.fence();
        let same_lineage = after.lineage == before.lineage;
        let forward = after.membership_epoch >= before.membership_epoch && after.round >= before.round;
        if after.lineage < before.lineage || (same_lineage && !forward) {
            found(Invariant::ForwardOnly, format!("from {before:?} to {after:?}"));
        }
        for action in actions.iter() {
            if let Action::Record(event @ Event::Round { scores, gradient_norm, compute_s, .. }) = action
                && !(event.by_source().iter().map(|of| &of.scores).chain([scores]))
                    .flat_map(|scores| scores.iter().map(|(_, value)| value))
                    .chain([*gradient_norm, *compute_s])
                    .all(f64::is_finite)
            {
                found(Invariant::Finite, format!("{event:?}"));
            }
        }
        let kept = [
            ("members and applicants", self.members.len() + self.applicants.len(), MOST_MEMBERS),
            // A final checkpoint does not wait for its turn.
            ("checkpoints in the making", self.pending.len(), boundaries::MOST_PENDING + 1),
        ];
        for (what, len, most) in kept {
            if len > most {
                found(Invariant::BoundedMemory, format!("{len} {what}, {most} at most"));
            }
        }
        if let Phase::Running(round) = &self.phase
            && let Some(slot) = round.arrivals.keys().find(|slot| !self.members.contains_key(slot))
        {
            found(Invariant::BoundedMemory, format!("a contribution of slot {slot}, which is nobody's"));
        }
        if matches!(self.phase, Phase::Running(_)) && self.members.is_empty() {
            found(Invariant::BoundedWaits, format!("round {} is open, and nobody is in it", self.round));
        }
        actions.extend(broken.into_iter().map(Action::Violated));
    }

    /// After a tick no deadline is past, and everybody has been heard of within one.
    pub(super) fn examine_waits(&self, now: Millis, actions: &mut Vec<Action>) {
        let heard = self.members.iter().filter(|(slot, _)| self.start_of(**slot).is_none());
        let of_members = heard.map(|(&slot, member)| {
            let until = member.heard_ms + self.deadline_ms();
            let until = self.term(slot).and_then(|term| term.until).map_or(until, |own| until.min(own));
            (format!("a word of {}", member.identity), vec![member.identity.clone()], Some(until))
        });
        let others = self.waits().into_iter().map(|wait| (wait.what, wait.whom, wait.until));
        for (what, whom, until) in of_members.chain(others) {
            if until.is_some_and(|until| now > until) || whom.is_empty() {
                let found = format!("{what}: waits for {whom:?} until {until:?} ms, and it is {now} ms");
                actions.push(Action::Violated(Violation { invariant: Invariant::BoundedWaits, found }));
            }
        }
    }
}

/// For those who look at the core from outside.
impl Core {
    /// Whether `input` comes from somebody who is not, or no longer, in the open round.
    #[must_use]
    pub fn is_from_elsewhere(&self, input: &Input) -> bool {
        let fence = self.fence();
        let is_member = |slot, identity: &str| self.members.get(slot).is_some_and(|m| m.identity == identity);
        match input {
            Input::Arrived(a) => {
                let same = (a.fence.lineage, a.fence.round) == (fence.lineage, fence.round);
                !same || a.fence.membership_epoch > fence.membership_epoch || !is_member(&a.slot, &a.identity)
            }
            Input::Staged { fence: found, identity, slot } => *found != fence || !is_member(slot, identity),
            Input::Reported(report) => !self.pending.contains_key(&report.checkpoint),
            _ => false,
        }
    }

    /// All that decides anything, besides when members were last heard of, and when they got on.
    #[must_use]
    pub fn state(&self) -> String {
        let members: Vec<_> = self.members.iter().map(|(s, m)| (s, &m.identity, m.session)).collect();
        format!(
            "{:?}",
            (
                self.fence(),
                &self.phase,
                &self.position,
                members,
                &self.applicants,
                &self.course,
                &self.dealt,
                (self.checkpoints, self.checkpoint_due),
                (&self.best, self.stale_evaluations, &self.pending),
                (self.newest.as_ref().map(|(name, _)| name), &self.roster),
            )
        )
    }

    /// Whether the last update is out.
    #[must_use]
    pub fn is_finishing(&self) -> bool {
        matches!(self.phase, Phase::Finishing { .. })
    }

    /// The session of each member, by identity.
    #[must_use]
    pub fn sessions(&self) -> BTreeMap<String, Session> {
        self.members.values().map(|m| (m.identity.clone(), m.session)).collect()
    }
}
