use super::quarantine::BadRowGroup;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_exchange::Encoding;
use stentor_exchange::strategy::{Memory, SuggestedTau};
use stentor_experiment::{Source, Strategy};
use stentor_plan::{Lease, Position};

/// Milliseconds since the coordinator started. The core has no clock: every input brings the time.
pub type Millis = u64;

/// A process's membership, from its join to its end. A restarted process gets another one.
pub type Session = u64;

/// A member's place in sums.
pub type Slot = u32;

/// Stands in every message that may change state (DESIGN: rounds are fenced).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fence {
    /// Rises when the run falls back to a checkpoint.
    pub lineage: u64,
    /// Rises with every change of members.
    pub membership_epoch: u64,
    /// Rises by one per closed round within a lineage.
    pub round: u64,
}

/// What one member does in the round of `fence`.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The round.
    pub fence: Fence,
    /// The member's place in sums.
    pub slot: Slot,
    /// Members of the round.
    pub members: u32,
    /// Batches to compute, in order; may be empty.
    pub leases: Vec<Lease>,
    /// Units likely to follow.
    pub ahead: Vec<Lease>,
    /// Frames committed before the round.
    pub committed_frames: u64,
    /// Frames of the whole run.
    pub total_frames: u64,
    /// How to code the contribution.
    pub encoding: Encoding,
    /// The strategy in force.
    pub strategy: Strategy,
    /// Whose contributions are summed with this member's.
    pub company: Company,
    /// Whether the contribution is to carry a digest of the parameters.
    pub digest: bool,
}

/// Members whose contributions make one sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Company {
    /// All of them, ascending: the order of the sum.
    pub slots: Vec<Slot>,
    /// Tells the sums of a round apart.
    pub group: u32,
    /// Whether the member sends values: of replicas that hold the same model, one does.
    pub speaks: bool,
}

/// What a member does after an update and before its next contribution.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Boundary {
    /// Checkpoint to write state for.
    pub checkpoint: Option<String>,
    /// Share of the dev data to evaluate: utterances with `index % .1 == .0`.
    pub dev_share: Option<(u32, u32)>,
    /// Writes parameters and all that is the same on every replica.
    pub writes_model: bool,
    /// The run ends here.
    pub finished: bool,
}

/// A contribution's facts: it is computed. Its payload goes to the reducers, and [`Input::Staged`](super::Input::Staged) says when it is
/// there.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// The round it belongs to.
    pub fence: Fence,
    /// Who sends it.
    pub identity: String,
    /// The sender's place in sums.
    pub slot: Slot,
    /// Valid frames behind it.
    pub frames: u64,
    /// Sum over frames of the loss, nats.
    pub loss_sum: f64,
    /// Frames whose most likely output was the target's.
    pub correct_frames: u64,
    /// The three by source of the batches; empty from a worker that does not tell.
    pub by_source: BTreeMap<Source, Learned>,
    /// 2-norm of the mean gradient.
    pub gradient_norm: f64,
    /// τ that would have sent the asked density; 0 where none was asked.
    pub suggested_tau: f32,
    /// Values in the payload.
    pub values_sent: u64,
    /// 2-norm of what was kept back.
    pub residual_norm: f64,
    /// Length of the payload.
    pub payload_bytes: u64,
    /// Digest of the sender's parameters before the round, where it was asked for.
    pub parameters_digest: Option<u64>,
    /// Digest of the update that the sender applied last, if it has.
    pub update_digest: Option<u64>,
    /// Seconds in forward and backward passes.
    pub compute_s: f64,
    /// Whether the sender is asked to stop, and stays until what its residual holds is in the model.
    pub leaving: bool,
}

/// Sums over frames that were learned from.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Learned {
    /// Valid frames.
    pub frames: u64,
    /// Sum of the loss, nats.
    pub loss_sum: f64,
    /// Frames whose most likely output was the target's.
    pub correct_frames: u64,
}

/// What a member did at a boundary.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Who.
    pub identity: String,
    /// At the boundary of which checkpoint.
    pub checkpoint: String,
    /// Objects written to the store.
    pub written: Vec<Written>,
    /// Its share of the dev data.
    pub dev: Option<DevScore>,
}

/// An object in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Name within the checkpoint's folder.
    pub name: String,
    /// Length.
    pub bytes: u64,
    /// xxh3 of its bytes.
    pub digest: u64,
}

/// Sums over dev frames.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DevScore {
    /// Frames scored.
    pub frames: u64,
    /// Sum of the loss, nats.
    pub loss_sum: f64,
    /// Frames whose most likely output was the reference.
    pub correct_frames: u64,
}

impl DevScore {
    /// Share of wrong frames, percent, over senones.
    #[must_use]
    pub fn frame_error(&self) -> f64 {
        if self.frames == 0 { 100.0 } else { 100.0 * (1.0 - self.correct_frames as f64 / self.frames as f64) }
    }

    /// Mean loss, nats a frame.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.frames.max(1) as f64
    }
}

impl Saved {
    /// What is known at a boundary of the strategy's earlier rounds; there replicas are one.
    pub(super) fn memory(&self) -> Memory {
        Memory { tau: self.suggested_tau, block_tau: self.suggested_block_tau, ..Memory::default() }
    }

    /// For where the best checkpoint is not there any more: it was superseded, before the run went back behind that.
    pub(crate) fn forget_best(&mut self) {
        (self.best, self.stale_evaluations) = (None, 0);
    }
}

/// The core's state at a boundary: all that a later incarnation needs to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The next round.
    pub round: u64,
    /// Plan position and exceptions.
    pub position: Position,
    /// τ suggested by the last contributions of each source.
    #[serde(default)]
    pub suggested_tau: SuggestedTau,
    /// The same of the last block's.
    #[serde(default)]
    pub suggested_block_tau: Option<f32>,
    /// Regular checkpoints so far.
    pub checkpoints: u32,
    /// The best checkpoint on dev and its frame error, percent.
    pub best: Option<(String, f64)>,
    /// Evaluations since the best one.
    pub stale_evaluations: u32,
    /// Whether training is over with it.
    #[serde(default)]
    pub finished: bool,
    /// Identities of the run, by slot, at the boundary.
    pub roster: BTreeMap<Slot, String>,
    /// The strategy in force from here on.
    pub strategy: Strategy,
    /// Row groups that were set aside so far.
    #[serde(default)]
    pub quarantined: Vec<BadRowGroup>,
    /// Whether residuals of gradients hold them times their source's factor on the learning rate, as
    /// [`Experiment::scales_gradients`](stentor_experiment::Experiment::scales_gradients) asks for. Versions that did not scale do
    /// not say.
    #[serde(default)]
    pub scaled_residuals: bool,
}
