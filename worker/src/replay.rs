use crate::Error;
use crate::feed::Feed;
use crate::figure::Figure;
use crate::replica::Replica;
use crate::{start, state};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use std::sync::Arc;
use stentor_acoustic::ModelShape;
use stentor_checkpoint::Proof;
use stentor_dataset::Dataset;
use stentor_exchange::strategy::Rate;
use stentor_exchange::{Deltas, Encoding, digest_f32};
use stentor_experiment::{Experiment, Source, Strategy};
use stentor_plan::Lease;
use stentor_shards::Normalisation;
use stentor_store::Store;

/// One member's batches of a closed round, to compute again without a coordinator.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// Folder or URL of the run.
    #[arg(long, value_name = "RUN")]
    pub run: String,
    /// Checkpoint whose parameters to use; without it, those that the run started from.
    #[arg(long, value_name = "NAME")]
    pub checkpoint: Option<String>,
    /// Member whose optimiser to use, if each member has its own.
    #[arg(long, default_value = "nobody", value_name = "NAME")]
    pub identity: String,
    /// The batches, as leases are written in the event log: a JSON list.
    #[arg(long, value_name = "JSON")]
    pub leases: String,
    /// Strategy in force: `dense`, `gtc`, `bmuf` or `two-tier`.
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: String,
    /// Block momentum of the round, which determines the look-ahead point.
    #[arg(long, value_name = "ETA")]
    pub block_momentum: Option<f64>,
    /// Frames committed before the round; the learning-rate schedule depends on them.
    #[arg(long, default_value_t = 0, value_name = "FRAMES")]
    pub committed_frames: u64,
    /// Number of members of the round.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub members: u32,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Threads for arithmetic, at most 1024; bits depend on their number. 0 means all cores.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(..=1024))]
    pub threads: usize,
}

/// The results of the batches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// Digest of the parameters before the first batch, hexadecimal.
    pub parameters_digest: String,
    /// The batches in order.
    pub batches: Vec<ReplayedBatch>,
    /// Frames of all batches.
    pub frames: u64,
    /// Sum over frames of the loss, in nats.
    pub loss_sum: f64,
    /// Quarantined row groups of the batches' units, and why.
    pub set_aside: Vec<String>,
}

/// The result of one batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayedBatch {
    /// The batch.
    pub lease: Lease,
    /// Utterances with pieces in the batch, in the order of its rows.
    pub utterances: Vec<String>,
    /// Number of frames that count; an empty batch has none.
    pub frames: u64,
    /// Nats per frame. If it is not finite, JSON has no number for it, and it is text.
    pub loss: Figure,
    /// 2-norm of the gradient before clipping.
    pub gradient_norm: Figure,
    /// Digest of the gradient after clipping, hexadecimal; times the source's factor if it is thresholded after this
    /// scaling.
    pub gradient_digest: String,
}

