use crate::Error;
use crate::boundary::{Duties, Surroundings};
use crate::client::{Client, Doing};
use crate::end::{End, conclude};
use crate::exchange::{Exchange, Update};
use crate::feed::{self, Feed};
use crate::learned::Learned;
use crate::poison::{self, Poison};
use crate::reducers::Reducers;
use crate::replica::Replica;
use crate::run::Own;
use crate::{start, state};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use stentor_acoustic::{Device, ModelShape};
use stentor_dataset::Dataset;
use stentor_exchange::Encoding;
use stentor_exchange::strategy::{Coded, Rate};
use stentor_experiment::{Experiment, Membership, Source};
use stentor_plan::Lease;
use stentor_proto::v1;
use stentor_runtime::traces::{Attribute, RoundTrace};
use stentor_runtime::{Shutdown, metrics};
use stentor_scores::FRAMES;
use stentor_store::Store;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Rounds that a member stays after it was asked to stop, until its residual is in the model: one that may already
/// have begun, one in which it announces this, and one that sends the residual whole.
const FAREWELL_ROUNDS: u32 = 3;

/// The rounds of one membership, from joining to dismissal.
pub(crate) struct Session<'a> {
    client: &'a mut Client,
    exchange: Exchange,
    doing: &'a Doing,
    replica: Replica,
    feed: Feed,
    shape: ModelShape,
    device: Device,
    around: Surroundings,
    two_sources: bool,
    /// The run's last checkpoint, once the coordinator has said that no round follows.
    last: Arc<OnceLock<String>>,
    shutdown: Shutdown,
}

impl<'a> Session<'a> {
    /// Trains until the run is finished, a signal comes, or the membership ends.
    pub(crate) async fn train(
        client: &'a mut Client,
        own: Own<'_>,
        reply: v1::JoinReply,
        doing: &'a Doing,
        dismissed: &mut mpsc::Receiver<String>,
        shutdown: &Shutdown,
    ) -> Result<End, Error> {
        // A counter exists only after its first record: recording 0 makes its first increase visible.
        metrics::non_finite(0, "loss");
        metrics::retries(0, feed::READ);
        let mut assignment = stentor_proto::required(reply.assignment.clone(), "assignment")?;
        doing.now("loading data and model".into());
        let mut session = Self::prepare(client, own, &reply, doing, shutdown).await?;
        let last = Arc::clone(&session.last);
        let mut farewell_rounds = 0;
        loop {
            let round = tokio::select! {
                round = session.round(assignment) => round,
                reason = dismissed.recv() => {
                    Err(Error::SessionOver(reason.unwrap_or_else(|| "dismissed".into())))
                }
            };
            // The coordinator may have ended before the last call is answered.
            if let (Some(last), Ok(None) | Err(Error::SessionOver(_))) = (last.get(), &round) {
                session.doing.now(format!("waiting until {last} is published"));
                return conclude(&session.around.run, last, round.err(), dismissed, shutdown).await;
            }
            match round? {
                None => return Ok(End::Finished),
                Some(next) => assignment = next,
            }
            if shutdown.is_requested() {
                farewell_rounds += 1;
                let lost_norm = session.lost_norm();
                if lost_norm == 0.0 || farewell_rounds == FAREWELL_ROUNDS {
                    return Ok(End::Shutdown { lost_norm });
                }
            }
        }
    }

