//! `stentor relabel`: a model's labels, refined by a lexicon and a language model.

mod figures;
mod mixing;
mod models;
#[cfg(test)]
mod tests;

use crate::apart::Files;
use crate::audio_bar::audio_bar;
use crate::exit::{Meaning, stopped};
use crate::json_file::JsonFile;
use crate::labeled::{Labeled, posteriors};
use crate::material::{LexiconFile, count_alignments};
use crate::number::whole;
use crate::parallel::Threads;
use anyhow::{Context, Result, anyhow};
use figures::{Agreement, Figures};
use models::{Fold, Models};
use std::path::PathBuf;
use std::time::Instant;
use stentor_prepare::fold;
use stentor_recogniser::{Occupancy, Unoccupied};
use stentor_runtime::{ExitStatus, Shutdown};
use stentor_shards::{Claim, FeatureRow, FeatureSet, LabelJob, LabelRow};
use stentor_store::Store;

/// What a restart does after a signal.
const AGAIN: &str = "start again to continue: complete shards stay";

/// Refine a model's labels of unannotated audio by what is known about words. A label of an acoustic model knows only the sound around
/// its frame. This command recognises each utterance with a lexicon and a language model, draws word sequences with their probability
/// in the lattice, aligns them, and mixes the share of the alignments that have a senone at a frame into the model's own label.
/// Students then learn what the language model knows, too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Feature shards that the labels are of. With alignments (dev), the summary says how right the labels were before and after.
    #[arg(long, value_name = "SET")]
    features: String,
    /// Label shards of the model for `--features`, as `stentor label` writes them.
    #[arg(long, value_name = "SET")]
    labels: String,
    /// Folder for the refined labels. Shards that are complete there are kept.
    #[arg(long, value_name = "SET")]
    out: String,
    /// Annotated feature shards of the model's training set: priors of its outputs and durations of phones are counted in their
    /// alignments.
    #[arg(long, value_name = "SET")]
    train_features: String,
    #[command(flatten)]
    lexicon: LexiconFile,
    /// Language model: an ARPA file. With N files, the k-th is for the groups of fold k of N, and must not have been estimated from
    /// their texts (`stentor lm text --without-fold k/N`).
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    lm: Vec<PathBuf>,
    /// Scales and limits of the search, as `stentor recognise --out` writes them, in place of the defaults.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Share of the words in a label, 0 to 1; the rest is the model's own.
    #[arg(long, value_name = "X", default_value_t = 0.5, value_parser = share)]
    share: f64,
    /// Word sequences drawn for each utterance, 1 to 1024. More of them are slower and vary less.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = whole::<u32>(1..=1024))]
    draws: u32,
    /// Seed of the draws.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u64>(..))]
    seed: u64,
    /// Refine only every `--of`-th shard, starting with this one, so that several machines can share the work.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<usize>(..))]
    index: usize,
    /// Number of machines that share the work.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>(1..))]
    of: usize,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Threads, at most 1024; 0 means all cores. The labels do not depend on it.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<usize>(..=1024))]
    threads: usize,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

