use crate::{Arrival, Core, Encoding, Saved, Slot, SumGroup};
use std::collections::BTreeMap;
use stentor_exchange::strategy::{Decision, Memory, Standing, decision};
use stentor_experiment::{Source, Strategy};
use stentor_plan::{RoundPlan, RoundSize};

/// The strategy in force and its current state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) strategy: Strategy,
    /// The requested strategy; it comes into force at the first boundary at which nothing is pending.
    pub(crate) asked: Option<Strategy>,
    pub(crate) memory: Memory,
    /// Source of most batches of the open round, or of the last one that had any.
    pub(crate) source: Source,
}

impl Course {
    pub(crate) fn new(strategy: Strategy, memory: Memory) -> Self {
        Self { strategy, asked: None, memory, source: Source::Annotated }
    }

    /// The state saved in a checkpoint, where all replicas are equal.
    pub(crate) fn of(saved: &Saved) -> Self {
        let memory =
            Memory { tau: saved.suggested_tau, block_tau: saved.suggested_block_tau, ..Memory::default() };
        Self::new(saved.strategy, memory)
    }

    fn decision(&self) -> &'static dyn Decision {
        decision(self.strategy)
    }

    /// Whether replicas differ, because groups have trained separately since the last group exchange.
    pub(crate) fn is_apart(&self) -> bool {
        self.memory.apart > 0
    }

    /// Records a closed round. Returns the previous strategy if a switch took place.
    pub(crate) fn closed(&mut self, encoding: Encoding) -> Option<Strategy> {
        let settled = self.decision().closed(&encoding, &mut self.memory);
        let next = self.asked.filter(|_| settled)?;
        let left = self.strategy;
        *self = Self { source: self.source, ..Self::new(next, Memory::default()) };
        Some(left)
    }
}

impl Core {
    /// Asks for a strategy. It is not asked for any more once it is in force.
    pub(crate) fn ask(&mut self, strategy: Strategy) {
        self.course.asked = (strategy != self.course.strategy).then_some(strategy);
    }

    fn standing(&self) -> Standing<'_> {
        Standing {
            settings: &self.settings.experiment.exchange,
            memory: &self.course.memory,
            progress: self.progress(),
            source: self.course.source,
            members: self.members.len(),
            groups: self.groups().len(),
            switching: self.course.asked.is_some(),
            // In `fixed` a residual returns to its state in the checkpoint.
            leaving: !self.is_fixed() && self.members.values().any(|member| member.leaving),
        }
    }

    /// Whether the next round is a group exchange, in which nothing is computed (two-tier).
    #[must_use]
    pub fn groups_meet(&self) -> bool {
        let over = self.position.finished(&self.settings.plan) || self.is_stale();
        self.course.decision().meets(&self.standing(), over)
    }

    /// Number of batches of a member's next round.
    pub(crate) fn round_size(&self) -> RoundSize {
        let block = self.course.decision().block(&self.settings.experiment.exchange);
        block.map_or(RoundSize::Batch, RoundSize::Block)
    }

    /// Encoding of the contributions to a round with this work; without work, groups exchange models.
    pub(crate) fn encoding(&self, work: Option<&RoundPlan>) -> Encoding {
        let batches = work.map(|work| {
            let leases = work.leases.values().flatten();
            leases.map(|lease| u64::from(lease.batches)).sum()
        });
        self.course.decision().encoding(&self.standing(), batches)
    }

    /// Sets τ of the next round of `source`: the median of the contributors' suggestions.
    pub(crate) fn follow_suggestions(
        &mut self,
        source: Source,
        encoding: Encoding,
        arrivals: &BTreeMap<Slot, Arrival>,
    ) {
        let asked: Vec<f32> = arrivals.values().map(|a| a.suggested_tau).collect();
        self.course.memory.follow(source, &encoding, &asked);
    }

    /// The present members by group of replicas: between group exchanges, members of a group have the same parameters.
    #[must_use]
    pub fn groups(&self) -> BTreeMap<u32, Vec<Slot>> {
        let mut groups = BTreeMap::<u32, Vec<Slot>>::new();
        self.members.keys().for_each(|&slot| groups.entry(self.group_of(slot)).or_default().push(slot));
        groups
    }

    pub(crate) fn group_of(&self, slot: Slot) -> u32 {
        self.dealt.get(&slot).copied().unwrap_or(0)
    }

    /// Distributes the members evenly to groups while all replicas are equal. Until the next group exchange the groups stay the
    /// same, even if members leave.
    pub(crate) fn deal_groups(&mut self) {
        if self.course.is_apart() {
            return;
        }
        let groups = self.course.decision().groups(&self.settings.experiment.exchange);
        let count = self.members.len();
        let group = |position| groups.map_or(0, |groups| groups.group_of(position, count) as u32);
        self.dealt = self.members.keys().copied().enumerate().map(|(n, slot)| (slot, group(n))).collect();
    }

    /// The sum group of `slot` in a round with this encoding.
    pub(crate) fn sum_group(&self, slot: Slot, encoding: Encoding) -> SumGroup {
        let groups = self.groups();
        let own = groups.get(&self.group_of(slot)).cloned().unwrap_or_default();
        let is_grouped = self.course.decision().groups(&self.settings.experiment.exchange).is_some();
        if is_grouped && encoding.is_block() {
            let speaks = own.first() == Some(&slot);
            return SumGroup { slots: self.members.keys().copied().collect(), group: 0, speaks };
        }
        SumGroup { slots: own, group: self.group_of(slot), speaks: true }
    }
}
