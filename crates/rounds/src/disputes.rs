//! Replicas that must hold the same parameters and do not. More than half of them decide. Without a majority the run returns to its
//! newest checkpoint: with which digest it is loaded is known, and what is computed again shows whose word was wrong.

use crate::{Action, Arrival, Core, Departure, Event, Millis, Outcome, Phase, Slot};
use std::collections::BTreeMap;
use stentor_fail_points::is_armed;

/// How often the run goes back, between two published checkpoints, for a difference that nothing decides.
const MOST_RETURNS: u32 = 2;

type DigestOf = fn(&Arrival) -> Option<u64>;

/// The digests in which replicas must agree.
const DIGESTS: [(&str, DigestOf); 2] =
    [("parameters", |arrival| arrival.parameters_digest), ("updates", |arrival| arrival.update_digest)];

/// What is known of differences between replicas.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disputes {
    /// Digests of the parameters with which checkpoints are loaded, and (`None`) with which the run begins, as two members or more have
    /// agreed. Only of the newest checkpoint and of those in the making.
    loaded: BTreeMap<Option<String>, u64>,
    /// The last difference for which the run went back.
    open: Option<Difference>,
    /// How often the run went back since the last published checkpoint.
    returns: u32,
}

/// Contributions to a round by replicas that differ.
#[derive(Debug, Clone, PartialEq)]
struct Difference {
    /// In which of [`DIGESTS`].
    what: &'static str,
    round: u64,
    /// The digests of all replicas, by identity.
    said: BTreeMap<String, u64>,
    /// Digest of the update before, if all have the same: whoever computes it a second time had the same batches and sums.
    update: Option<u64>,
}

/// The digests of a group of replicas in a round.
struct Replicas<'a> {
    what: &'static str,
    found: Vec<(&'a Arrival, u64)>,
}

impl Replicas<'_> {
    /// The digest that more than half of them have.
    fn majority(&self) -> Option<(u64, usize)> {
        let mut votes = BTreeMap::<u64, usize>::new();
        self.found.iter().for_each(|(_, digest)| *votes.entry(*digest).or_default() += 1);
        votes.into_iter().find(|(_, count)| 2 * count > self.found.len())
    }

    fn differ(&self) -> bool {
        self.found.iter().any(|(_, digest)| *digest != self.found[0].1)
    }
}

/// The digest that all contributions have, of two at least.
fn common(arrivals: &BTreeMap<Slot, Arrival>, digest: DigestOf) -> Option<u64> {
    let mut digests = arrivals.values().map(digest);
    let first = digests.next()??;
    (arrivals.len() > 1 && digests.all(|digest| digest == Some(first))).then_some(first)
}

impl Core {
    /// Holds the replicas of the open round, which is complete, against each other. Returns whether the round may close.
    pub(crate) fn replicas_agree(&mut self, now: Millis, actions: &mut Vec<Action>) -> bool {
        let Phase::Running(round) = &self.phase else { return false };
        let groups = self.by_replicas(&round.arrivals);
        let Some(replicas) = groups.into_iter().find(Replicas::differ) else {
            self.learn_from_agreement(actions);
            return true;
        };
        let words =
            replicas.found.iter().map(|(arrival, digest)| format!("{} ({digest:016x})", arrival.identity));
        let words = words.collect::<Vec<_>>().join(" against ");
        let reason = format!("{} differ before round {}: {words}", replicas.what, self.round);
        if is_armed("minority-stops-the-run") {
            self.stop(Outcome::Disagreement { reason }, actions);
            return false;
        }
        let difference = Difference {
            what: replicas.what,
            round: self.round,
            said: replicas
                .found
                .iter()
                .map(|(arrival, digest)| (arrival.identity.clone(), *digest))
                .collect(),
            update: common(&round.arrivals, DIGESTS[1].1),
        };
        match self.whose_word_is_wrong(&replicas, &difference) {
            Some((identity, reason)) => {
                self.budget.found_wrong(&identity);
                if let Some(session) = self.session_of(&identity) {
                    self.lost(now, session, Departure::Lost, &reason, actions);
                }
            }
            None if self.disputes.returns >= MOST_RETURNS => {
                let reason = format!(
                    "{reason}; the run went back {MOST_RETURNS} times, and what was computed again decided nothing"
                );
                self.stop(Outcome::Disagreement { reason }, actions);
            }
            None => {
                self.disputes.returns += 1;
                self.disputes.open = Some(difference);
                self.fall_back(now, &format!("{reason}; nobody knows yet which is right"), actions);
            }
        }
        false
    }

