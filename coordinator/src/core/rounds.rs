use super::membership::Assignments;
use super::{
    Action, Arrival, Assignment, Boundary, Closing, Core, Departure, Encoding, Event, Millis, Outcome, Phase,
    Slot,
};
use std::collections::{BTreeMap, BTreeSet};
use stentor_plan::{Lease, RoundPlan};

/// An open round.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) plan: RoundPlan,
    pub(super) encoding: Encoding,
    pub(super) arrivals: BTreeMap<Slot, Arrival>,
    /// When the first contribution came: the deadline counts from here.
    pub(super) first_ms: Option<Millis>,
}

impl Core {
    /// Opens `self.round` for the present members; none where no data is left.
    pub(super) fn open_round(&mut self, _now: Millis) -> Option<Assignments> {
        let slots: Vec<Slot> = self.members.keys().copied().collect();
        let batches = self.settings.experiment.exchange.batches_per_round();
        let plan = self.position.assign(&self.settings.plan, &slots, batches)?;
        let encoding = self.encoding();
        let assignments = slots
            .iter()
            .map(|&slot| {
                let leases = |of: &BTreeMap<Slot, Vec<Lease>>| of.get(&slot).cloned().unwrap_or_default();
                let assignment = Assignment {
                    fence: self.fence(),
                    slot,
                    members: slots.len() as u32,
                    leases: leases(&plan.leases),
                    ahead: leases(&plan.ahead),
                    committed_frames: self.position.committed_frames(),
                    total_frames: self.settings.plan.total_frames(),
                    encoding,
                };
                (slot, assignment)
            })
            .collect();
        self.phase = Phase::Running(Round { plan, encoding, arrivals: BTreeMap::new(), first_ms: None });
        Some(assignments)
    }

    pub(super) fn arrived(&mut self, now: Millis, arrival: Arrival, actions: &mut Vec<Action>) {
        let fence = self.fence();
        let (identity, slot) = (arrival.identity.clone(), arrival.slot);
        let mut refuse =
            |reason: String| actions.push(Action::Refuse { identity: identity.clone(), slot, reason });
        let Phase::Running(round) = &mut self.phase else {
            return refuse("no round is open".into());
        };
        if arrival.fence != fence {
            return refuse(format!("expected a contribution to {fence:?}, found {:?}", arrival.fence));
        }
        match self.members.get_mut(&arrival.slot) {
            Some(member) if member.identity == arrival.identity => member.heard_ms = now,
            _ => return refuse(format!("`{}` is not the member at slot {}", arrival.identity, arrival.slot)),
        }
        if round.arrivals.contains_key(&arrival.slot) {
            return refuse("a contribution to this round has already come".into());
        }
        if !(arrival.loss_sum.is_finite() && arrival.gradient_norm.is_finite()) {
            let reason = format!(
                "{identity} found a loss of {} and a gradient norm of {} in {:?}",
                arrival.loss_sum,
                arrival.gradient_norm,
                round.plan.leases.get(&arrival.slot)
            );
            return self.stop(Outcome::Broken { reason }, actions);
        }
        round.first_ms.get_or_insert(now);
        round.arrivals.insert(arrival.slot, arrival);
        self.close_if_complete(now, actions);
    }

