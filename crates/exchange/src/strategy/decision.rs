use super::{Encoding, SuggestedTau};
use crate::gtc::Tau;
use stentor_experiment::{Exchange, Source, TwoTier};

/// The coordinator's side of a strategy: what a round exchanges, and when another strategy may begin.
///
/// It holds nothing: what it has to know of earlier rounds is in [`Memory`].
pub trait Decision: std::fmt::Debug + Sync {
    /// Batches of each member in a round that is a block of them; none: a round is a single batch of each, all of one source.
    fn block(&self, _settings: &Exchange) -> Option<u32> {
        None
    }

    /// How members are dealt to groups that hold a model each until they meet; none: all members hold the same one.
    fn groups<'a>(&self, _settings: &'a Exchange) -> Option<&'a TwoTier> {
        None
    }

    /// Whether a member keeps what it did not send of its gradients or updates.
    fn keeps_residual(&self) -> bool {
        false
    }

    /// Whether a member keeps a block-momentum filter.
    fn keeps_filter(&self) -> bool {
        false
    }

    /// Whether the groups exchange their models before anybody computes again. `over`: there is nothing left to compute.
    fn meets(&self, _now: &Standing<'_>, _over: bool) -> bool {
        false
    }

    /// How the contributions to a round are coded in which all members together compute `batches`; none: the groups
    /// exchange their models.
    fn encoding(&self, now: &Standing<'_>, batches: Option<u64>) -> Encoding;

    /// Takes note of a round that has closed. Whether nothing is under way now, so that another strategy may begin.
    fn closed(&self, encoding: &Encoding, memory: &mut Memory) -> bool;
}

/// What decides how a round is exchanged.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The experiment's.
    pub settings: &'a Exchange,
    /// Of the rounds before.
    pub memory: &'a Memory,
    /// Share of the run's frames that is committed, 0 to 1.
    pub progress: f64,
    /// Of most of the round's batches.
    pub source: Source,
    /// Present members.
    pub members: usize,
    /// Groups that they make.
    pub groups: usize,
    /// Whether another strategy is to begin.
    pub switching: bool,
    /// Whether somebody is about to go who would take its residual away for good.
    pub leaving: bool,
}

/// What is known of a strategy's earlier rounds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Memory {
    /// No residual holds anything: the last gradients were exchanged whole.
    pub flushed: bool,
    /// Rounds inside groups since all replicas were one.
    pub apart: u32,
    /// τ that the last contributions of each source have asked for.
    pub tau: SuggestedTau,
    /// τ that the last block's contributions have asked for.
    pub block_tau: Option<f32>,
}

impl Memory {
    /// Takes note of the thresholds that the contributors to a closed round have asked for: their median is the next one's
    /// of its source, or the next block's.
    pub fn follow(&mut self, source: Source, encoding: &Encoding, asked: &[f32]) {
        let Some(tau) = Tau::agreed(asked) else { return };
        match encoding {
            Encoding::Block { .. } => self.block_tau = Some(tau.get()),
            Encoding::Dense { .. } | Encoding::Threshold { .. } => self.tau.set(source, tau.get()),
        }
    }
}
