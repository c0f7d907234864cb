//! Two tiers (Interspeech 2019): GTC inside groups of members, every batch; BMUF across the groups, every block, with the model
//! that a group ends it with as one model of the block.

use super::bmuf::{self, Bmuf};
use super::gtc::Gtc;
use super::{Decision, Encoding, Memory, Standing};
use stentor_experiment::{Exchange, TwoTier as Groups};

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
