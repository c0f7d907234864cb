use crate::boundary::{Scoring, Surroundings, counted};
use crate::client::Doing;
use crate::exchange::{Exchange, Times};
use crate::feed::Feed;
use crate::joined::{Joined, Own};
use crate::poison::Poison;
use crate::reducers::{Reducers, update_digest};
use crate::replica::Replica;
use crate::{Error, start, state, wire};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use stentor_acoustic::{Device, ModelShape, Score};
use stentor_checkpoint::Proof;
use stentor_dataset::Dataset;
use stentor_exchange::Encoding;
use stentor_exchange::strategy::{Coded, Rate};
use stentor_experiment::{Experiment, Source};
use stentor_messages::{Arrival, Assignment, Fence, Report};
use stentor_participant::{Action, Apply, Batch, BatchScore, Encoded, Input, Rules};
use stentor_proto::v1;
use stentor_runtime::metrics;
use stentor_runtime::traces::{Attribute, RoundTrace};
use stentor_scores::FRAMES;
use stentor_store::Store;
use tokio::time::Instant;

/// What a member has loaded: it carries out the [participant](stentor_participant)'s actions in a session.
pub(crate) struct Session {
    run_id: String,
    pub(crate) exchange: Exchange,
    doing: Doing,
    replica: Replica,
    feed: Feed,
    shape: ModelShape,
    device: Device,
    around: Surroundings,
    two_sources: bool,
    round: Round,
}

/// The round that is under way.
struct Round {
    assignment: Assignment,
    began: SystemTime,
    /// When the current phase began.
    phase: Instant,
    /// How long the batches took; `None` while they are computed.
    compute: Option<Duration>,
    encode: Duration,
    /// The result of the batch that was computed last.
    last: Option<(Score, f64, Rate)>,
    coded: Coded,
    /// The row groups that were quarantined in the round's units.
    bad_row_groups: Vec<v1::BadRowGroup>,
    /// The contribution, once it is announced.
    contribution: Option<Arrival>,
}

impl Round {
    fn new(assignment: Assignment) -> Self {
        Self {
            assignment,
            began: SystemTime::now(),
            phase: Instant::now(),
            compute: None,
            encode: Duration::ZERO,
            last: None,
            coded: Coded::default(),
            bad_row_groups: Vec::new(),
            contribution: None,
        }
    }
}

impl Session {
    /// Loads data, model and checkpoint for the membership that `joined` describes.
    pub(crate) async fn prepare(joined: &Joined, own: Own<'_>, doing: &Doing) -> Result<Self, Error> {
        let experiment = Arc::new(Experiment::parse(&joined.experiment_toml)?);
        metrics::of_run(&experiment.run.name);
        let Own { identity, device, cache } = own;
        let run = Store::open(&joined.run_url)?;
        let dataset = Dataset::open_cached(&experiment, cache).await?;
        let from_start = Proof::from(joined.start_digest);
        let dataset = Arc::new(start::seen_by_the_model(dataset, &run, &experiment, from_start).await?);
        let shape = ModelShape::new(
            &experiment.model.architecture,
            dataset.manifest().dimension,
            dataset.senones().len(),
        )?;
        let model = stentor_acoustic::build(&shape, experiment.run.seed, device)?;
        if joined.checkpoint.is_none() {
            // Before the replica is created, because block momentum starts from the parameters at that moment.
            start::load(model.as_ref(), &run, &experiment, from_start).await?;
        }
        let mut replica = Replica::new(model, &experiment, joined.assignment.strategy);
        if let Some(checkpoint) = &joined.checkpoint {
            state::load(&mut replica, &run, checkpoint, identity, joined.checkpoint_digest.into()).await?;
            tracing::info!(checkpoint, "loaded");
        }
        let client = joined.client.clone();
        let reducers =
            Reducers::new(client.url(), &experiment.exchange.reducers, client.connector(), replica.len())?;
        Ok(Self {
            run_id: joined.run_id.clone(),
            exchange: Exchange::new(client, reducers, &joined.run_id, joined.session)
                .starting_from(joined.checkpoint_digest),
            doing: doing.clone(),
            replica,
            feed: Feed::new(Arc::clone(&dataset), Arc::clone(&experiment)),
            shape,
            device,
            two_sources: dataset.part(Source::MachineLabeled).is_some(),
            around: Surroundings { identity: identity.to_owned(), run, dataset, experiment },
            round: Round::new(joined.assignment.clone()),
        })
    }

    /// What the experiment says about sessions.
    pub(crate) fn rules(&self) -> Rules {
        Rules::of(&self.around.experiment)
    }