    async fn prepare(
        client: &'a mut Client,
        own: Own<'_>,
        reply: &v1::JoinReply,
        doing: &'a Doing,
        shutdown: &Shutdown,
    ) -> Result<Self, Error> {
        let experiment = Arc::new(Experiment::parse(&reply.experiment_toml)?);
        let Own { identity, device, cache } = own;
        let run = Store::open(&reply.run_url)?;
        let dataset = Dataset::open_cached(&experiment, cache).await?;
        let dataset = Arc::new(start::seen_by_the_model(dataset, &run, &experiment).await?);
        let shape = ModelShape::new(
            &experiment.model.architecture,
            dataset.manifest().dimension,
            dataset.senones().len(),
        )?;
        let model = stentor_acoustic::build(&shape, experiment.run.seed, device)?;
        let assignment = stentor_proto::required(reply.assignment.as_ref(), "assignment")?;
        let strategy = stentor_proto::strategy(assignment.strategy)?;
        if reply.checkpoint.is_empty() {
            // Before the replica is created, because block momentum starts from the parameters at that moment.
            start::load(model.as_ref(), &run, &experiment).await?;
        }
        let mut replica = Replica::new(model, &experiment, strategy);
        if !reply.checkpoint.is_empty() {
            state::load(&mut replica, &run, &reply.checkpoint, identity).await?;
            tracing::info!(checkpoint = reply.checkpoint, "loaded");
        }
        let reducers =
            Reducers::new(client.url(), &experiment.exchange.reducers, client.connector(), replica.len())?;
        let exchange = Exchange::new(client.clone(), reducers, &experiment, &reply.checkpoint);
        let feed = Feed::new(Arc::clone(&dataset), Arc::clone(&experiment));
        let two_sources = dataset.part(Source::MachineLabeled).is_some();
        let around = Surroundings { identity: identity.to_owned(), run, dataset, experiment };
        Ok(Self {
            client,
            exchange,
            doing,
            replica,
            feed,
            shape,
            device,
            around,
            two_sources,
            last: Arc::default(),
            shutdown: shutdown.clone(),
        })
    }

    /// One round: batches, exchange, update, boundary. Returns the next assignment, or `None` when the run is
    /// finished.
    async fn round(&mut self, assignment: v1::Assignment) -> Result<Option<v1::Assignment>, Error> {
        let fence = stentor_proto::required(assignment.fence.clone(), "fence")?;
        let encoding = stentor_proto::encoding(assignment.encoding)?;
        let leases = self.checked(&assignment.leases)?;
        let ahead = self.checked(&assignment.ahead)?;
        self.feed.expect(&leases, &ahead);
        self.replica.begin(stentor_proto::strategy(assignment.strategy)?, &encoding)?;
        // Of the parameters that the round starts from.
        let parameters_digest = assignment.digest.then(|| self.replica.digest());

        let (began, started) = (SystemTime::now(), Instant::now());
        let mut learned = self.learn(&assignment, &leases).await?;
        let compute = started.elapsed();

        let started = Instant::now();
        let coded = self.code(&assignment, &encoding, &mut learned)?;
        let encode = started.elapsed();
        self.doing.now(format!("waiting for the update of round {}", fence.round));
        let header = v1::ContributionHeader {
            identity: self.around.identity.clone(),
            slot: assignment.slot,
            frames: learned.frames,
            sums: stentor_proto::sum_messages(&learned.sums),
            gradient_norm: learned.gradient_norm,
            suggested_tau: coded.suggested_tau,
            values_sent: coded.values_sent,
            residual_norm: coded.residual_norm,
            parameters_digest,
            compute_s: compute.as_secs_f64(),
            encode_s: encode.as_secs_f64(),
            bad_row_groups: self.feed.bad(&leases),
            leaving: self.shutdown.is_requested(),
            by_source: learned.source_sums(),
            ..Default::default()
        };
        let Update { header, sums, spoke, send, wait, fetch } =
            self.exchange.run(&assignment, header, &coded).await?;

        let encoding = stentor_proto::encoding(header.encoding)?;
        let source = stentor_proto::source(header.source)?;
        let counted = spoke && header.contributors.contains(&assignment.slot);
        let rate = self.rate(source, assignment.committed_frames, assignment.total_frames);
        let started = Instant::now();
        stentor_runtime::busy(|| self.replica.apply(encoding, &sums, counted, header.frames, rate))?;
        drop(sums);
        let phases = [
            (compute, metrics::Phase::Compute),
            (encode, metrics::Phase::Encode),
            (send, metrics::Phase::Send),
            (wait, metrics::Phase::Wait),
            (fetch, metrics::Phase::Fetch),
            (started.elapsed(), metrics::Phase::Apply),
        ];
        phases.into_iter().for_each(|(time, phase)| metrics::phase_time(time, phase));
        self.trace(&fence, began, &phases);
        metrics::residual_norm(coded.residual_norm);
        metrics::gradient_norm(learned.gradient_norm);
        for (&source, sums) in &learned.by_source {
            metrics::frames(sums.count(FRAMES), source);
            let (committed, total) = (assignment.committed_frames, assignment.total_frames);
            metrics::learning_rate(self.rate(source, committed, total).whole(), source);
        }
        if let (None, Some(boundary)) = (&header.next, &header.boundary) {
            // Set only once in a session.
            let _ = self.last.set(boundary.checkpoint.clone());
        }
        if let Some(boundary) = header.boundary {
            self.boundary(fence, &boundary).await?;
        }
        Ok(header.next)
    }

