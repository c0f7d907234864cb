use super::pending::{Assignments, MOST_PENDING};
use super::round::{Round, main_source};
use super::{
    Action, Arrival, Assignment, Boundary, Closing, Core, Event, Fence, Millis, Next, Outcome, Phase,
    Refusal, Slot,
};
use std::collections::{BTreeMap, BTreeSet};
use stentor_fail_points::is_armed;
use stentor_plan::{Lease, RoundPlan};
use stentor_scores::Sums;

impl Core {
    /// Opens `self.round` for the present members; `None` if nothing is left to do.
    pub(super) fn open_round(&mut self) -> Option<Assignments> {
        self.deal_groups();
        let slots: Vec<Slot> = self.members.keys().copied().collect();
        let work = match self.groups_meet() {
            true => None,
            false => Some(self.position.assign(&self.settings.plan, &slots, self.round_size())?),
        };
        let source = work.as_ref().and_then(main_source).unwrap_or(self.course.source);
        // Before the encoding, because each source has its own threshold.
        self.course.source = source;
        let encoding = self.encoding(work.as_ref());
        let every = u64::from(self.settings.experiment.cluster.digest_every);
        let assignments = slots
            .iter()
            .map(|&slot| {
                let leases = |of: fn(&RoundPlan) -> &BTreeMap<Slot, Vec<Lease>>| {
                    work.as_ref().and_then(|work| of(work).get(&slot).cloned()).unwrap_or_default()
                };
                let assignment = Assignment {
                    fence: self.fence(),
                    slot,
                    members: slots.len() as u32,
                    leases: leases(|work| &work.leases),
                    ahead: leases(|work| &work.ahead),
                    committed_frames: self.position.committed_frames(),
                    total_frames: self.settings.plan.total_frames(),
                    encoding,
                    strategy: self.course.strategy,
                    sum_group: self.sum_group(slot, encoding),
                    digest: self.round.is_multiple_of(every),
                };
                (slot, assignment)
            })
            .collect();
        let (arrivals, staged) = (BTreeMap::new(), BTreeSet::new());
        self.phase = Phase::Running(Round {
            work,
            source,
            encoding,
            arrivals,
            staged,
            first_ms: None,
            lags: Vec::new(),
            usual: false,
        });
        Some(assignments)
    }

    pub(super) fn arrived(&mut self, now: Millis, arrival: Arrival, actions: &mut Vec<Action>) {
        let (identity, slot) = (arrival.identity.clone(), arrival.slot);
        let mut refuse = |refusal, reason: String| {
            actions.push(Action::Refuse { identity: identity.clone(), slot, refusal, reason });
        };
        let fence = self.fence();
        let Phase::Running(round) = &mut self.phase else {
            return refuse(Refusal::NoRound, "no round is open".into());
        };
        let arrival = match arrival {
            late if is_armed("late-contribution-counted") && late.fence.round + 1 == fence.round => {
                Arrival { fence, ..late }
            }
            arrival => arrival,
        };
        let same_round = |f: Fence| (f.lineage, f.round) == (fence.lineage, fence.round);
        if !same_round(arrival.fence) || arrival.fence.membership_epoch > fence.membership_epoch {
            let reason = format!("expected a contribution to {fence:?}, found {:?}", arrival.fence);
            return refuse(Refusal::OtherRound, reason);
        }
        match self.members.get_mut(&slot) {
            Some(member) if member.identity == identity => {
                member.heard_ms = now;
                member.leaving |= arrival.leaving;
            }
            _ => {
                let reason = format!("`{identity}` is not the member at slot {slot}");
                return refuse(Refusal::OtherMember, reason);
            }
        }
        if round.arrivals.contains_key(&slot) {
            return refuse(Refusal::Twice, "a contribution to this round has already come".into());
        }
        let are_finite = |sums: &Sums| sums.not_finite().is_none();
        let sums_are_finite = are_finite(&arrival.sums) && arrival.by_source.values().all(are_finite);
        if !(sums_are_finite && arrival.gradient_norm.is_finite()) {
            return self.refuse_poison(now, &arrival, actions);
        }
        let first = *round.first_ms.get_or_insert(now);
        if arrival.fence != fence {
            // It was computed before a member was lost; its content is still valid.
            let sum_group = self.sum_group_now(slot);
            return actions.push(Action::Again { slot, fence, sum_group });
        }
        round.lags.push(now.saturating_sub(first));
        round.arrivals.insert(slot, arrival);
    }

