//! Two tiers (Interspeech 2019): GTC inside groups of members, every batch; BMUF across the groups, every block, where
//! the model with which a group ends the block counts as one model.

use super::bmuf::{self, Bmuf, BmufMember};
use super::gtc::{Gtc, GtcMember};
use super::{Coded, Decision, Encoding, Learner, Member, Memory, Rate, Shared, Standing, Update};
use std::ops::Range;
use stentor_experiment::{Exchange, Experiment, TwoTier as Groups};

#[derive(Debug)]
pub(super) struct TwoTier;

impl Decision for TwoTier {
    fn groups<'a>(&self, settings: &'a Exchange) -> Option<&'a Groups> {
        Some(&settings.two_tier)
    }

    fn keeps_residual(&self) -> bool {
        Gtc.keeps_residual()
    }

    fn keeps_filter(&self) -> bool {
        Bmuf.keeps_filter()
    }

    fn meets(&self, now: &Standing<'_>, over: bool) -> bool {
        let apart = now.memory.apart;
        let switches = now.switching && now.memory.flushed;
        apart > 0 && (over || switches || apart >= now.settings.bmuf.block)
    }

    fn encoding(&self, now: &Standing<'_>, batches: Option<u64>) -> Encoding {
        match batches {
            Some(_) => Gtc.encoding(now, batches),
            None => {
                let (apart, full) = (u64::from(now.memory.apart), u64::from(now.settings.bmuf.block));
                bmuf::block(now, now.groups, apart, full)
            }
        }
    }

    fn closed(&self, encoding: &Encoding, memory: &mut Memory) -> bool {
        if encoding.is_block() {
            memory.apart = 0;
            return Bmuf.closed(encoding, memory) && memory.flushed;
        }
        Gtc.closed(encoding, memory);
        memory.apart += 1;
        false
    }
}

pub(super) struct TwoTierMember {
    gtc: GtcMember,
    bmuf: BmufMember,
    /// Frames in the group's model since all replicas were equal.
    frames: u64,
}

impl TwoTierMember {
    pub(super) fn new<L: Learner>(experiment: &Experiment, learner: &L) -> Self {
        let (gtc, bmuf) = (GtcMember::new(experiment, learner), BmufMember::new(experiment, learner));
        Self { gtc, bmuf, frames: 0 }
    }

    /// Returns the tier of a round: a block is exchanged across groups, all others inside them.
    fn tier<L: Learner>(&mut self, encoding: &Encoding) -> &mut dyn Member<L> {
        if encoding.is_block() { &mut self.bmuf } else { &mut self.gtc }
    }
}

impl<L: Learner> Member<L> for TwoTierMember {
    /// Groups do not share an optimiser's gradients or steps.
    fn steps_alone(&self) -> bool {
        true
    }

    /// The model has advanced from the block's start by what the group has learned: it does not look ahead again.
    fn begin(&mut self, encoding: &Encoding, learner: &mut L) -> Result<(), L::Error> {
        self.gtc.begin(encoding, learner)
    }

    fn learn(&mut self, learner: &mut L, rate: Rate) -> Result<(), L::Error> {
        self.gtc.learn(learner, rate)
    }

    fn contributed_frames(&self, encoding: &Encoding) -> u64 {
        if encoding.is_block() { self.frames } else { 0 }
    }

    fn contribute(
        &mut self,
        encoding: &Encoding,
        learner: &L,
        ranges: &[Range<usize>],
    ) -> Result<Coded, L::Error> {
        self.tier::<L>(encoding).contribute(encoding, learner, ranges)
    }

    fn apply(&mut self, update: &Update<'_>, learner: &mut L) -> Result<(), L::Error> {
        self.tier::<L>(&update.encoding).apply(update, learner)?;
        if !update.is_empty() {
            self.frames = if update.encoding.is_block() { 0 } else { self.frames + update.frames };
        }
        Ok(())
    }

    fn deployed(&self) -> Option<&[f32]> {
        Member::<L>::deployed(&self.bmuf)
    }

    fn change_deployed(&mut self, f: &mut dyn FnMut(&mut [f32])) {
        Member::<L>::change_deployed(&mut self.bmuf, f);
    }

    fn start(&self) -> Option<&[f32]> {
        Member::<L>::start(&self.bmuf)
    }

    fn own(&self) -> Vec<(&'static str, &[f32])> {
        [Member::<L>::own(&self.gtc), Member::<L>::own(&self.bmuf)].concat()
    }

    fn own_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        let mut own = Member::<L>::own_mut(&mut self.gtc);
        own.extend(Member::<L>::own_mut(&mut self.bmuf));
        own
    }

    fn shared(&self) -> Shared {
        Member::<L>::shared(&self.bmuf)
    }

    fn restore(&mut self, shared: &mut Shared, learner: &mut L) -> Result<(), L::Error> {
        self.bmuf.restore(shared, learner)
    }
}