    /// Carries out an action of a round or its boundary. Returns the result, if there is one yet.
    pub(crate) async fn carry_out(&mut self, action: Action) -> Result<Option<Input>, Error> {
        Ok(match action {
            Action::Begin(assignment) => Some(self.begin(*assignment)?),
            Action::Compute(batch) => Some(self.compute(batch).await?),
            Action::RecordNonFinite(batch) => {
                self.record_non_finite(batch).await;
                None
            }
            Action::Encode(encoding) => Some(self.encode(&encoding)?),
            Action::Contribute(arrival) => {
                self.contribute(*arrival);
                None
            }
            Action::Stage(staging) => {
                self.exchange.stage(*staging, &self.round.coded);
                None
            }
            Action::Fetch { fence, group } => {
                self.exchange.fetch(fence, group);
                None
            }
            Action::TellStaged => {
                self.exchange.tell_staged().await;
                None
            }
            Action::Apply(apply) => Some(self.apply(*apply)?),
            Action::Save { checkpoint, model } => Some(self.save(&checkpoint, model).await?),
            Action::Score { checkpoint, share } => Some(self.score(&checkpoint, share).await?),
            Action::SaveSums { fence, checkpoint } => Some(self.save_sums(fence, &checkpoint).await?),
            Action::MeasureResidual => Some(Input::Residual { norm: self.replica.kept_norm() }),
            Action::Join { .. }
            | Action::Attend { .. }
            | Action::Prepare { .. }
            | Action::Report { .. }
            | Action::Look { .. }
            | Action::StartGrace
            | Action::Leave { .. }
            | Action::End(_) => None,
        })
    }

    /// Prepares model and data for a round.
    fn begin(&mut self, assignment: Assignment) -> Result<Input, Error> {
        let Assignment { leases, ahead, encoding, .. } = &assignment;
        let plan = self.around.dataset.plan();
        for lease in leases.iter().chain(ahead) {
            plan.check_lease(lease).map_err(|e| Error::Protocol(e.to_string()))?;
        }
        self.feed.expect(leases, ahead);
        self.replica.begin(assignment.strategy, encoding)?;
        // Digest of the parameters from which the round starts.
        let parameters_digest = assignment.digest.then(|| self.replica.digest());
        let brings = self.replica.member.contributed_frames(encoding);
        self.round = Round::new(assignment);
        Ok(Input::Begun { parameters_digest, brings })
    }

    /// Computes a batch and learns from it.
    async fn compute(&mut self, batch: Batch) -> Result<Input, Error> {
        let (lease, alone) = (batch.lease, batch.alone());
        self.doing.now(format!("computing {alone}"));
        let rate = self.rate(lease.source, batch.committed_frames, self.round.assignment.total_frames);
        let loaded = self.feed.batch(&lease, batch.index, &self.shape, self.device).await?;
        let planned_frames = self.around.dataset.plan().planned_frames(&alone);
        let Some(loaded) = loaded else { return Ok(Input::Computed { planned_frames, score: None }) };
        let (score, gradient_norm) = stentor_runtime::busy(|| self.replica.learn(&loaded, &alone, rate))?;
        self.round.last = Some((score, gradient_norm, rate));
        let score = BatchScore { sums: counted(score), gradient_norm };
        Ok(Input::Computed { planned_frames, score: Some(score) })
    }

    /// Records the batch that was computed last, which is not finite.
    async fn record_non_finite(&self, batch: Batch) {
        let (Some((score, norm, rate)), lease) = (self.round.last, batch.alone()) else { return };
        let Assignment { fence, slot, leases, .. } = &self.round.assignment;
        let poison = Poison {
            worker: &self.around.identity,
            lineage: fence.lineage,
            round: fence.round,
            slot: *slot,
            lease,
            leases,
            pieces: self.feed.pieces(&lease),
            loss: score.mean_loss().into(),
            penalty: score.penalty.into(),
            gradient_norm: norm.into(),
            learning_rate: rate.whole(),
            parameters_digest: format!("{:016x}", self.replica.digest()),
        };
        poison.keep(&self.around).await;
        metrics::non_finite(1, "loss");
        let (loss, penalty) = (score.mean_loss(), score.penalty);
        tracing::error!(%lease, loss, penalty, norm, "not finite: lower schedule.learning_rate, or check the data");
    }

    /// Encodes what was learned.
    fn encode(&mut self, encoding: &Encoding) -> Result<Input, Error> {
        self.round.compute = Some(self.round.phase.elapsed());
        self.round.phase = Instant::now();
        let ranges: Vec<_> = self.exchange.reducers().ranges().collect();
        self.round.coded = stentor_runtime::busy(|| self.replica.contribute(encoding, &ranges))?;
        self.round.encode = self.round.phase.elapsed();
        Ok(Input::Encoded(Encoded::from(&self.round.coded)))
    }

