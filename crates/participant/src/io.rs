use stentor_exchange::Encoding;
use stentor_exchange::strategy::Coded;
use stentor_experiment::{Experiment, GtcDownlink, Membership, Source};
use stentor_messages::{Arrival, Assignment, Closed, Fence, Report, Session, Slot, SumGroup, Written};
use stentor_plan::Lease;
use stentor_scores::Sums;

/// What happens to a participant.
///
/// One that does not fit the participant's state is ignored: it comes from a call that the participant has given up.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A signal asks the worker to stop.
    Stop,
    /// An operator asks this member to leave the run, which goes on without it.
    Drain,
    /// [`Action::Join`] is answered: the worker is a member.
    Admitted {
        /// Its membership.
        session: Session,
        /// Its first round.
        assignment: Box<Assignment>,
        /// The state to load; none: the run is at its beginning.
        checkpoint: Option<String>,
    },
    /// [`Action::Prepare`] is done.
    Prepared {
        /// What the experiment says about sessions.
        rules: Rules,
    },
    /// [`Action::Begin`] is done.
    Begun {
        /// Digest of the parameters that the round starts from, if it was asked for.
        parameters_digest: Option<u64>,
        /// Frames behind what this member contributes to a round without batches.
        brings: u64,
    },
    /// [`Action::Compute`] is done.
    Computed {
        /// Frames of the batch by the plan.
        planned_frames: u64,
        /// None: the batch is empty.
        score: Option<BatchScore>,
    },
    /// [`Action::Encode`] is done.
    Encoded(Encoded),
    /// [`Action::Stage`] ended.
    Staged {
        /// Every reducer has its payload. Otherwise the members have changed meanwhile, or a reducer is lost: what to do follows.
        complete: bool,
    },
    /// [`Action::Fetch`] ended.
    Fetched {
        /// The sums of all reducers are here. Otherwise the members have changed meanwhile.
        complete: bool,
    },
    /// [`Action::Contribute`] is answered: the members have changed, and the payload must be staged once more.
    Again {
        /// The round, with the present membership epoch.
        fence: Fence,
        /// Whose contributions are summed with this member's.
        sum_group: SumGroup,
    },
    /// [`Action::Contribute`] is answered: the round has closed.
    Closed(Box<Closed>),
    /// [`Action::Apply`] is done.
    Applied {
        /// Digest of the update.
        update_digest: u64,
    },
    /// [`Action::Save`] or [`Action::SaveSums`] is done.
    Saved {
        /// The objects that are in the store now.
        written: Vec<Written>,
    },
    /// [`Action::Score`] is done.
    Scored(Sums),
    /// [`Action::Report`] is answered.
    Reported,
    /// [`Action::MeasureResidual`] is done.
    Residual {
        /// 2-norm of what this member keeps back.
        norm: f64,
    },
    /// [`Action::Look`] is done.
    Looked {
        /// Whether the last checkpoint is published.
        published: bool,
    },
    /// The time that [`Action::StartGrace`] began is over.
    GraceOver,
    /// The session is over: the member was dismissed, or the coordinator is gone. Whatever was under way has been given up.
    Over {
        /// Why, in words.
        reason: String,
    },
    /// The shell cannot continue.
    Failed {
        /// Why, in words.
        reason: String,
        /// Whether every worker would fail at the same place, so that the run must stop.
        fatal: bool,
    },
}

/// What the shell must do, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ask for membership.
    Join {
        /// Why the last session is over. None: it joins for the first time.
        after: Option<String>,
        /// How long to wait before, in milliseconds: longer with each session in which no round was completed, and not the same for
        /// any two workers, so that those that failed together do not all come back at once.
        pause_ms: u64,
    },
    /// Send heartbeats for the session.
    Attend {
        /// The membership.
        session: Session,
    },
    /// Load data, model and checkpoint.
    Prepare {
        /// The state to load; none: the run is at its beginning.
        checkpoint: Option<String>,
    },
    /// Prepare model and data for a round.
    Begin(Box<Assignment>),
    /// Compute a batch and learn from it, unless its loss or gradient is not finite.
    Compute(Batch),
    /// Keep a record of the batch that was computed last, which is not finite.
    RecordNonFinite(Batch),
    /// Encode what was learned. Nothing of it is adopted before [`Action::Apply`].
    Encode(Encoding),
    /// Tell the coordinator that a contribution is computed, and wait for the answer besides doing what follows. It replaces an
    /// earlier call, as do [`Action::Stage`] and [`Action::Fetch`]. The shell fills in times and traffic.
    Contribute(Box<Arrival>),
    /// Bring the payloads to the reducers, besides doing what follows.
    Stage(Box<Staging>),
    /// Fetch the sums of a round, besides doing what follows.
    Fetch {
        /// The round.
        fence: Fence,
        /// The sum group.
        group: u32,
    },
    /// Tell the coordinator that every reducer has its payload.
    TellStaged,
    /// Apply the fetched sums.
    Apply(Box<Apply>),
    /// Write this member's state for a checkpoint.
    Save {
        /// The checkpoint.
        checkpoint: String,
        /// Whether to write the model too, and whatever else is the same on every replica.
        model: bool,
    },
    /// Score a share of the dev data: utterances with `index % .1 == .0`.
    Score {
        /// The checkpoint that the score is for.
        checkpoint: String,
        /// The share.
        share: (u32, u32),
    },
    /// Make the reducers write their state for a checkpoint.
    SaveSums {
        /// The round.
        fence: Fence,
        /// The checkpoint.
        checkpoint: String,
    },
    /// Report what was done at a boundary.
    Report {
        /// The round.
        fence: Fence,
        /// What was done.
        report: Report,
    },
    /// Measure what this member keeps back.
    MeasureResidual,
    /// Find out whether the run's last checkpoint is published.
    Look {
        /// Its name.
        checkpoint: String,
        /// After a pause: it was not published a moment ago.
        again: bool,
    },
    /// Say [`Input::GraceOver`] in a few seconds.
    StartGrace,
    /// Leave the run.
    Leave {
        /// Why, in words.
        reason: String,
        /// Whether every worker would fail at the same place, so that the run must stop.
        fatal: bool,
    },
    /// The worker has ended.
    End(End),
}