impl Args {
    fn files(&self) -> Files {
        let Self { features, labels, out, train_features, lexicon, lm, settings, json, .. } = self;
        Files::default()
            .reads("--features", [features])
            .reads("--labels", [labels])
            .reads("--train-features", [train_features])
            .reads("--lexicon", [&lexicon.path])
            .reads("--lm", lm)
            .reads("--settings", settings)
            .writes("--out", [out])
            .writes("--json", json)
    }
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    if arguments.index >= arguments.of {
        let (index, of) = (arguments.index, arguments.of);
        return Err(anyhow!("expected --index below --of, found part {index} of {of}"))
            .meaning(ExitStatus::Config);
    }
    arguments.files().check_apart()?;
    let json = JsonFile::at(arguments.json.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the I/O runtime")?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build();
    let pool = pool.context("cannot start the threads of the search")?;
    let shutdown = Shutdown::listen();
    let threads = Threads { pool: &pool, shutdown: &shutdown, again: AGAIN };
    let figures = runtime.block_on(relabel(arguments, threads))?;
    json.write(&figures)?;
    stentor_runtime::out!("{}", figures.text(&arguments.out));
    Ok(())
}

async fn relabel(arguments: &Args, threads: Threads<'_>) -> Result<Figures> {
    let Args { features, labels, out, train_features, share, draws, seed, .. } = arguments;
    let started = Instant::now();
    let set = open(features).await?;
    let train = open(train_features).await?;
    crate::labeled::check_same_senones(train_features, train.manifest(), set.manifest())?;
    let statistics = count_alignments(&train).await.with_context(|| train_features.clone())?;
    let models = Models::read(&set, arguments, statistics).await?;
    let labeled = Labeled::open(set, labels).await?;
    let model = &labeled.labels().teacher_fingerprint;
    let mut figures = Figures {
        features_fingerprint: labeled.features().fingerprint.clone(),
        model_fingerprint: model.clone(),
        refined_fingerprint: models.fingerprint(model, arguments)?,
        share: *share,
        draws: *draws,
        seed: *seed,
        folds: models.folds.len(),
        ..Figures::default()
    };
    let refined = &figures.refined_fingerprint;
    let top_k = labeled.labels().top_k;
    let job = match LabelJob::claim(Store::open(out)?, refined, labeled.features(), top_k).await? {
        Claim::Ours(job) => job,
        Claim::Others(found) => {
            let what = "expected an empty folder or labels that were refined with the same files and options";
            return Err(anyhow!("{out}: {what}, found labels of {found}; name another folder"))
                .meaning(ExitStatus::Config);
        }
    };
    let refining = Refining { arguments, models: &models, top_k };
    let frame_ms = u64::from(labeled.features().settings.frame_ms());
    let shards = &labeled.features().shards;
    let of_job = (arguments.index..shards.len()).step_by(arguments.of);
    let bar =
        audio_bar("relabel", of_job.clone().map(|shard| shards[shard].frames()).sum::<u64>() * frame_ms);
    for shard in of_job {
        if job.has(shard).await? {
            figures.shards_found += 1;
            bar.inc(shards[shard].frames() * frame_ms);
            continue;
        }
        let mut groups = Vec::with_capacity(shards[shard].row_groups.len());
        for row_group in 0..shards[shard].row_groups.len() {
            let rows = labeled.read_with((shard, row_group), &[]).await?;
            let refined = threads.each(rows, |((row, _), labels)| {
                let frames = labels.frames() as u64;
                let refined = refining.utterance(&row, labels);
                bar.inc(frames * frame_ms);
                refined
            });
            let mut group = Vec::new();
            for (labels, counts) in refined.with_context(|| labeled.location().to_owned())? {
                figures.add(&counts);
                group.push(labels);
            }
            groups.push(group);
        }
        job.publish(shard, &groups).await?;
        if threads.shutdown.is_requested() {
            return Err(stopped(AGAIN));
        }
    }
    bar.finish_and_clear();
    figures.fingerprint = job.conclude().await?.1.map(|manifest| manifest.fingerprint);
    figures.seconds = started.elapsed().as_secs_f64();
    Ok(figures)
}

/// How utterances are refined.
struct Refining<'a> {
    arguments: &'a Args,
    models: &'a Models,
    top_k: usize,
}

impl Refining<'_> {
    /// The refined labels of an utterance, and its counts.
    fn utterance(&self, row: &FeatureRow, labels: LabelRow) -> Result<(LabelRow, Figures)> {
        let Models { folds, aligner, lexicon } = self.models;
        let Fold { recogniser } = &folds[fold(&row.group, folds.len())];
        let Args { draws, seed, share, .. } = self.arguments;
        let as_before = labels.clone();
        let posteriors = posteriors(labels, recogniser.outputs())?;
        let mut frame = |frame: usize, row: &mut [f32]| posteriors.log_into(frame, row);
        // The order of utterances and their distribution over machines change nothing.
        let name = blake3::hash(row.utterance.as_bytes());
        let of_name = name.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let drawn = stentor_random::mix(*seed ^ of_name);
        let occupancy = Occupancy::new(recogniser, aligner, lexicon, *draws);
        let found = occupancy.of(posteriors.frames(), &mut frame, drawn);
        let found = found.with_context(|| row.utterance.clone())?;
        let mut counts = Figures { utterances: 1, frames: posteriors.frames() as u64, ..Figures::default() };
        let refined = match found {
            Ok(occupied) => {
                counts.alignments = occupied.alignments.len() as u64;
                mixing::mix(row.utterance.clone(), &posteriors, &occupied, *share as f32, self.top_k)
            }
            Err(Unoccupied::NoPath) => {
                counts.no_path = 1;
                as_before
            }
            Err(Unoccupied::NoAlignment) => {
                counts.no_alignment = 1;
                as_before
            }
        };
        if let Some(alignment) = &row.alignment {
            counts.before = Agreement::of(&posteriors, alignment);
            let refined = crate::labeled::posteriors(refined.clone(), recogniser.outputs())?;
            counts.after = Agreement::of(&refined, alignment);
        }
        Ok((refined, counts))
    }
}

async fn open(location: &str) -> Result<FeatureSet> {
    Ok(FeatureSet::open(&Store::open(location)?).await?)
}