    /// Announces the contribution.
    fn contribute(&mut self, arrival: Arrival) {
        self.doing.now(format!("waiting for the update of round {}", arrival.fence.round));
        let Round { assignment, phase, compute, encode, bad_row_groups, contribution, .. } = &mut self.round;
        let compute = *compute.get_or_insert_with(|| phase.elapsed());
        if contribution.is_none() {
            *bad_row_groups = self.feed.bad(&assignment.leases);
        }
        *contribution = Some(arrival.clone());
        let header = v1::ContributionHeader {
            compute_s: compute.as_secs_f64(),
            encode_s: encode.as_secs_f64(),
            bad_row_groups: bad_row_groups.clone(),
            ..wire::contribution(&self.run_id, arrival)
        };
        self.exchange.contribute(header);
    }

    /// Applies the sums of the round that has closed.
    fn apply(&mut self, apply: Apply) -> Result<Input, Error> {
        let Apply { encoding, source, counted, frames, committed_frames, total_frames } = apply;
        let (sums, times) = self.exchange.take_sums();
        let rate = self.rate(source, committed_frames, total_frames);
        let started = Instant::now();
        stentor_runtime::busy(|| self.replica.apply(encoding, &sums, counted, frames, rate))?;
        let update_digest = update_digest(&sums);
        drop(sums);
        self.record(times, started.elapsed());
        Ok(Input::Applied { update_digest })
    }

    /// Writes this member's state for a checkpoint.
    async fn save(&self, checkpoint: &str, model: bool) -> Result<Input, Error> {
        let Surroundings { identity, run, .. } = &self.around;
        let written = state::save(&self.replica, run, checkpoint, identity, model, &self.doing).await?;
        Ok(Input::Saved { written })
    }

    /// Scores a share of the dev data.
    async fn score(&self, checkpoint: &str, share: (u32, u32)) -> Result<Input, Error> {
        let scoring = Scoring { replica: &self.replica, around: &self.around, doing: &self.doing };
        Ok(Input::Scored(scoring.score_share(checkpoint, share).await?))
    }

    /// Makes the reducers write their state for a checkpoint.
    async fn save_sums(&self, fence: Fence, checkpoint: &str) -> Result<Input, Error> {
        self.doing.now(format!("having the reducers write checkpoint {checkpoint}"));
        let fence = wire::fence(&self.run_id, fence);
        let written = self.exchange.reducers().save(&fence, checkpoint).await?;
        Ok(Input::Saved { written: written.into_iter().map(wire::written).collect() })
    }

    /// The report of a boundary, with this process's memory and traffic.
    pub(crate) fn report(&mut self, fence: Fence, report: Report) -> v1::BoundaryReport {
        v1::BoundaryReport {
            peak_rss_mb: stentor_runtime::peak_rss_mb(),
            session: self.exchange.session(),
            traffic: Some(self.exchange.take_traffic()),
            ..wire::report(&self.run_id, fence, report)
        }
    }

    /// Whether checkpoint `name` of the run is published.
    pub(crate) async fn is_published(&self, name: &str) -> Result<bool, Error> {
        Ok(stentor_checkpoint::is_published(&self.around.run, name).await?)
    }

    fn rate(&self, source: Source, committed: u64, total: u64) -> Rate {
        Rate::at(&self.around.experiment.schedule, self.two_sources, source, committed, total)
    }

    /// Records a round's phases and figures.
    fn record(&self, times: Times, apply: Duration) {
        let Round { assignment, began, compute, encode, contribution, .. } = &self.round;
        let phases = [
            (compute.unwrap_or_default(), metrics::Phase::Compute),
            (*encode, metrics::Phase::Encode),
            (times.send, metrics::Phase::Send),
            (times.wait, metrics::Phase::Wait),
            (times.fetch, metrics::Phase::Fetch),
            (apply, metrics::Phase::Apply),
        ];
        phases.into_iter().for_each(|(time, phase)| metrics::phase_time(time, phase));
        self.trace(assignment.fence, *began, &phases);
        let Some(contribution) = contribution else { return };
        metrics::residual_norm(contribution.residual_norm);
        metrics::gradient_norm(contribution.gradient_norm);
        for (&source, sums) in &contribution.by_source {
            metrics::frames(sums.count(FRAMES), source);
            let rate = self.rate(source, assignment.committed_frames, assignment.total_frames);
            metrics::learning_rate(rate.whole(), source);
        }
    }

    /// Records the consecutive phases of a round as spans of the round's trace.
    fn trace(&self, fence: Fence, began: SystemTime, phases: &[(Duration, metrics::Phase)]) {
        let Some(trace) = RoundTrace::of(&self.around.experiment.run.name, fence.lineage, fence.round) else {
            return;
        };
        let mut start = began;
        for (took, phase) in phases {
            let identity = Attribute::Text(self.around.identity.clone());
            trace.part(phase.name(), start, *took, [("stentor.identity", identity)]);
            start += *took;
        }
    }
}