/// How a worker ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// The run's last checkpoint is published.
    Finished,
    /// A signal stopped the worker.
    Stopped {
        /// 2-norm of the residual that no model contains now.
        lost_norm: f64,
    },
    /// An operator asked the worker to leave; the run does not need it any more.
    Drained {
        /// 2-norm of the residual that no model contains now.
        lost_norm: f64,
    },
    /// With the error of [`Input::Failed`].
    Failed,
}

/// What an experiment says about sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// The run falls back to a checkpoint when a member is lost; a residual is never lost, because the checkpoint contains it.
    pub fixed: bool,
    /// A sum must be fetched only after its round has closed, because fetching changes the reducers' state.
    pub late_fetch: bool,
}

impl Rules {
    /// Those of `experiment`.
    #[must_use]
    pub fn of(experiment: &Experiment) -> Self {
        Self {
            fixed: experiment.cluster.membership == Membership::Fixed,
            late_fetch: experiment.exchange.gtc.downlink == GtcDownlink::Rethreshold,
        }
    }
}

/// A batch to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// The lease that contains it.
    pub lease: Lease,
    /// Its index in the lease, from 0.
    pub index: u32,
    /// Position in the schedule: frames committed before the batch.
    pub committed_frames: u64,
}

impl Batch {
    /// The lease of this batch alone.
    #[must_use]
    pub fn alone(&self) -> Lease {
        Lease { first_batch: self.lease.first_batch.saturating_add(self.index), batches: 1, ..self.lease }
    }
}

/// The result of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchScore {
    /// What was counted over its frames.
    pub sums: Sums,
    /// 2-norm of the gradient.
    pub gradient_norm: f64,
}

impl BatchScore {
    /// Whether the batch may be learned from.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.sums.not_finite().is_none() && self.gradient_norm.is_finite()
    }
}

/// The facts of an encoded contribution; its payloads stay with the shell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Encoded {
    /// Whether there are payloads.
    pub has_payloads: bool,
    /// Vectors in each payload.
    pub sections: u32,
    /// Length of all payloads.
    pub payload_bytes: u64,
    /// Values in all payloads.
    pub values_sent: u64,
    /// 2-norm of what is kept back once the contribution counts.
    pub residual_norm: f64,
    /// τ that would have sent the asked density; 0 if none was asked for.
    pub suggested_tau: f32,
}

impl From<&Coded> for Encoded {
    fn from(coded: &Coded) -> Self {
        Self {
            has_payloads: !coded.payloads.is_empty(),
            sections: coded.sections,
            payload_bytes: coded.bytes(),
            values_sent: coded.values_sent,
            residual_norm: coded.residual_norm,
            suggested_tau: coded.suggested_tau,
        }
    }
}

/// What all payloads of a contribution have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Staging {
    /// The round and membership.
    pub fence: Fence,
    /// This member's place in sums.
    pub slot: Slot,
    /// Frames behind the payloads. 0: the payloads are empty. A member without values stages too, because the others' sums wait
    /// for it.
    pub frames: u64,
    /// Whose contributions are summed with this member's.
    pub sum_group: SumGroup,
    /// How the payloads are encoded.
    pub encoding: Encoding,
    /// Vectors in each payload.
    pub sections: u32,
    /// The checkpoint from which this member's lineage started.
    pub lineage_start: Option<String>,
}

/// How to apply the sums of a closed round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apply {
    /// How they are encoded.
    pub encoding: Encoding,
    /// Source of most of the round's batches.
    pub source: Source,
    /// Whether they contain this member's contribution: only then is its new residual adopted.
    pub counted: bool,
    /// Frames behind the sums.
    pub frames: u64,
    /// Frames committed before the round.
    pub committed_frames: u64,
    /// Frames of the whole run.
    pub total_frames: u64,
}