/// Computes the batches again, one after the other, as the member did: from the same parameters, and at the same point
/// of the schedule. Exchanges nothing and writes nothing.
///
/// # Errors
/// Any [`Error`] except those of a connection. A loss that is not finite is not an error.
pub async fn replay(replay: &Replay) -> Result<Replayed, Error> {
    let chosen = stentor_acoustic::choose_device(&replay.device)?;
    stentor_acoustic::set_threads(crate::threads::threads(replay.threads))?;
    let leases: Vec<Lease> = serde_json::from_str(&replay.leases)
        .map_err(|e| Error::Request(format!("--leases: expected a JSON list of leases: {e}")))?;
    let strategy: Strategy = serde_json::from_value(replay.strategy.clone().into())
        .map_err(|e| Error::Request(format!("--strategy: {e}")))?;
    let run = Store::open(&replay.run)?;
    let text = run.get("experiment.toml").await?;
    let experiment = Arc::new(Experiment::parse(&String::from_utf8_lossy(&text))?);
    let dataset = Dataset::open(&experiment).await?;
    let dataset = Arc::new(seen_by_the_model(dataset, &run, &experiment, replay).await?);
    for lease in &leases {
        dataset.plan().check_lease(lease).map_err(|e| Error::Request(e.to_string()))?;
    }
    let shape = ModelShape::new(
        &experiment.model.architecture,
        dataset.manifest().dimension,
        dataset.senones().len(),
    )?;
    let model = stentor_acoustic::build(&shape, experiment.run.seed, chosen.device)?;
    if replay.checkpoint.is_none() {
        start::load(model.as_ref(), &run, &experiment, Proof::None).await?;
    }
    let mut replica = Replica::new(model, &experiment, strategy);
    if let Some(checkpoint) = &replay.checkpoint {
        state::load(&mut replica, &run, checkpoint, &replay.identity, Proof::None).await?;
    }
    replica.begin(strategy, &encoding(replay.block_momentum))?;
    let mut replayed = Replayed {
        parameters_digest: hexadecimal(replica.digest()),
        batches: Vec::new(),
        frames: 0,
        loss_sum: 0.0,
        set_aside: Vec::new(),
    };
    let mut feed = Feed::new(Arc::clone(&dataset), Arc::clone(&experiment));
    feed.expect(&leases, &[]);
    let two_sources = dataset.part(Source::MachineLabeled).is_some();
    let total = dataset.plan().total_frames();
    let mut clock = replay.committed_frames;
    for lease in &leases {
        for index in 0..lease.batches {
            let one = Lease { first_batch: lease.first_batch + index, batches: 1, ..*lease };
            let rate = Rate::at(&experiment.schedule, two_sources, lease.source, clock, total);
            let batch = feed.batch(lease, index, &shape, chosen.device).await?;
            clock += u64::from(replay.members) * dataset.plan().planned_frames(&one);
            let (mut frames, mut loss, mut norm) = (0, 0.0, 0.0);
            let mut gradient_digest = String::new();
            if let Some(batch) = batch {
                let (score, gradient) = replica.learn(&batch, &one, rate)?;
                (frames, loss, norm) = (score.frames as u64, score.loss, gradient);
                gradient_digest = hexadecimal(replica.parameters().with_host_gradient(digest_f32));
            }
            replayed.frames += frames;
            replayed.loss_sum += loss;
            replayed.batches.push(ReplayedBatch {
                lease: one,
                utterances: feed.pieces(&one).into_iter().map(|piece| piece.utterance).collect(),
                frames,
                loss: (loss / frames.max(1) as f64).into(),
                gradient_norm: norm.into(),
                gradient_digest,
            });
        }
    }
    replayed.set_aside = feed.bad(&leases).into_iter().map(|bad| bad.reason).collect();
    Ok(replayed)
}

/// The data with the normalisation of the run's model: that of its checkpoints if one exists, otherwise that of the
/// model that the run started from.
async fn seen_by_the_model(
    dataset: Dataset,
    run: &Store,
    experiment: &Experiment,
    replay: &Replay,
) -> Result<Dataset, Error> {
    let manifest = match &replay.checkpoint {
        Some(name) => Some(stentor_checkpoint::read_manifest(run, name).await?),
        None => stentor_checkpoint::newest_valid(run).await?.manifest,
    };
    match manifest.and_then(|manifest| manifest.normalisation) {
        Some(own) => Ok(dataset.seen_with(Normalisation { mean: own.mean, std: own.std })),
        None => start::seen_by_the_model(dataset, run, experiment, Proof::None).await,
    }
}

/// What the round asked for, as far as it matters before the batches: a block looks ahead with its own momentum.
fn encoding(block_momentum: Option<f64>) -> Encoding {
    match block_momentum {
        Some(momentum) => {
            Encoding::Block { momentum, learning_rate: 1.0, deltas: Deltas::Model, density: 0.0 }
        }
        None => Encoding::Dense { density: 0.0 },
    }
}

fn hexadecimal(digest: u64) -> String {
    format!("{digest:016x}")
}