    /// A member whose digest is known to be wrong, and how that is known.
    fn whose_word_is_wrong(
        &self,
        replicas: &Replicas<'_>,
        difference: &Difference,
    ) -> Option<(String, String)> {
        let Difference { what, round, said, .. } = difference;
        if let Some((agreed, count)) = replicas.majority() {
            let (identity, digest) = said.iter().find(|(_, digest)| **digest != agreed)?;
            let all = said.len();
            let words = format!(
                "its {what} differ before round {round}: {digest:016x} against {agreed:016x} of {count} of {all} members"
            );
            return Some((identity.clone(), words));
        }
        let is_first = self.start().1 == *round && *what == DIGESTS[0].0;
        let loaded = self.disputes.loaded.get(&self.start().0).filter(|_| is_first);
        if let Some(loaded) = loaded.filter(|loaded| said.values().any(|digest| digest == *loaded)) {
            let (identity, digest) = said.iter().find(|(_, digest)| *digest != loaded)?;
            let words = format!(
                "its {what} differ before round {round}: {digest:016x}, and what they are loaded from has {loaded:016x}"
            );
            return Some((identity.clone(), words));
        }
        // Of the same computation, whoever gets the same result again is right, if anybody is.
        let before = self.disputes.open.as_ref().filter(|open| {
            let same = (open.what, open.round, open.update) == (*what, *round, difference.update);
            same && open.update.is_some() && open.said.keys().eq(said.keys())
        });
        let repeats = |(identity, digest): &(&String, &u64)| {
            before.is_some_and(|before| before.said.get(*identity) == Some(*digest))
        };
        if said.iter().any(|word| repeats(&word))
            && let Some((identity, digest)) = said.iter().find(|word| !repeats(word))
        {
            let first = before.and_then(|before| before.said.get(identity)).copied().unwrap_or_default();
            let words = format!(
                "its {what} before round {round} were computed twice from the same sums, with digests {first:016x} and {digest:016x}"
            );
            return Some((identity.clone(), words));
        }
        let times = |identity: &String| self.budget.times_wrong(identity);
        let (least, most) = (said.keys().map(times).min()?, said.keys().map(times).max()?);
        let (identity, _) =
            said.iter().find(|(identity, _)| least == 0 && most > 0 && times(identity) == most)?;
        let words = format!("its {what} differ before round {round}, and were wrong {most} times before");
        Some((identity.clone(), words))
    }

    /// All replicas agree: notes with which digest a checkpoint is loaded, and whose word was wrong in a difference that is decided
    /// now.
    fn learn_from_agreement(&mut self, actions: &mut Vec<Action>) {
        let Phase::Running(round) = &self.phase else { return };
        let update = common(&round.arrivals, DIGESTS[1].1);
        let Some(agreed) = common(&round.arrivals, DIGESTS[0].1).filter(|_| !self.course.is_apart()) else {
            return;
        };
        let in_the_making = self.pending.iter().filter(|(_, pending)| pending.saved.round == self.round);
        let mut starts: Vec<Option<String>> = in_the_making.map(|(name, _)| Some(name.clone())).collect();
        if self.start().1 == self.round {
            starts.push(self.start().0);
        }
        self.forget_digests();
        for start in starts {
            self.disputes.loaded.insert(start, agreed);
        }
        let decided = self.disputes.open.take_if(|open| open.round <= self.round);
        let Some(Difference { what, round, said, update: before }) = decided else { return };
        let is_same = (what, round, before) == (DIGESTS[0].0, self.round, update);
        if !is_same || !said.values().any(|digest| *digest == agreed) {
            return;
        }
        for (identity, digest) in said.into_iter().filter(|(_, digest)| *digest != agreed) {
            self.budget.found_wrong(&identity);
            let reason = format!(
                "the {what} of {identity} before round {round} were wrong: {digest:016x}, and computed again {agreed:016x}; see to its machine"
            );
            let (fence, members) = (self.fence(), self.roster_now());
            actions.push(Action::Record(Event::Members { fence, members, reason }));
        }
    }

    /// Whether members have to send the digest of their parameters because the round begins with those of a checkpoint.
    pub(crate) fn begins_from_start(&self) -> bool {
        self.start().1 == self.round
    }

    /// The newest checkpoint and the round that continues from it; without one, the run's beginning.
    fn start(&self) -> (Option<String>, u64) {
        self.newest.as_ref().map_or((None, 0), |(name, saved)| (Some(name.clone()), saved.round))
    }

    /// A checkpoint is published.
    pub(crate) fn settle_disputes(&mut self) {
        self.disputes.returns = 0;
        self.forget_digests();
    }

    /// Forgets the digests of checkpoints to which the run does not return any more.
    fn forget_digests(&mut self) {
        let newest = self.start().0;
        let pending = &self.pending;
        self.disputes.loaded.retain(|start, _| {
            *start == newest || start.as_ref().is_some_and(|start| pending.contains_key(start))
        });
    }

    /// Number of digests that are kept, for checks.
    pub(crate) fn kept_digests(&self) -> usize {
        self.disputes.loaded.len()
    }

    /// The contributions with a digest, by kind of digest and by group of replicas.
    fn by_replicas<'a>(&self, arrivals: &'a BTreeMap<Slot, Arrival>) -> Vec<Replicas<'a>> {
        let of_kind = |(what, digest): (&'static str, DigestOf)| {
            let mut groups = BTreeMap::<u32, Vec<_>>::new();
            for (&slot, arrival) in arrivals {
                let replicas = if self.course.is_apart() { self.group_of(slot) } else { 0 };
                if let Some(digest) = digest(arrival) {
                    groups.entry(replicas).or_default().push((arrival, digest));
                }
            }
            groups.into_values().map(move |found| Replicas { what, found })
        };
        DIGESTS.into_iter().flat_map(of_kind).collect()
    }
}
