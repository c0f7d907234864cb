use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// How contributions of a round are coded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Encoding {
    /// Whole vectors; `density` is what a later threshold aims at, 0 where none follows.
    Dense {
        /// Share of values.
        density: f64,
    },
    /// Signs of ±τ.
    Threshold {
        /// The threshold, of at most 8 significant bits.
        tau: f32,
        /// Share of values the next threshold aims at.
        density: f64,
    },
    /// What a block of batches came to.
    Block {
        /// η of this round.
        momentum: f64,
        /// ζ.
        learning_rate: f64,
        /// How it goes up.
        deltas: Deltas,
        /// Share of values that the next threshold aims at; 0 where none follows.
        density: f64,
    },
}

/// How a block goes up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deltas {
    /// The whole model as f32.
    Model,
    /// The difference to the block's start as bf16.
    Bf16,
    /// The difference to the block's start as signs of ±τ.
    Threshold {
        /// The threshold, of at most 8 significant bits.
        tau: f32,
    },
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

/// A contribution's facts: it is computed. Its payload goes to the reducers, and [`Input::Staged`] says when it is there.
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

/// The core's state at a boundary: all that a later incarnation needs to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The next round.
    pub round: u64,
    /// Plan position and exceptions.
    pub position: Position,
    /// τ suggested by the last round's contributions.
    pub suggested_tau: Option<f32>,
    /// The same of the last block's.
    #[serde(default)]
    pub suggested_block_tau: Option<f32>,
    /// Regular checkpoints so far.
    pub checkpoints: u32,
    /// The best checkpoint on dev and its frame error, percent.
    pub best: Option<(String, f64)>,
    /// Evaluations since the best one.
    pub stale_evaluations: u32,
    /// Identities of the run, by slot, at the boundary.
    pub roster: BTreeMap<Slot, String>,
    /// The strategy in force from here on.
    pub strategy: Strategy,
}

/// What happens to the core.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A process asks for membership.
    Join {
        /// Given by the shell, never used twice.
        session: Session,
        /// Stable across restarts.
        identity: String,
    },
    /// A member says what it is doing.
    Heard {
        /// Its membership.
        session: Session,
        /// Words for people.
        doing: String,
    },
    /// A member's connection broke.
    Lost {
        /// Its membership.
        session: Session,
        /// Words for people.
        reason: String,
    },
    /// A member leaves by its own will.
    Leave {
        /// Who.
        identity: String,
        /// Words for people.
        reason: String,
        /// Whether the run is to stop.
        fatal: bool,
    },
    /// A contribution is computed.
    Arrived(Arrival),
    /// Every reducer has a contribution's payload.
    Staged {
        /// The round and membership that it was staged for.
        fence: Fence,
        /// Who.
        identity: String,
        /// The sender's place in sums.
        slot: Slot,
    },
    /// Somebody wants another strategy.
    Switch {
        /// Which.
        strategy: Strategy,
    },
    /// A member did its boundary's duties.
    Reported(Report),
    /// The shell published a checkpoint's manifest.
    Published {
        /// Its name.
        checkpoint: String,
    },
    /// The shell could not.
    PublishFailed {
        /// Its name.
        checkpoint: String,
        /// Words for people.
        reason: String,
    },
    /// Time passes.
    Tick,
}

/// What the shell must do, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Answer a join.
    Admit {
        /// Whose.
        session: Session,
        /// First round.
        assignment: Assignment,
        /// State to load; none: start from the seed.
        checkpoint: Option<String>,
    },
    /// Answer a join with a refusal.
    RefuseJoin {
        /// Whose.
        session: Session,
        /// Words for people.
        reason: String,
    },
    /// Answer a contribution with a refusal; it changed nothing.
    Refuse {
        /// Whose.
        identity: String,
        /// The slot it named.
        slot: Slot,
        /// Words for people.
        reason: String,
    },
    /// Ask a member to stage its contribution to the open round once more: members have changed since.
    Again {
        /// Its place in sums.
        slot: Slot,
        /// The round, with the membership epoch of today.
        fence: Fence,
        /// Whose contributions are summed with its own.
        company: Company,
    },
    /// Tell every slot in `next` that the round has closed; the reducers have its sum.
    Close(Closing),
    /// End a session: its pending call is answered with "join again".
    Dismiss {
        /// Whose membership.
        session: Session,
        /// Whether the member wanted it.
        departure: Departure,
        /// Its place in sums.
        slot: Slot,
        /// Words for people.
        reason: String,
    },
    /// Publish a checkpoint's manifest.
    Publish(Publication),
    /// Write an event to the log.
    Record(Event),
    /// The run is over.
    Stop(Outcome),
}

