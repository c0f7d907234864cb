use crate::lanes::Lanes;
use crate::{Error, Options};
use serde::Serialize;
use std::time::Instant;
use stentor_acoustic::Device;
use stentor_runtime::{FiguresFile, Shutdown, metrics};
use stentor_shards::{Claim, FeatureSet, LabelJob, ShardInfo};
use stentor_store::Store;

/// The figures of a finished job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Frames labeled by this process.
    pub frames: u64,
    /// Time for reading, labeling and writing them, in seconds.
    pub seconds: f64,
    /// `frames` divided by `seconds`.
    pub frames_per_s: f64,
    /// Hours of audio labeled in a second.
    pub audio_hours_per_s: f64,
    /// Size of the whole label set so far.
    pub bytes: u64,
    /// `bytes` divided by the frames of the whole label set so far.
    pub bytes_per_frame: f64,
    /// Peak resident memory, MB.
    pub peak_rss_mb: f64,
    /// Shards that had been labeled before.
    pub shards_found: usize,
}

/// Labels this job's share of the shards.
///
/// # Errors
/// Any [`Error`]; shards that were published before it stay, and are not labeled again.
pub async fn run(options: &Options, shutdown: &Shutdown) -> Result<Figures, Error> {
    if options.of == 0 || options.index >= options.of {
        let found = format!("part {} of {}", options.index, options.of);
        return Err(Error::Options { expected: "--index below --of", found });
    }
    if options.top_k == 0 {
        return Err(Error::Options { expected: "--top-k of at least 1", found: "0".into() });
    }
    let no_figures = |source| {
        let path = options.json.iter().map(|path| path.display().to_string()).collect();
        Error::Figures { path, source }
    };
    // Before the work: a typing error must not cost its figures.
    let figures_file = options.json.as_deref().map(FiguresFile::at).transpose().map_err(no_figures)?;
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let chosen = stentor_acoustic::choose_device(&options.device)?;
    // Row groups are labeled in parallel, each on one thread: this needs no barriers, and gives the same bytes for any
    // number of threads. A GPU is one lane.
    let lanes = if chosen.device == Device::Cpu { threads } else { 1 };
    stentor_acoustic::set_threads(1)?;
    tracing::info!(device = ?chosen.device, why = chosen.why, lanes, "ready");

    let cache = options.cache();
    let features = FeatureSet::open(&Store::open_cached(&options.features, cache.as_ref())?).await?;
    let manifest = features.manifest();
    let trust = options.trust()?;
    let teacher =
        Lanes::load(lanes, &options.model, trust.as_ref(), manifest, &options.features, chosen.device);
    let mut teacher = teacher.await?;
    let top_k = options.top_k.min(teacher.senones());
    let claim = LabelJob::claim(Store::open(&options.out)?, teacher.fingerprint(), manifest, top_k).await?;
    let job = match claim {
        Claim::Ours(job) => job,
        Claim::Others(found) => return Err(Error::OtherJob { out: options.out.clone(), found }),
    };

    stentor_runtime::is_now(stentor_runtime::Readiness::Ready);
    stentor_runtime::watch_disk("labels", &options.out);
    metrics::labeled_frames(0);
    let started = Instant::now();
    let (mut frames, mut found) = (0, 0);
    let mut bad = Vec::new();
    let total = manifest.shards.len();
    for shard in (options.index..total).step_by(options.of) {
        if job.has(shard).await? {
            found += 1;
            continue;
        }
        if shutdown.is_requested() {
            return Err(Error::Stopped);
        }
        let info = match label_shard(&features, shard, &mut teacher, top_k, &job).await? {
            Ok(info) => info,
            Err(found) => {
                tracing::error!(shard, of = total, bad = found.len(), "shard left unlabeled");
                bad.extend(found);
                continue;
            }
        };
        frames += info.frames();
        metrics::labeled_frames(info.frames());
        metrics::labeling_progress((shard + 1) as f64 / total as f64);
        tracing::info!(shard, of = total, frames = info.frames(), bytes = info.bytes, "shard labeled");
    }
    if !bad.is_empty() {
        return Err(Error::BadFeatures { row_groups: bad });
    }
    let (infos, published) = job.conclude().await?;
    if published.is_some() {
        tracing::info!(out = options.out, "label set complete");
    }
    let bytes = infos.iter().map(|i| i.bytes).sum();
    let published: u64 = infos.iter().map(ShardInfo::frames).sum();
    let seconds = started.elapsed().as_secs_f64();
    let hours = frames as f64 * f64::from(manifest.settings.frame_ms()) / 3.6e6;
    let figures = Figures {
        frames,
        seconds,
        frames_per_s: frames as f64 / seconds,
        audio_hours_per_s: hours / seconds,
        bytes,
        bytes_per_frame: bytes as f64 / published.max(1) as f64,
        peak_rss_mb: stentor_runtime::peak_rss_mb(),
        shards_found: found,
    };
    if let Some(file) = &figures_file {
        let json = serde_json::to_vec_pretty(&figures).unwrap_or_default();
        file.write(&json).map_err(no_figures)?;
    }
    Ok(figures)
}

/// Labels and publishes a shard. If row groups of it cannot be labeled, returns what is wrong with each and publishes
/// nothing.
async fn label_shard(
    features: &FeatureSet,
    shard: usize,
    teacher: &mut Lanes,
    top_k: usize,
    job: &LabelJob<'_>,
) -> Result<Result<ShardInfo, Vec<String>>, Error> {
    let groups = features.manifest().shards[shard].row_groups.len();
    let (mut labeled, mut bad) = (Vec::with_capacity(groups), Vec::new());
    for first in (0..groups).step_by(teacher.len()) {
        let mut wave = Vec::with_capacity(teacher.len());
        for group in (first..groups).take(teacher.len()) {
            match features.read(shard, group).await {
                Ok(rows) => wave.push(rows),
                // Continue with the other row groups, so that the error lists everything that must be repaired.
                Err(problem) if problem.is_bad_data() => bad.push(problem.to_string()),
                Err(problem) => return Err(problem.into()),
            }
        }
        if bad.is_empty() {
            labeled.extend(tokio::task::block_in_place(|| teacher.label(&wave, top_k))?);
        }
    }
    if !bad.is_empty() {
        return Ok(Err(bad));
    }
    Ok(Ok(job.publish(shard, &labeled).await?))
}
