//! `stentor prepare`: from audio, texts and alignments to feature sets.
//!
//! The stages, each streaming and on all cores:
//!
//! 1. *scan*: every recording's header, for rates and lengths;
//! 2. *split*: groups (or speakers, or utterances) are dealt to the sets by time, with a recorded seed;
//! 3. *align*: the aligner runs over annotated, dev and test. The unannotated part is never aligned, its texts are
//!    never read;
//! 4. *features*: decode, resample, filter bank, stack, label, write; mean and variance of the training audio on the way.
//!
//! Memory holds the corpus's tables, one shard per set, and a bounded number of recordings' frames, never the audio.
//! Everything that comes out is a function of corpus, settings and seed, whatever the number of threads.
//! A run that was interrupted is run again: answers of the aligner are kept, finished output is recognised.

mod aligner;
mod alignments;
mod bad;
mod clips;
mod features;
mod inventory;
mod memo;
mod ordered;
mod progress;
mod random;
mod scan;
mod settings;
mod shuffle;
mod split;
mod summary;
mod words;
mod work;

pub(crate) use settings::Args;

use crate::exit::Meaning;
use alignments::{AlignerRun, Alignments, Found};
use anyhow::{Context, anyhow, bail};
use bad::BadFiles;
use inventory::Inventory;
use scan::Scan;
use serde_json::json;
use settings::{Settings, Source};
use split::{Candidate, Set, Split, SplitBy, split};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use stentor_audio::{Ctm, DataDirectory, Fbank, Normaliser};
use stentor_runtime::ExitStatus;
use stentor_shards::{FeatureManifest, FeatureSetOptions, FeatureWriter, MANIFEST, Normalisation};
use stentor_store::Store;
use summary::{LeftOut, Reason, SetSummary, Summary};
use tokio::runtime::Runtime;
use work::Work;

/// Published when all sets are: the summary of the run.
const SUMMARY: &str = "prepare.json";