/// How a member goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// By its own will, or together with the run.
    Left,
    /// By a broken connection, a deadline or a fall-back.
    Lost,
}

/// A round's end.
#[derive(Debug, Clone, PartialEq)]
pub struct Closing {
    /// The round.
    pub fence: Fence,
    /// Source of the round's batches.
    pub source: Source,
    /// How the payloads are coded.
    pub encoding: Encoding,
    /// What each member is told.
    pub next: BTreeMap<Slot, Next>,
}

/// A round's end for one member.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// Slots whose payloads are in the member's sum, ascending.
    pub contributors: Vec<Slot>,
    /// Frames behind the sum.
    pub frames: u64,
    /// What to do before the next round.
    pub boundary: Boundary,
    /// The next round; none where the run is finished.
    pub assignment: Option<Assignment>,
}

/// A checkpoint whose objects are all in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// Its name.
    pub name: String,
    /// The objects.
    pub objects: Vec<Written>,
    /// The core's own state.
    pub saved: Saved,
    /// Where it stands.
    pub fence: Fence,
    /// Frames committed.
    pub committed_frames: u64,
    /// The whole dev data's score.
    pub dev: Option<DevScore>,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All data seen, or no improvement any more.
    Finished {
        /// The checkpoint to deploy.
        checkpoint: String,
    },
    /// Too few members came or stayed.
    LostQuorum {
        /// Who was waited for, and how long.
        reason: String,
    },
    /// Replicas disagree, or a value is not finite.
    Broken {
        /// What, and whose.
        reason: String,
    },
}

/// A line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A round closed.
    Round {
        /// Where.
        #[serde(flatten)]
        fence: Fence,
        /// Source of its batches.
        source: Source,
        /// Slots that contributed.
        contributors: Vec<Slot>,
        /// Batches committed, as the ledger knows them.
        leases: Vec<Lease>,
        /// Valid frames.
        frames: u64,
        /// Frames committed after it, as planned.
        committed_frames: u64,
        /// Nats a frame.
        loss: f64,
        /// Percent of frames.
        frame_error: f64,
        /// Norm of the first contributor's gradient.
        gradient_norm: f64,
        /// Share of values sent.
        values_sent: u64,
        /// Payload bytes of all contributions.
        bytes_up: u64,
        /// Seconds that the slowest member spent in forward and backward passes.
        compute_s: f64,
        /// How they were coded.
        encoding: Encoding,
        /// Since the coordinator's start.
        at_ms: Millis,
    },
    /// Members changed.
    Members {
        /// Where.
        #[serde(flatten)]
        fence: Fence,
        /// Who are members now.
        #[serde(with = "roll")]
        members: BTreeMap<Slot, String>,
        /// Why.
        reason: String,
    },
    /// Another strategy is in force from here on.
    Switched {
        /// The first round of it.
        #[serde(flatten)]
        fence: Fence,
        /// Before.
        from: Strategy,
        /// Now.
        to: Strategy,
    },
    /// The dev data was scored.
    Dev {
        /// The checkpoint.
        checkpoint: String,
        /// Frames committed.
        committed_frames: u64,
        /// Nats a frame.
        loss: f64,
        /// Percent of frames, over senones.
        frame_error: f64,
    },
    /// The run fell back to a checkpoint; commits after it are void.
    FellBack {
        /// The new lineage.
        lineage: u64,
        /// The first round that is done again.
        round: u64,
        /// The checkpoint; none: the beginning.
        checkpoint: Option<String>,
        /// Why.
        reason: String,
    },
    /// A checkpoint was given up.
    Abandoned {
        /// Its name.
        checkpoint: String,
        /// Why.
        reason: String,
    },
}

/// Members as `[{"slot": …, "identity": …}]`: within a tagged enum, serde reads no map back whose keys are numbers.
mod roll {
    use super::Slot;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    #[derive(Serialize, Deserialize)]
    struct Entry {
        slot: Slot,
        identity: String,
    }

    pub(super) fn serialize<S: Serializer>(roll: &BTreeMap<Slot, String>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(roll.iter().map(|(&slot, identity)| Entry { slot, identity: identity.clone() }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Slot, String>, D::Error> {
        let entries = Vec::<Entry>::deserialize(from)?;
        Ok(entries.into_iter().map(|entry| (entry.slot, entry.identity)).collect())
    }
}
