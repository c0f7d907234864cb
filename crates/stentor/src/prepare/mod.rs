//! `stentor prepare`: from audio, texts and alignments to feature sets.
//!
//! The stages, each streaming and on all cores:
//!
//! 1. *scan*: every recording's rate and length, of what is there and not of what its header states;
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
mod deal;
mod features;
mod identical;
mod interrupt;
mod lock;
mod memo;
mod ordered;
mod output;
mod progress;
mod random;
mod repetitions;
mod scan;
mod settings;
mod shuffle;
mod sound;
mod split;
mod spoken;
mod states;
mod summary;
mod words;
mod work;

pub(crate) use settings::Args;

use crate::exit::Meaning;
use crate::json_file::JsonFile;
use alignments::{AlignerRun, Alignments};
use anyhow::{Context, anyhow, bail};
use bad::BadFiles;
use deal::deal;
use identical::Identical;
use interrupt::go_on;
use lock::Lock;
use output::{SUMMARY, clear, finished, holds_others, publish};
use repetitions::Repetitions;
use scan::Scan;
use settings::{Settings, Source};
use split::Set;
use spoken::{Spoken, spoken};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use stentor_audio::{Ctm, DataDirectory, Fbank, Normaliser};
use stentor_runtime::{ExitStatus, Shutdown};
use stentor_shards::{FeatureManifest, FeatureSetOptions, FeatureWriter};
use stentor_store::Store;
use summary::{LeftOut, Named, Reason, SetSummary, Summary};
use tokio::runtime::Runtime;
use work::Work;

/// Prepares a corpus; prints a summary.
///
/// # Errors
/// Whatever is wrong with arguments, corpus, aligner or output folder; a signal that asked for the end.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let settings = Settings::resolve(args).meaning(ExitStatus::Config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let json = JsonFile::at(settings.json.as_deref())?;
    let summary = prepare(&settings, &runtime, &Shutdown::listen())?;
    json.write(&summary)?;
    stentor_runtime::outln!("{summary}");
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

fn prepare(settings: &Settings, runtime: &Runtime, shutdown: &Shutdown) -> anyhow::Result<Summary> {
    let data = DataDirectory::read(&settings.corpus)?;
    let prepared = settings.fingerprint(&data)?;
    let out = settings.out.to_str().context("the output folder's name is not Unicode")?;
    let store = Store::open(out)?;
    let _lock = Lock::take(&settings.out)?;
    if !settings.replace
        && let Some(summary) = runtime.block_on(finished(&store, &prepared))
    {
        stentor_runtime::errln!(
            "{out}: this corpus was prepared before, with these settings; nothing is left to do"
        );
        return Ok(summary);
    }
    if !settings.replace && runtime.block_on(holds_others(&store, &prepared)) {
        let problem = anyhow!(
            "{out} holds sets that were prepared from another corpus, from other audio or an older state of it, with other \
             settings or by another version; labels and runs may depend on them. Choose another --out, or replace them with --replace"
        );
        return Err(problem).meaning(ExitStatus::Config);
    }
    runtime.block_on(clear(&store))?;
    let made = make(settings, runtime, shutdown, &data, &store, prepared);
    if made.is_err() && shutdown.is_requested() {
        // Shards without a manifest are of no use to anybody.
        runtime.block_on(clear(&store))?;
    }
    made
}