    pub(super) fn staged(
        &mut self,
        now: Millis,
        fence: Fence,
        identity: &str,
        slot: Slot,
        actions: &mut Vec<Action>,
    ) {
        let today = self.fence();
        let fence = match fence {
            Fence { lineage, round, .. } if is_armed("stale-epoch-accepted") => {
                Fence { lineage, round, ..today }
            }
            fence => fence,
        };
        let known = self.members.get(&slot).is_some_and(|m| m.identity == identity);
        let Phase::Running(round) = &mut self.phase else { return };
        // A notice for a previous membership is ignored: the member has already been asked to stage once more.
        if fence == today && known && round.arrivals.contains_key(&slot) {
            round.staged.insert(slot);
            self.close_if_complete(now, actions);
        }
    }

    /// The sum group of `slot` in the open round.
    fn sum_group_now(&self, slot: Slot) -> super::SumGroup {
        match &self.phase {
            Phase::Running(round) => self.sum_group(slot, round.encoding),
            _ => super::SumGroup::default(),
        }
    }

    /// Continues an open round after members were lost. Sums are made for one membership: all members that have contributed stage
    /// once more, and the old sum is discarded.
    pub(super) fn regroup(&mut self, actions: &mut Vec<Action>) {
        self.membership_epoch += 1;
        let fence = self.fence();
        let Phase::Running(round) = &mut self.phase else { return };
        round.staged.clear();
        round.first_ms = None;
        round.lags.clear();
        round.usual = false;
        let arrived: Vec<Slot> = std::mem::take(&mut round.arrivals).into_keys().collect();
        for slot in arrived.into_iter().filter(|slot| self.members.contains_key(slot)) {
            actions.push(Action::Again { slot, fence, sum_group: self.sum_group_now(slot) });
        }
    }

