use super::{Encoding, SuggestedTau};
use crate::gtc::Tau;
use stentor_experiment::{Exchange, Source, TwoTier};

/// The coordinator's side of a strategy: what a round exchanges, and when another strategy may begin.
///
/// It has no state: what it needs to know about earlier rounds is in [`Memory`].
pub trait Decision: std::fmt::Debug + Sync {
    /// Returns the number of batches of each member in a block; `None` if a round is a single batch of each member, all
    /// of one source.
    fn block(&self, _settings: &Exchange) -> Option<u32> {
        None
    }

    /// Returns how members form groups that each have one model until the group exchange; `None` if all members have
    /// the same model.
    fn groups<'a>(&self, _settings: &'a Exchange) -> Option<&'a TwoTier> {
        None
    }

    /// Returns whether a member keeps the part of its gradients or updates that it did not send.
    fn keeps_residual(&self) -> bool {
        false
    }

    /// Returns whether a member keeps a block-momentum filter.
    fn keeps_filter(&self) -> bool {
        false
    }

    /// Returns whether the groups exchange their models before the next computation. `over`: there is nothing left to
    /// compute.
    fn meets(&self, _now: &Standing<'_>, _over: bool) -> bool {
        false
    }

    /// Returns the encoding of the contributions to a round in which all members together compute `batches`; `None`:
    /// the groups exchange their models.
    fn encoding(&self, now: &Standing<'_>, batches: Option<u64>) -> Encoding;

    /// Records a closed round. Returns whether no exchange is in progress now, so that another strategy may begin.
    fn closed(&self, encoding: &Encoding, memory: &mut Memory) -> bool;
}

/// The state on which the exchange of a round depends.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The experiment's settings.
    pub settings: &'a Exchange,
    /// What is known about earlier rounds.
    pub memory: &'a Memory,
    /// Share of the run's frames that is committed, 0 to 1.
    pub progress: f64,
    /// Source of most of the round's batches.
    pub source: Source,
    /// Number of present members.
    pub members: usize,
    /// Number of their groups.
    pub groups: usize,
    /// Whether another strategy is to begin.
    pub switching: bool,
    /// Whether a member is about to leave, whose residual would be lost.
    pub leaving: bool,
}

/// What is known about a strategy's earlier rounds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Memory {
    /// Whether all residuals are zero: the last gradients were exchanged whole.
    pub flushed: bool,
    /// Number of rounds inside groups since all replicas were equal.
    pub apart: u32,
    /// τ suggested by the last contributions of each source.
    pub tau: SuggestedTau,
    /// τ suggested by the contributions to the last block.
    pub block_tau: Option<f32>,
}

impl Memory {
    /// Records the thresholds that the contributors to a closed round have suggested: their median is used for the next
    /// round of its source, or for the next block.
    pub fn follow(&mut self, source: Source, encoding: &Encoding, asked: &[f32]) {
        let Some(tau) = Tau::agreed(asked) else { return };
        match encoding {
            Encoding::Block { .. } => self.block_tau = Some(tau.get()),
            Encoding::Dense { .. } | Encoding::Threshold { .. } => self.tau.set(source, tau.get()),
        }
    }
}