    /// Slots whose contribution has not come.
    pub(super) fn missing(&self) -> Vec<Slot> {
        match &self.phase {
            Phase::Running(round) => {
                self.members.keys().copied().filter(|s| !round.arrivals.contains_key(s)).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn enforce_deadline(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let Phase::Running(Round { first_ms: Some(first), .. }) = self.phase else { return };
        let waited = now.saturating_sub(first);
        if waited <= self.deadline_ms() {
            return;
        }
        let missing: Vec<_> = self.missing().iter().map(|s| self.members[s].session).collect();
        for session in missing {
            let reason = format!("its contribution was waited for {:.1} s", waited as f64 / 1e3);
            self.lost(now, session, Departure::Lost, &reason, actions);
        }
    }

    pub(super) fn close_if_complete(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if matches!(&self.phase, Phase::Running(round) if !round.arrivals.is_empty())
            && self.missing().is_empty()
        {
            self.close(now, actions);
        }
    }

    fn close(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let Phase::Running(Round { plan, encoding, arrivals, .. }) =
            std::mem::replace(&mut self.phase, Phase::Finishing { since: now })
        else {
            return;
        };
        if let Some(reason) = disagreement(&arrivals) {
            self.stop(Outcome::Broken { reason }, actions);
            return;
        }
        let fence = self.fence();
        let contributors: Vec<Slot> = arrivals.keys().copied().collect();
        let committed: BTreeSet<Slot> = contributors.iter().copied().collect();
        let before = self.progress();
        if let Err(error) = self.position.commit(&self.settings.plan, &plan, &committed) {
            // Only a bug can do this: the plan of the round came from this position.
            self.stop(
                Outcome::Broken { reason: format!("the ledger refused round {}: {error}", self.round) },
                actions,
            );
            return;
        }
        self.follow_suggestions(&arrivals);
        actions.push(Action::Record(self.summary(now, &plan, encoding, &arrivals)));
        self.round += 1;
        // In `fixed` newcomers come after a fall-back only.
        let newcomers = if self.is_fixed() { Vec::new() } else { self.take_in(now) };
        let slots: BTreeSet<Slot> = self.members.keys().copied().collect();
        if !newcomers.is_empty() || slots != committed {
            self.membership_epoch += 1;
        }
        if !newcomers.is_empty() {
            let reason = "newcomers".into();
            actions.push(Action::Record(Event::Members {
                fence: self.fence(),
                members: self.roll(),
                reason,
            }));
        }
        let mut assignments = if self.is_stale() { None } else { self.open_round(now) };
        let finished = assignments.is_none();
        let regular = finished || self.crosses_checkpoint(before);
        let old: Vec<Slot> =
            slots.iter().copied().filter(|s| !newcomers.iter().any(|(n, _)| n == s)).collect();
        let checkpoint = self.prepare_checkpoint(&old, &newcomers, regular, finished, &mut assignments);
        let next = (0u32..)
            .zip(&old)
            .map(|(share, &slot)| {
                let boundary = Boundary {
                    checkpoint: checkpoint.clone(),
                    dev_share: (regular && self.settings.has_dev).then_some((share, old.len() as u32)),
                    writes_model: share == 0,
                    finished,
                };
                (slot, (boundary, assignments.as_mut().and_then(|a| a.remove(&slot))))
            })
            .collect();
        let weights: Vec<u64> = arrivals.values().map(|a| a.frames).collect();
        let frames = weights.iter().sum();
        let source = plan.source;
        actions.push(Action::Close(Closing { fence, contributors, weights, frames, source, encoding, next }));
        if finished {
            self.phase = Phase::Finishing { since: now };
        }
    }

    /// Share of all frames that is committed.
    pub(super) fn progress(&self) -> f64 {
        self.position.progress(&self.settings.plan)
    }

    fn summary(
        &self,
        now: Millis,
        plan: &RoundPlan,
        encoding: Encoding,
        arrivals: &BTreeMap<Slot, Arrival>,
    ) -> Event {
        let frames: u64 = arrivals.values().map(|a| a.frames).sum();
        let correct: u64 = arrivals.values().map(|a| a.correct_frames).sum();
        let loss: f64 = arrivals.values().map(|a| a.loss_sum).sum();
        let per_frame = 1.0 / frames.max(1) as f64;
        Event::Round {
            fence: self.fence(),
            source: plan.source,
            contributors: arrivals.keys().copied().collect(),
            leases: plan
                .leases
                .iter()
                .filter(|(s, _)| arrivals.contains_key(s))
                .flat_map(|(_, l)| l.clone())
                .collect(),
            frames,
            committed_frames: self.position.committed_frames(),
            loss: loss * per_frame,
            frame_error: 100.0 * (1.0 - correct as f64 * per_frame),
            gradient_norm: arrivals.values().next().map_or(0.0, |a| a.gradient_norm),
            values_sent: arrivals.values().map(|a| a.values_sent).sum(),
            bytes_up: arrivals.values().map(|a| a.payload_bytes).sum(),
            encoding,
            at_ms: now,
        }
    }
}

/// Names the members whose parameters differ from the first one's.
fn disagreement(arrivals: &BTreeMap<Slot, Arrival>) -> Option<String> {
    let first = arrivals.values().next()?;
    let others: Vec<_> = arrivals
        .values()
        .filter(|a| a.parameters_digest != first.parameters_digest)
        .map(|a| format!("{} ({:016x})", a.identity, a.parameters_digest))
        .collect();
    (!others.is_empty()).then(|| {
        format!(
            "parameters differ before round {}: {} ({:016x}) against {}",
            first.fence.round,
            first.identity,
            first.parameters_digest,
            others.join(", ")
        )
    })
}