/// Makes the sets and publishes them.
fn make(
    settings: &Settings,
    runtime: &Runtime,
    shutdown: &Shutdown,
    data: &DataDirectory,
    store: &Store,
    prepared: String,
) -> anyhow::Result<Summary> {
    let mut watch = Stopwatch { last: Instant::now(), seconds: BTreeMap::new() };
    let mut bad = BadFiles::new(data.recordings.len(), settings.max_bad);
    let mut left_out = LeftOut::default();
    let scan = Scan::run(data, settings.channel, settings.threads, &mut bad, shutdown)?;
    let nyquist_hz = scan.nyquist_hz().context("no recording can be read")?;
    let fbank = Fbank::new(&settings.features, nyquist_hz)?;
    watch.lap("scan");

    let identical = Identical::find(data);
    let dealt = deal(settings, data, &scan, &identical, &mut left_out)?;
    for &(i, set) in &dealt.split.held_out_without_text {
        left_out.add(Reason::HeldOutWithoutText, Some(set), &data.utterances[i].id, "");
    }
    runtime.block_on(deal::record(store, settings, &dealt, data, &scan, &identical))?;
    let split = &dealt.split;
    let work = Work { data, scan: &scan, sets: &split.sets, seed: settings.seed };

    let alignments = align(settings, &work, &mut bad, shutdown)?;
    let unmatched = unmatched(data, &alignments);
    let inventory = states::take_inventory(settings, &work, &alignments)?;
    let repetitions = Repetitions::learn(&work, &alignments)?;
    watch.lap("align");

    let fbank_high_hz = fbank.high_hz();
    let recipe = features::Recipe {
        settings: &settings.features,
        fbank,
        alignments: &alignments,
        inventory: &inventory,
        repetitions: &repetitions,
        silence_phones: &settings.silence_phones,
        shift: settings.shift,
        channel: settings.channel,
        threads: settings.threads,
        shutdown,
    };
    let mut writers = BTreeMap::new();
    for set in split.sets.iter().flatten().copied().collect::<BTreeSet<Set>>() {
        let options = FeatureSetOptions {
            row_group_frames: settings.row_group_frames,
            shard_frames: settings.shard_frames,
            ..FeatureSetOptions::new(settings.features.clone(), inventory.clone(), nyquist_hz)
        };
        writers.insert(set, FeatureWriter::new(store.child(set.name()), options)?);
    }
    let jobs = work.jobs(|_, _| true);
    let gathered = features::make(&work, &jobs, &recipe, &mut writers, runtime, &mut bad, &mut left_out)?;
    if let Some(set) = writers.keys().find(|set| set.is_aligned() && !gathered.rows.contains_key(set)) {
        bail!("no {set} utterance is left: {}", left_out.of(*set));
    }
    let normaliser = Normaliser::from_moments(&gathered.moments)?;
    go_on(shutdown)?;
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
    let silent = inventory.senones().iter().filter(|senone| senone.silence);
    let silence_phones: BTreeSet<&str> = silent.map(|senone| senone.phone.as_str()).collect();
    let unused =
        inventory.senones().iter().zip(&gathered.annotated_frames).filter(|(_, frames)| **frames == 0);
    let summary = Summary {
        prepared,
        recordings: data.recordings.len(),
        utterances: data.utterances.len(),
        corpus_hours,
        seconds_by_rate_hz,
        corpus_nyquist_hz: nyquist_hz.min(fbank_high_hz),
        split_by: dealt.by,
        seed: settings.seed,
        sets: manifests.iter().map(|(set, m)| (*set, written(m))).collect(),
        alone: dealt.alone,
        test_heard_in_training: dealt.test_heard_in_training,
        identical_audio: identical.named(data),
        left_out,
        unmatched,
        cut_segments: gathered.cut_segments,
        sound: gathered.sound,
        dropped_marks: dropped_marks(settings, &work),
        empty_phones: alignments.empty_phones(),
        silence_phones: silence_phones.len(),
        unused_senones: unused.map(|(s, _)| s.name.clone()).collect(),
        bad_files: bad.reasons().clone(),
        senones: inventory.len(),
        phones: inventory.phones().len(),
        nearest_state_frames: gathered.nearest_states,
        dead_dimensions: normaliser.dead,
        audio_hours_per_second: made_hours / watch.seconds["features"].max(1e-9),
        seconds: watch.seconds,
    };
    runtime.block_on(store.put(SUMMARY, serde_json::to_vec_pretty(&summary)?.into()))?;
    Ok(summary)
}

fn align(
    settings: &Settings,
    work: &Work<'_>,
    bad: &mut BadFiles,
    shutdown: &Shutdown,
) -> anyhow::Result<Alignments> {
    match &settings.source {
        Source::Ctm(path, kind) => Ok(Alignments::Ctm(Ctm::open(path, *kind)?)),
        Source::Aligner(command) => {
            let jobs = work.jobs(|_, set| set.is_aligned());
            let run = AlignerRun {
                command,
                processes: settings.threads,
                channel: settings.channel,
                patience: settings.patience,
                shutdown,
            };
            Ok(Alignments::Memo(alignments::align(work, &jobs, &run, &settings.out, bad)?))
        }
    }
}

/// Identifiers that only a table or the CTM file has.
fn unmatched(data: &DataDirectory, alignments: &Alignments) -> BTreeMap<String, Named> {
    let mut unmatched: BTreeMap<String, Named> =
        data.unmatched.iter().map(|(table, names)| (table.clone(), names.into())).collect();
    if let Alignments::Ctm(ctm) = alignments {
        unmatched.insert("alignments".to_owned(), (&ctm.unmatched(data)).into());
        unmatched.retain(|_, named| named.count > 0);
    }
    for (table, named) in &unmatched {
        tracing::warn!(table, names = named.count, examples = ?named.examples, "names that no utterance has");
    }
    unmatched
}

/// How often each mark was taken out of the texts that an aligner was to be given.
fn dropped_marks(settings: &Settings, work: &Work<'_>) -> BTreeMap<String, u64> {
    let mut marks = BTreeMap::new();
    if matches!(settings.source, Source::Aligner(_)) {
        let aligned =
            work.data.utterances.iter().zip(work.sets).filter(|(_, set)| set.is_some_and(Set::is_aligned));
        for Spoken { dropped, .. } in aligned.filter_map(|(u, _)| spoken(u.text.as_deref()?).ok()) {
            dropped.into_iter().for_each(|mark| *marks.entry(mark).or_default() += 1);
        }
    }
    marks
}

#[cfg(test)]
mod tests;