/// Prepares a corpus; prints a summary.
///
/// # Errors
/// Whatever is wrong with arguments, corpus, aligner or output folder.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let settings = Settings::resolve(args).meaning(ExitStatus::Config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let summary = prepare(&settings, &runtime)?;
    println!("{summary}");
    if let Some(path) = &settings.json {
        std::fs::write(path, serde_json::to_vec_pretty(&summary)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Wall-clock time of each stage.
struct Stopwatch {
    last: Instant,
    seconds: BTreeMap<String, f64>,
}

impl Stopwatch {
    fn lap(&mut self, stage: &str) {
        self.seconds.insert(stage.to_owned(), self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
    }
}

fn prepare(settings: &Settings, runtime: &Runtime) -> anyhow::Result<Summary> {
    let mut watch = Stopwatch { last: Instant::now(), seconds: BTreeMap::new() };
    let data = DataDirectory::read(&settings.corpus)?;
    if data.unknown_lines > 0 {
        tracing::warn!(lines = data.unknown_lines, "lines of the tables name utterances that are not there");
    }
    let prepared = settings.fingerprint(&data)?;
    let out = settings.out.to_str().context("the output folder's name is not Unicode")?;
    let store = Store::open(out)?;
    if let Some(summary) = runtime.block_on(finished(&store, &prepared)) {
        eprintln!("{out}: this corpus was prepared before, with these settings; nothing is left to do");
        return Ok(summary);
    }
    if !settings.replace && runtime.block_on(holds_others(&store, &prepared)) {
        let problem = anyhow!(
            "{out} holds sets that were prepared from another corpus, with other settings or by another version; \
             labels and runs may depend on them. Choose another --out, or replace them with --replace"
        );
        return Err(problem).meaning(ExitStatus::Config);
    }
    runtime.block_on(clear(&store))?;

    let mut bad = BadFiles::new(data.recordings.len(), settings.max_bad);
    let mut left_out = LeftOut::default();
    let scan = Scan::run(&data, settings.threads, &mut bad)?;
    let nyquist_hz = scan.nyquist_hz().context("no recording can be read")?;
    let fbank = Fbank::new(&settings.features, nyquist_hz)?;
    watch.lap("scan");

    let (split_by, split) = deal(settings, &data, &scan)?;
    left_out.add_many(Reason::HeldOutWithoutText, split.held_out_without_text as u64);
    runtime.block_on(record_split(&store, settings, split_by, &split, &data, &scan))?;
    let work = Work { data: &data, scan: &scan, sets: &split.sets, seed: settings.seed };

    let alignments = align(settings, &work, &mut bad)?;
    let inventory = take_inventory(settings, &work, &alignments)?;
    watch.lap("align");

    let fbank_high_hz = fbank.high_hz();
    let recipe = features::Recipe {
        settings: &settings.features,
        fbank,
        alignments: &alignments,
        inventory: &inventory,
        shift: settings.shift,
        threads: settings.threads,
    };
    let mut writers = BTreeMap::new();
    for set in split.sets.iter().flatten().copied().collect::<BTreeSet<Set>>() {
        let options = FeatureSetOptions {
            row_group_frames: settings.row_group_frames,
            shard_frames: settings.shard_frames,
            ..FeatureSetOptions::new(settings.features.clone(), inventory.senones().to_vec(), nyquist_hz)
        };
        writers.insert(set, FeatureWriter::new(store.child(set.name()), options)?);
    }
    let jobs = work.jobs(|_, _| true);
    let gathered = features::make(&work, &jobs, &recipe, &mut writers, runtime, &mut bad, &mut left_out)?;
    if !gathered.rows.contains_key(&Set::Annotated) {
        bail!("no annotated utterance is left; left out are: {}", serde_json::to_string_pretty(&left_out)?);
    }
    let normaliser = Normaliser::from_moments(&gathered.moments)?;
    let manifests = runtime.block_on(publish(writers, &normaliser, settings, &prepared))?;
    watch.lap("features");

    let hours = |frames: u64| frames as f64 * f64::from(settings.features.frame_ms()) / 3.6e6;
    let written = |m: &FeatureManifest| SetSummary {
        utterances: m.utterances(),
        frames: m.frames(),
        hours: hours(m.frames()),
        shards: m.shards.len(),
        fingerprint: m.fingerprint.clone(),
    };
    let seconds_by_rate_hz = scan.seconds_by_rate();
    let corpus_hours = seconds_by_rate_hz.values().sum::<f64>() / 3_600.0;
    let made_hours: f64 = manifests.values().map(|m| hours(m.frames())).sum();
    let phones: BTreeSet<&str> = inventory.senones().iter().map(|s| s.phone.as_str()).collect();
    let summary = Summary {
        prepared,
        recordings: data.recordings.len(),
        utterances: data.utterances.len(),
        corpus_hours,
        seconds_by_rate_hz,
        corpus_nyquist_hz: nyquist_hz.min(fbank_high_hz),
        split_by,
        seed: settings.seed,
        sets: manifests.iter().map(|(set, m)| (*set, written(m))).collect(),
        left_out,
        bad_files: bad.reasons().clone(),
        senones: inventory.senones().len(),
        phones: phones.len(),
        nearest_state_frames: gathered.nearest_states,
        dead_dimensions: normaliser.dead,
        audio_hours_per_second: made_hours / watch.seconds["features"].max(1e-9),
        seconds: watch.seconds,
    };
    runtime.block_on(store.put(SUMMARY, serde_json::to_vec_pretty(&summary)?.into()))?;
    Ok(summary)
}

/// The summary of an earlier run with the same inputs, if its sets are all there.
async fn finished(store: &Store, prepared: &str) -> Option<Summary> {
    let summary: Summary = serde_json::from_slice(&store.get(SUMMARY).await.ok()?).ok()?;
    if summary.prepared != prepared {
        return None;
    }
    for (set, written) in &summary.sets {
        let manifest = FeatureManifest::load(&store.child(set.name())).await.ok()?;
        if manifest.fingerprint != written.fingerprint {
            return None;
        }
        for shard in &manifest.shards {
            if store.child(set.name()).size(&shard.file).await.ok()? != shard.bytes {
                return None;
            }
        }
    }
    Some(summary)
}

/// Whether other inputs were prepared here, to the end.
async fn holds_others(store: &Store, prepared: &str) -> bool {
    let Ok(bytes) = store.get(SUMMARY).await else { return false };
    serde_json::from_slice::<Summary>(&bytes).is_ok_and(|summary| summary.prepared != prepared)
}

/// Removes what an earlier run wrote, and nothing else: manifests first, so that no half-deleted set looks whole.
async fn clear(store: &Store) -> anyhow::Result<()> {
    store.delete(SUMMARY).await?;
    for set in Set::ALL {
        let folder = store.child(set.name());
        folder.delete(MANIFEST).await?;
        for name in folder.list("part-").await?.iter().filter(|name| name.ends_with(".parquet")) {
            folder.delete(name).await?;
        }
        folder.sweep("part-").await;
    }
    Ok(())
}

/// Deals utterances to sets: by group where groups are named, else by speaker if that comes close to the wanted
/// fractions, else one by one.
fn deal(settings: &Settings, data: &DataDirectory, scan: &Scan) -> anyhow::Result<(SplitBy, Split)> {
    let durations: Vec<_> = data.utterances.iter().map(|u| scan.duration(u)).collect();
    let attempt = |by: SplitBy| {
        let group = |u: &'_ stentor_audio::Utterance| match by {
            SplitBy::Group => u.group.clone(),
            SplitBy::Speaker => u.speaker.clone(),
            SplitBy::Utterance => None,
        };
        let names: Vec<String> =
            data.utterances.iter().map(|u| group(u).unwrap_or_else(|| u.id.clone())).collect();
        let usable = || durations.iter().enumerate().filter_map(|(i, d)| d.map(|duration| (i, duration)));
        let candidates: Vec<Candidate<'_>> = usable()
            .map(|(i, duration)| Candidate {
                group: &names[i],
                duration,
                has_text: data.utterances[i].text.is_some(),
            })
            .collect();
        let mut dealt = split(&candidates, &settings.fractions, settings.seed)?;
        let close = dealt.is_close(&settings.fractions, &candidates);
        let mut sets = vec![None; data.utterances.len()];
        for ((i, _), set) in usable().zip(&dealt.sets) {
            sets[i] = *set;
        }
        dealt.sets = sets;
        anyhow::Ok((dealt, close))
    };
    let (by, dealt, close) = if data.utterances.iter().any(|u| u.group.is_some()) {
        let (dealt, close) = attempt(SplitBy::Group)?;
        (SplitBy::Group, dealt, close)
    } else {
        let by_speaker =
            data.utterances.iter().any(|u| u.speaker.is_some()).then(|| attempt(SplitBy::Speaker));
        match by_speaker {
            Some(Ok((dealt, true))) => (SplitBy::Speaker, dealt, true),
            _ => {
                tracing::info!("too few speakers, or none known: the split is by utterance");
                let (dealt, close) = attempt(SplitBy::Utterance)?;
                (SplitBy::Utterance, dealt, close)
            }
        }
    };
    if dealt.scale < 1.0 {
        tracing::warn!(scale = dealt.scale, "too few texts: annotated and test are scaled down");
    }
    if !close {
        tracing::warn!("the sets differ from the wanted fractions: the groups are few or large");
    }
    Ok((by, dealt))
}

/// Writes `split.json`: seed, wanted and actual shares, and which group is where.
async fn record_split(
    store: &Store,
    settings: &Settings,
    by: SplitBy,
    split: &Split,
    data: &DataDirectory,
    scan: &Scan,
) -> anyhow::Result<()> {
    let of = |set: Set| {
        let members = data.utterances.iter().zip(&split.sets).filter(move |(_, s)| **s == Some(set));
        let micros: i64 = members.clone().filter_map(|(u, _)| scan.duration(u)).sum();
        let groups = split.groups.get(&set);
        (set.name(), json!({"utterances": members.count(), "hours": micros as f64 / 3.6e9, "groups": groups}))
    };
    let record = json!({
        "seed": settings.seed,
        "by": by,
        "wanted": settings.fractions,
        "scale": split.scale,
        "sets": Set::ALL.map(of).into_iter().collect::<BTreeMap<_, _>>(),
        "held_out_without_text": split.held_out_without_text,
    });
    store.put("split.json", serde_json::to_vec_pretty(&record)?.into()).await?;
    Ok(())
}

fn align(settings: &Settings, work: &Work<'_>, bad: &mut BadFiles) -> anyhow::Result<Alignments> {
    match &settings.source {
        Source::Ctm(path, kind) => Ok(Alignments::Ctm(Ctm::open(path, *kind)?)),
        Source::Aligner(command) => {
            let jobs = work.jobs(|_, set| set.is_aligned());
            let run = AlignerRun { command, processes: settings.threads, patience: settings.patience };
            Ok(Alignments::Memo(alignments::align(work, &jobs, &run, &settings.out, bad)?))
        }
    }
}

/// Every state that the alignments of the annotated part hold.
fn take_inventory(
    settings: &Settings,
    work: &Work<'_>,
    alignments: &Alignments,
) -> anyhow::Result<Inventory> {
    let mut states: BTreeSet<(String, u8)> = BTreeSet::new();
    let mut example = "";
    for (utterance, set) in work.data.utterances.iter().zip(work.sets) {
        if *set != Some(Set::Annotated) {
            continue;
        }
        example = &utterance.id;
        if let Found::States(spans) = alignments.find(&utterance.id)? {
            states.extend(spans.into_iter().map(|span| (span.phone, span.state)));
        }
    }
    Inventory::new(&states, &settings.silence_phones)
        .with_context(|| format!("looking up alignments of the annotated utterances, `{example}` for one"))
}

async fn publish(
    writers: BTreeMap<Set, FeatureWriter>,
    normaliser: &Normaliser,
    settings: &Settings,
    prepared: &str,
) -> anyhow::Result<BTreeMap<Set, FeatureManifest>> {
    let normalisation = Normalisation { mean: normaliser.mean.clone(), std: normaliser.std.clone() };
    let mut manifests = BTreeMap::new();
    for (set, writer) in writers {
        let notes = BTreeMap::from([
            ("set".to_owned(), set.name().to_owned()),
            ("seed".to_owned(), settings.seed.to_string()),
            ("prepared".to_owned(), prepared.to_owned()),
            ("dead_dimensions".to_owned(), format!("{:?}", normaliser.dead)),
        ]);
        manifests.insert(set, writer.finish(Some(normalisation.clone()), notes).await?);
    }
    Ok(manifests)
}

#[cfg(test)]
mod tests;