    /// Records the consecutive phases of a round as spans of the round's trace.
    fn trace(&self, fence: &v1::Fence, began: SystemTime, phases: &[(Duration, metrics::Phase)]) {
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

    /// Encodes the result of the round's batches. In a group exchange one member of each group sends what the whole
    /// group has learned since the last one; the others encode the same, because they may have to send it if that
    /// member is lost.
    fn code(
        &mut self,
        assignment: &v1::Assignment,
        encoding: &Encoding,
        learned: &mut Learned,
    ) -> Result<Coded, Error> {
        if assignment.leases.is_empty() {
            learned.frames = self.replica.member.brings(encoding);
        }
        if learned.frames == 0 {
            return Ok(Coded::default());
        }
        let ranges: Vec<_> = self.exchange.reducers().ranges().collect();
        stentor_runtime::busy(|| self.replica.contribute(encoding, &ranges))
    }

    /// Computes the batches of the leases, one after the other.
    async fn learn(&mut self, assignment: &v1::Assignment, leases: &[Lease]) -> Result<Learned, Error> {
        let mut learned = Learned::default();
        // Position in the schedule within a block: every member is assumed to have done as much as this one.
        let mut clock = assignment.committed_frames;
        for lease in leases {
            for index in 0..lease.batches {
                let one = Lease { first_batch: lease.first_batch + index, batches: 1, ..*lease };
                self.doing.now(format!("computing {one}"));
                let rate = self.rate(lease.source, clock, assignment.total_frames);
                let batch = self.feed.batch(lease, index, &self.shape, self.device).await?;
                clock += u64::from(assignment.members) * self.around.dataset.plan().planned_frames(&one);
                let Some(batch) = batch else { continue };
                let (score, norm) = stentor_runtime::busy(|| self.replica.learn(&batch, &one, rate))?;
                if !(score.is_finite() && norm.is_finite()) {
                    let (lineage, round) = poison::place(assignment);
                    let poison = Poison {
                        worker: &self.around.identity,
                        lineage,
                        round,
                        slot: assignment.slot,
                        lease: one,
                        leases,
                        pieces: self.feed.pieces(&one),
                        loss: score.mean_loss().into(),
                        gradient_norm: norm.into(),
                        learning_rate: rate.whole(),
                        parameters_digest: format!("{:016x}", self.replica.digest()),
                    };
                    poison.keep(&self.around).await;
                }
                if !learned.add(&one, score, norm) {
                    return Ok(learned);
                }
            }
        }
        Ok(learned)
    }

    fn rate(&self, source: Source, committed: u64, total: u64) -> Rate {
        Rate::at(&self.around.experiment.schedule, self.two_sources, source, committed, total)
    }

    async fn boundary(&mut self, fence: v1::Fence, boundary: &v1::Boundary) -> Result<(), Error> {
        if boundary.checkpoint.is_empty() {
            return Ok(());
        }
        let duties = Duties { replica: &self.replica, around: &self.around, doing: self.doing };
        let mut report = duties.fulfil(fence.clone(), boundary).await?;
        if boundary.writes_model {
            self.doing.now(format!("having the reducers write checkpoint {}", boundary.checkpoint));
            report.written.extend(self.exchange.reducers().save(&fence, &boundary.checkpoint).await?);
        }
        report.traffic = Some(self.exchange.take_traffic());
        self.client.report(report).await
    }

    /// The residual that is lost if this member leaves now, as a 2-norm. In `fixed` nothing is lost: the run falls
    /// back to a checkpoint that contains the residual.
    fn lost_norm(&self) -> f64 {
        match self.around.experiment.cluster.membership {
            Membership::Fixed => 0.0,
            Membership::Elastic => self.replica.kept_norm(),
        }
    }

    fn checked(&self, leases: &[v1::Lease]) -> Result<Vec<Lease>, Error> {
        leases
            .iter()
            .map(|lease| {
                let lease = Lease::try_from(*lease)?;
                self.around.dataset.plan().check_lease(&lease).map_err(|e| Error::Protocol(e.to_string()))?;
                Ok(lease)
            })
            .collect()
    }
}
