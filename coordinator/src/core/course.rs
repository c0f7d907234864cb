use super::{Arrival, Company, Core, Deltas, Encoding, Slot};
use std::collections::BTreeMap;
use stentor_exchange::gtc::{self, Phase};
use stentor_exchange::{Tau, short_block_momentum};
use stentor_experiment::{BlockDeltas, Source, Strategy};
use stentor_plan::{RoundPlan, RoundSize};

/// The strategy in force and what is under way in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    pub(super) strategy: Strategy,
    /// Asked for; taken at the first boundary at which nothing is under way.
    pub(super) asked: Option<Strategy>,
    /// No residual holds anything: the last gradients were exchanged whole.
    flushed: bool,
    /// Rounds inside groups since all replicas were one (two-tier).
    pub(super) apart: u32,
    /// Source of most batches of the open round, or of the last one that had any.
    pub(super) source: Source,
}

impl Course {
    pub(super) fn new(strategy: Strategy) -> Self {
        Self { strategy, asked: None, flushed: false, apart: 0, source: Source::Annotated }
    }

    /// Takes note of a round that has closed. Returns the strategy that was left, where it was left now.
    pub(super) fn closed(&mut self, encoding: Encoding) -> Option<Strategy> {
        let whole = matches!(encoding, Encoding::Dense { .. });
        let settled = match self.strategy {
            Strategy::Dense | Strategy::Bmuf => true,
            Strategy::Gtc => {
                self.flushed = whole;
                whole
            }
            Strategy::TwoTier if matches!(encoding, Encoding::Block { .. }) => {
                self.apart = 0;
                self.flushed
            }
            Strategy::TwoTier => {
                self.apart += 1;
                self.flushed = whole;
                false
            }
        };
        let next = self.asked.filter(|_| settled)?;
        let left = self.strategy;
        *self = Self { source: self.source, ..Self::new(next) };
        Some(left)
    }
}

impl Core {
    /// Remembers what somebody asked for.
    pub(super) fn ask(&mut self, strategy: Strategy) {
        self.course.asked = (strategy != self.course.strategy).then_some(strategy);
    }

    /// Whether the groups exchange their models before anybody computes again (two-tier).
    pub(super) fn groups_meet(&self) -> bool {
        let course = &self.course;
        let over = self.position.finished(&self.settings.plan) || self.is_stale();
        let leaving = course.asked.is_some() && course.flushed;
        course.apart > 0 && (over || leaving || course.apart >= self.settings.experiment.exchange.bmuf.block)
    }

    /// Batches of a member's next round.
    pub(super) fn round_size(&self) -> RoundSize {
        match self.course.strategy {
            Strategy::Bmuf => RoundSize::Block(self.settings.experiment.exchange.bmuf.block),
            Strategy::Dense | Strategy::Gtc | Strategy::TwoTier => RoundSize::Batch,
        }
    }

    /// How the contributions to a round with this work are coded; none: groups exchange their models.
    pub(super) fn encoding(&self, work: Option<&RoundPlan>) -> Encoding {
        let full = u64::from(self.settings.experiment.exchange.bmuf.block);
        match (self.course.strategy, work) {
            (Strategy::Dense, _) => Encoding::Dense { density: 0.0 },
            (Strategy::Bmuf, work) => {
                let leases = work.iter().flat_map(|work| work.leases.values().flatten());
                let batches = leases.map(|lease| u64::from(lease.batches)).sum();
                self.block(self.members.len(), batches, full * self.members.len() as u64)
            }
            (Strategy::TwoTier, None) => self.block(self.groups().len(), u64::from(self.course.apart), full),
            // What residuals hold goes into the model before another strategy begins, or somebody takes one away.
            (Strategy::Gtc | Strategy::TwoTier, _)
                if self.course.asked.is_some() || self.loses_residual() =>
            {
                Encoding::Dense { density: 0.0 }
            }
            (Strategy::Gtc | Strategy::TwoTier, _) => self.threshold(),
        }
    }

    /// Whether a member would take its residual away for good. In `fixed` it comes back to what its checkpoint holds.
    fn loses_residual(&self) -> bool {
        !self.is_fixed() && !self.course.flushed && self.members.values().any(|member| member.leaving)
    }

