use crate::{Fence, Slot};
use std::collections::BTreeMap;
use stentor_exchange::Encoding;
use stentor_experiment::{Source, Strategy};
use stentor_plan::Lease;
use stentor_scores::Sums;

/// A process's membership, from its join to its end. A restarted process gets another one.
pub type Session = u64;

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
    pub sum_group: SumGroup,
    /// Whether the contribution is to carry a digest of the parameters.
    pub digest: bool,
}

/// Members whose contributions make one sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SumGroup {
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

/// The facts of a contribution that is computed. Its payloads go to the reducers; the member says when they are there.
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
    /// What was counted in its batches; empty where groups only exchange models.
    pub sums: Sums,
    /// The same by source of the batches; empty from a worker that does not tell.
    pub by_source: BTreeMap<Source, Sums>,
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

impl Arrival {
    /// Whether every sum and the gradient's norm are finite. Otherwise the contribution is a finding about its batches, and is part
    /// of no sum.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let are_finite = |sums: &Sums| sums.not_finite().is_none();
        are_finite(&self.sums) && self.by_source.values().all(are_finite) && self.gradient_norm.is_finite()
    }
}

/// What a member is told when a round has closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// The round.
    pub fence: Fence,
    /// Source of most of the round's batches.
    pub source: Source,
    /// How the sum is encoded.
    pub encoding: Encoding,
    /// Slots whose payloads are in the member's sum, ascending.
    pub contributors: Vec<Slot>,
    /// Frames behind the sum.
    pub frames: u64,
    /// What to do before the next round.
    pub boundary: Boundary,
    /// The next round; none: the run is finished.
    pub next: Option<Assignment>,
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
    /// What was counted in its share of the dev data.
    pub dev: Option<Sums>,
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
    /// BLAKE3 of its bytes; `None`: its writer does not report it.
    pub blake3: Option<[u8; 32]>,
}
