use crate::boundaries::Occasion;
use crate::membership::Member;
use crate::pending::{Assignments, MOST_PENDING};
use crate::round::{Round, main_source};
use crate::{
    Action, Announcement, Arrival, Assignment, Boundary, Closing, Core, Departure, Event, Millis, Next,
    Outcome, Phase, Seat, SetAside, Slot,
};
use std::collections::{BTreeMap, BTreeSet};
use stentor_fail_points::is_armed;
use stentor_plan::{Lease, RoundPlan};

impl Core {
    /// Opens `self.round` for the present members; `None` if nothing is left to do.
    pub(crate) fn open_round(&mut self) -> Option<Assignments> {
        self.deal_groups();
        self.budget.round_begins();
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
        let digest = self.round.is_multiple_of(every) || self.begins_from_start();
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
                    digest,
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

    /// A contribution that [`Core::check`] lets in.
    pub(crate) fn arrived(&mut self, now: Millis, arrival: Arrival, actions: &mut Vec<Action>) {
        let (fence, slot) = (self.fence(), arrival.slot);
        let arrival = match arrival {
            late if is_armed("late-contribution-counted") && late.fence.round + 1 == fence.round => {
                Arrival { fence, ..late }
            }
            arrival => arrival,
        };
        if let Some(member) = self.members.get_mut(&slot) {
            (member.heard_ms, member.has_begun) = (now, true);
            member.leaving |= arrival.leaving;
        }
        if !arrival.is_finite() {
            return self.refuse_poison(now, &arrival, actions);
        }
        let Phase::Running(round) = &mut self.phase else { return };
        let first = *round.first_ms.get_or_insert(now);
        if arrival.fence != fence {
            // It was computed before a member was lost; its content is still valid.
            let sum_group = self.sum_group_now(slot);
            return actions.push(Action::Again { slot, fence, sum_group });
        }
        round.lags.push(now.saturating_sub(first));
        round.arrivals.insert(slot, arrival);
    }

    /// A payload is with every reducer, as a notice says that [`Core::check`] lets in.
    pub(crate) fn staged(&mut self, now: Millis, slot: Slot, actions: &mut Vec<Action>) {
        let Phase::Running(round) = &mut self.phase else { return };
        round.staged.insert(slot);
        self.close_if_complete(now, actions);
    }

    /// The open round, for the reducers.
    pub(crate) fn announcement(&self) -> Option<Announcement> {
        let Phase::Running(round) = &self.phase else { return None };
        let seat = |(&slot, member): (&Slot, &Member)| {
            let seat = Seat {
                session: member.session,
                identity: member.identity.clone(),
                most_frames: self.most_frames(round, slot),
                sum_group: self.sum_group(slot, round.encoding),
            };
            (slot, seat)
        };
        let seats = self.members.iter().map(seat).collect();
        Some(Announcement { fence: self.fence(), encoding: round.encoding, seats })
    }

    /// A reducer cannot add a member's payload: the round goes on without the member, and nothing of its contribution counts.
    pub(crate) fn leave_out(&mut self, now: Millis, found: &SetAside, actions: &mut Vec<Action>) {
        let SetAside { fence, slot, reason } = found;
        let is_current = *fence == self.fence() || is_armed("late-set-aside-believed");
        if !is_current || !matches!(self.phase, Phase::Running(_)) {
            // The round has no sum for this membership, and its members join again.
            return;
        }
        let Some(member) = self.members.get(slot) else { return };
        let session = member.session;
        self.lost(now, session, Departure::Lost, reason, actions);
    }

    /// The sum group of `slot` in the open round.
    fn sum_group_now(&self, slot: Slot) -> crate::SumGroup {
        match &self.phase {
            Phase::Running(round) => self.sum_group(slot, round.encoding),
            _ => crate::SumGroup::default(),
        }
    }

    /// Continues an open round after members were lost. Sums are made for one membership: all members that have contributed stage
    /// once more, and the old sum is discarded.
    pub(crate) fn regroup(&mut self, actions: &mut Vec<Action>) {
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
    pub(crate) fn missing(&self) -> Vec<Slot> {
        match &self.phase {
            Phase::Running(round) => {
                self.members.keys().copied().filter(|s| !round.staged.contains(s)).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn close_if_complete(&mut self, now: Millis, actions: &mut Vec<Action>) {
        // What was staged with a reducer that is lost is staged once more when it answers again.
        if !self.is_pausing_round()
            && self.waits_for_reducers().is_none()
            && matches!(&self.phase, Phase::Running(round) if !round.staged.is_empty())
            && self.missing().is_empty()
        {
            self.close(now, actions);
        }
    }

    fn close(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if !self.replicas_agree(now, actions) {
            return;
        }
        let Phase::Running(round) = std::mem::replace(&mut self.phase, Phase::Finishing { since: now })
        else {
            return;
        };
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
        let newcomers = if self.is_fixed() || !one_model || !room || self.stopping || !self.may_take_in(now) {
            Vec::new()
        } else {
            self.take_in(now)
        };
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
        let occasion = match regular {
            true => Occasion::Schedule,
            false if one_model && room && self.needs_last_checkpoint() => Occasion::Stop,
            false if one_model && room && self.is_checkpoint_asked_for() => Occasion::Command,
            false if one_model && room && self.is_out_of_date(now) => Occasion::Time,
            false => Occasion::Newcomers,
        };
        let checkpoint = self.prepare_checkpoint(now, &old, &newcomers, occasion, finished, &mut assignments);
        if let Phase::Running(round) = &mut self.phase {
            round.usual = checkpoint.is_none();
        }
        if let Some(pending) = checkpoint.as_ref().and_then(|name| self.pending.get_mut(name)) {
            // If the run returns to it, the digest with which it is loaded is known.
            let all = assignments.iter_mut().flat_map(BTreeMap::values_mut);
            all.chain(pending.assignments.values_mut()).for_each(|assignment| assignment.digest = true);
        }
        for (_, member) in self.members.iter_mut().filter(|(slot, _)| old.contains(slot)) {
            (member.duties, member.moved_ms) = (checkpoint.clone(), now);
        }
        self.learn_apart(&sum_groups, &round.arrivals);
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
                let frames = contributors.iter().filter_map(|s| round.arrivals.get(s)).map(|a| a.frames);
                let frames = frames.fold(0, u64::saturating_add);
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
    pub(crate) fn progress(&self) -> f64 {
        self.position.progress(&self.settings.plan)
    }

    /// Records how many frames each group has learned from since all replicas were equal.
    fn learn_apart(&mut self, sum_groups: &BTreeMap<Slot, Vec<Slot>>, arrivals: &BTreeMap<Slot, Arrival>) {
        if !self.course.is_apart() {
            return self.apart_frames.clear();
        }
        let groups: BTreeMap<u32, &Vec<Slot>> =
            sum_groups.iter().map(|(&slot, slots)| (self.group_of(slot), slots)).collect();
        for (group, slots) in groups {
            let frames = slots.iter().filter_map(|slot| arrivals.get(slot)).map(|arrival| arrival.frames);
            let all = self.apart_frames.entry(group).or_default();
            *all = frames.fold(*all, u64::saturating_add);
        }
    }
}