    /// `models`: how many are averaged; `batches`: behind them, of `full` in a block that is not cut short.
    fn block(&self, models: usize, batches: u64, full: u64) -> Encoding {
        let bmuf = &self.settings.experiment.exchange.bmuf;
        let (deltas, density) = match (bmuf.deltas, self.suggested_block_tau) {
            (BlockDeltas::F32, _) => (Deltas::Model, 0.0),
            (BlockDeltas::Bf16, _) => (Deltas::Bf16, 0.0),
            // A first block shows how large the differences are.
            (BlockDeltas::Threshold, None) => (Deltas::Model, bmuf.delta_density),
            (BlockDeltas::Threshold, Some(tau)) => (Deltas::Threshold { tau }, bmuf.delta_density),
        };
        let momentum = bmuf.momentum_for(models, self.progress());
        Encoding::Block {
            momentum: short_block_momentum(momentum, batches, full),
            learning_rate: bmuf.learning_rate,
            deltas,
            density,
        }
    }

    fn threshold(&self) -> Encoding {
        match gtc::phase(&self.settings.experiment.exchange.gtc, self.progress()) {
            Ok(Phase::Fixed(tau)) => Encoding::Threshold { tau: tau.get(), density: 0.0 },
            Ok(Phase::Density(density)) => match self.suggested_tau.of(self.course.source) {
                Some(tau) => Encoding::Threshold { tau, density },
                // A first round shows how large the values are.
                None => Encoding::Dense { density },
            },
            // A fixed threshold out of range was refused when the experiment was read.
            Ok(phase @ Phase::Dense { .. }) => Encoding::Dense { density: phase.aim().unwrap_or(0.0) },
            Err(_) => Encoding::Dense { density: 0.0 },
        }
    }

    /// τ of the next round of `source`: the median of what the contributors' quantiles ask for.
    pub(super) fn follow_suggestions(
        &mut self,
        source: Source,
        encoding: Encoding,
        arrivals: &BTreeMap<Slot, Arrival>,
    ) {
        let asked: Vec<f32> = arrivals.values().map(|a| a.suggested_tau).collect();
        let Some(tau) = Tau::agreed(&asked) else { return };
        match encoding {
            Encoding::Block { .. } => self.suggested_block_tau = Some(tau.get()),
            _ => self.suggested_tau.set(source, tau.get()),
        }
    }

    /// Present members by group of replicas: between meetings those of a group hold the same parameters.
    pub(super) fn groups(&self) -> BTreeMap<u32, Vec<Slot>> {
        let mut groups = BTreeMap::<u32, Vec<Slot>>::new();
        self.members.keys().for_each(|&slot| groups.entry(self.group_of(slot)).or_default().push(slot));
        groups
    }

    pub(super) fn group_of(&self, slot: Slot) -> u32 {
        self.dealt.get(&slot).copied().unwrap_or(0)
    }

    /// Deals the members to groups, evenly, while all replicas are one. Until the groups meet again they stay as they are,
    /// whoever goes.
    pub(super) fn deal_groups(&mut self) {
        if self.course.apart > 0 {
            return;
        }
        let tiers = &self.settings.experiment.exchange.two_tier;
        let count = self.members.len();
        let group = |position| match self.course.strategy {
            Strategy::TwoTier => tiers.group_of(position, count) as u32,
            _ => 0,
        };
        self.dealt = self.members.keys().copied().enumerate().map(|(n, slot)| (slot, group(n))).collect();
    }

    /// Whose contributions to a round of this encoding are summed with those of `slot`.
    pub(super) fn company(&self, slot: Slot, encoding: Encoding) -> Company {
        let groups = self.groups();
        let own = groups.get(&self.group_of(slot)).cloned().unwrap_or_default();
        let across = self.course.strategy == Strategy::TwoTier && matches!(encoding, Encoding::Block { .. });
        if across {
            let speaks = own.first() == Some(&slot);
            return Company { slots: self.members.keys().copied().collect(), group: 0, speaks };
        }
        Company { slots: own, group: self.group_of(slot), speaks: true }
    }
}