    /// Slots whose contribution has not been staged.
    pub(super) fn missing(&self) -> Vec<Slot> {
        match &self.phase {
            Phase::Running(round) => {
                self.members.keys().copied().filter(|s| !round.staged.contains(s)).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn close_if_complete(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if matches!(&self.phase, Phase::Running(round) if !round.staged.is_empty())
            && self.missing().is_empty()
        {
            self.close(now, actions);
        }
    }

    fn close(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let Phase::Running(round) = std::mem::replace(&mut self.phase, Phase::Finishing { since: now })
        else {
            return;
        };
        if let Some(reason) = self.disagreement(&round.arrivals) {
            self.stop(Outcome::Disagreement { reason }, actions);
            return;
        }
        let fence = self.fence();
        // All members have contributed; members that left during the round are no longer among them.
        let contributors: BTreeSet<Slot> = round.arrivals.keys().copied().collect();
        let sum_groups: BTreeMap<Slot, Vec<Slot>> =
            contributors.iter().map(|&slot| (slot, self.sum_group(slot, round.encoding).slots)).collect();
        let before = self.progress();
        let committed = match &round.work {
            Some(work) if is_armed("lost-lease") => work.leases.keys().copied().collect(),
            _ => contributors,
        };
        if let Some(work) = &round.work
            && let Err(error) = self.position.commit(&self.settings.plan, work, &committed)
        {
            // Only a bug can cause this, because the plan of the round came from this position.
            self.stop(
                Outcome::Broken { reason: format!("the ledger refused round {}: {error}", self.round) },
                actions,
            );
            return;
        }
        if round.usual {
            round.lags.iter().for_each(|lag| self.lags.record(*lag));
        }
        self.follow_suggestions(round.source, round.encoding, &round.arrivals);
        actions.push(Action::Record(self.summary(now, &round)));
        self.round += 1;
        self.checkpoint_due |= self.crosses_checkpoint(before);
        let left = self.course.closed(round.encoding);
        if let Some(from) = left {
            self.lags.forget();
            let to = self.course.strategy;
            actions.push(Action::Record(Event::Switched { fence: self.fence(), from, to }));
        }
        // Between group exchanges the groups have different models: no checkpoint is written and no worker joins. With fixed
        // membership, workers join only after a fall-back.
        let one_model = !self.course.is_apart();
        // At a switch the replicas still have the state of the previous strategy, which the next strategy could not load.
        let room = self.pending.len() < MOST_PENDING && left.is_none();
        let newcomers = if self.is_fixed() || !one_model || !room { Vec::new() } else { self.take_in(now) };
        let slots: BTreeSet<Slot> = self.members.keys().copied().collect();
        if !newcomers.is_empty() {
            self.membership_epoch += 1;
            let (members, reason) = (self.roster_now(), "newcomers".into());
            actions.push(Action::Record(Event::Members { fence: self.fence(), members, reason }));
        }
        let mut assignments = if self.is_stale() && one_model { None } else { self.open_round() };
        let finished = assignments.is_none();
        let regular = finished || (one_model && room && std::mem::take(&mut self.checkpoint_due));
        let old: Vec<Slot> =
            slots.iter().copied().filter(|s| !newcomers.iter().any(|(n, _)| n == s)).collect();
        let checkpoint = self.prepare_checkpoint(&old, &newcomers, regular, finished, &mut assignments);
        if let Phase::Running(round) = &mut self.phase {
            round.usual = checkpoint.is_none();
        }
        for (_, member) in self.members.iter_mut().filter(|(slot, _)| old.contains(slot)) {
            (member.duties, member.moved_ms) = (checkpoint.clone(), now);
        }
        let next = (0u32..)
            .zip(&old)
            .map(|(share, &slot)| {
                let boundary = Boundary {
                    checkpoint: checkpoint.clone(),
                    dev_share: (regular && self.settings.has_dev).then_some((share, old.len() as u32)),
                    writes_model: share == 0,
                    finished,
                };
                let contributors = sum_groups.get(&slot).cloned().unwrap_or_default();
                let frames =
                    contributors.iter().filter_map(|s| round.arrivals.get(s)).map(|a| a.frames).sum();
                let assignment = assignments.as_mut().and_then(|a| a.remove(&slot));
                (slot, Next { contributors, frames, boundary, assignment })
            })
            .collect();
        actions.push(Action::Close(Closing { fence, source: round.source, encoding: round.encoding, next }));
        if finished {
            self.phase = Phase::Finishing { since: now };
        }
    }

    /// Share of all frames that are committed.
    pub(super) fn progress(&self) -> f64 {
        self.position.progress(&self.settings.plan)
    }

    /// Names the members whose parameters or last updates differ from those of the first member of their group.
    fn disagreement(&self, arrivals: &BTreeMap<Slot, Arrival>) -> Option<String> {
        type DigestOf = fn(&Arrival) -> Option<u64>;
        let digests: [(&str, DigestOf); 2] =
            [("parameters", |a| a.parameters_digest), ("updates", |a| a.update_digest)];
        let replicas = |slot: Slot| if self.course.is_apart() { self.group_of(slot) } else { 0 };
        digests.into_iter().find_map(|(what, digest)| {
            let mut first = BTreeMap::<u32, (&Arrival, u64)>::new();
            let mut others = Vec::new();
            for (&slot, arrival) in arrivals {
                let Some(found) = digest(arrival) else { continue };
                let (one, expected) = *first.entry(replicas(slot)).or_insert((arrival, found));
                if found != expected {
                    let (name, other) = (&one.identity, &arrival.identity);
                    others.push(format!("{name} ({expected:016x}) against {other} ({found:016x})"));
                }
            }
            let round = self.round;
            (!others.is_empty()).then(|| format!("{what} differ before round {round}: {}", others.join(", ")))
        })
    }
}
