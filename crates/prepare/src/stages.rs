//! The stages, in sequence.

use crate::alignments::{self, Alignments};
use crate::bad::BadFiles;
use crate::decide::deal::{deal, heard_in_training, record};
use crate::decide::left_out::{LeftOut, Named, Reason};
use crate::decide::repetitions::{Repetitions, StateSteps};
use crate::decide::set::Set;
use crate::decide::spoken::{Spoken, spoken};
use crate::decide::states::States;
use crate::decide::work::Work;
use crate::digests::identical;
use crate::features;
use crate::fingerprint::fingerprint;
use crate::interrupt::go_on;
use crate::lock::Lock;
use crate::output::{SPLIT, SUMMARY, clear, finished, holds_others, publish};
use crate::scan::scan;
use crate::summary::{SetSummary, Summary};
use crate::{Error, Options, Progress, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use stentor_audio::{DataDirectory, Fbank, Normaliser};
use stentor_inventory::Inventory;
use stentor_runtime::Shutdown;
use stentor_shards::{Column, FeatureManifest, FeatureSetOptions, FeatureWriter};
use stentor_store::Store;
use tokio::runtime::Runtime;

/// The result of the preparation.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The sets, and all remarks on the corpus.
    pub summary: Summary,
    /// Whether an earlier call with the same inputs had already prepared it, so that nothing was done.
    pub was_there: bool,
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

/// Prepares a corpus: reads it, splits it, aligns the utterances that need alignment, and writes the sets. `runtime`
/// does the I/O of the output folder; `progress` is called on the calling thread.
///
/// # Errors
/// Any [`Error`]; [`Error::Stopped`] once `shutdown` is requested.
pub fn prepare(
    options: &Options,
    runtime: &Runtime,
    shutdown: &Shutdown,
    progress: &mut dyn FnMut(Progress),
) -> Result<Prepared, Error> {
    options.check()?;
    let data = DataDirectory::read(&options.corpus)?;
    let prepared = fingerprint(options, &data)?;
    let folder = options.out.display().to_string();
    let Some(out) = options.out.to_str() else {
        return Err(Error::Option {
            option: "--out",
            value: folder,
            expected: "a name in Unicode".to_owned(),
        });
    };
    let store = Store::open(out)?;
    let _lock = Lock::take(&options.out)?;
    if !options.replace
        && let Some(summary) = runtime.block_on(finished(&store, &prepared))
    {
        return Ok(Prepared { summary, was_there: true });
    }
    if !options.replace && runtime.block_on(holds_others(&store, &prepared)) {
        return Err(Error::Occupied { folder });
    }
    let mut has_begun = false;
    let made = make(options, runtime, shutdown, &data, &store, prepared, progress, &mut has_begun);
    if made.is_err() && has_begun && shutdown.is_requested() {
        // Shards without a manifest are useless.
        runtime.block_on(clear(&store))?;
    }
    made.map(|summary| Prepared { summary, was_there: false })
}

/// Makes and publishes the sets. What the folder holds is deleted when everything is known that can be wrong with tables,
/// options and alignments; `has_begun` is set then.
#[expect(clippy::too_many_arguments, reason = "called once")]
fn make(
    options: &Options,
    runtime: &Runtime,
    shutdown: &Shutdown,
    data: &DataDirectory,
    store: &Store,
    prepared: String,
    progress: &mut dyn FnMut(Progress),
    has_begun: &mut bool,
) -> Result<Summary, Error> {
    let mut watch = Stopwatch { last: Instant::now(), seconds: BTreeMap::new() };
    let mut bad = BadFiles::new(data.recordings.len(), options.max_bad);
    let mut left_out = LeftOut::default();
    let headers = scan(data, options.channel, options.threads, &mut bad, shutdown)?;
    let nyquist_hz = headers.nyquist_hz().ok_or(Error::NoRecordings)?;
    let fbank = Fbank::new(&options.features, nyquist_hz)?;
    watch.lap("scan");

    let identical = identical(data);
    let dealt = deal(options, data, &headers, &identical, bad.reasons(), &mut left_out)?;
    for &(i, set) in &dealt.split.held_out_without_text {
        left_out.add(Reason::HeldOutWithoutText, Some(set), &data.utterances[i].id, "");
    }
    let split = &dealt.split;
    let work = Work { data, headers: &headers, sets: &split.sets, seed: options.seed };

    let alignments = alignments::gather(options, &work, &mut bad, shutdown, progress)?;
    let unmatched = unmatched(data, &alignments);
    let Learned { inventory, repetitions, has_words } = learn(options, &work, &alignments)?;
    watch.lap("align");
    *has_begun = true;
    runtime.block_on(clear(store))?;

    let fbank_high_hz = fbank.high_hz();
    let recipe = features::Recipe {
        settings: &options.features,
        fbank,
        alignments: &alignments,
        inventory: &inventory,
        repetitions: &repetitions,
        has_words,
        silence_phones: &options.silence_phones,
        shift: options.shift,
        channel: options.channel,
        threads: options.threads,
        shutdown,
    };
    let mut writers = features::Writers { sets: BTreeMap::new(), runtime };
    for set in split.sets.iter().flatten().copied().collect::<BTreeSet<Set>>() {
        let options = FeatureSetOptions {
            row_group_frames: options.row_group_frames,
            shard_frames: options.shard_frames,
            columns: columns(set, has_words),
            ..FeatureSetOptions::new(options.features.clone(), inventory.clone(), nyquist_hz)
        };
        writers.sets.insert(set, FeatureWriter::new(store.child(set.name()), options)?);
    }
    let jobs = work.jobs(|_, _| true);
    let gathered = features::make(&work, &jobs, &recipe, &mut writers, &mut bad, &mut left_out, progress)?;
    if let Some(set) = writers.sets.keys().find(|set| !gathered.rows.contains_key(set)) {
        return Err(Error::NothingLeft { set: *set, left_out: left_out.of(*set) });
    }
    let normaliser = Normaliser::from_moments(&gathered.moments)?;
    go_on(shutdown)?;
    let heard = heard_in_training(data, &gathered.written, &headers);
    let record = record(options, &dealt, data, &headers, &identical, heard);
    runtime.block_on(store.put(SPLIT, serde_json::to_vec_pretty(&record)?.into()))?;
    let manifests = runtime.block_on(publish(writers.sets, &normaliser, options, &prepared))?;
    watch.lap("features");

    let hours = |frames: u64| frames as f64 * f64::from(options.features.frame_ms()) / 3.6e6;
    let written = |m: &FeatureManifest| SetSummary {
        utterances: m.utterances(),
        frames: m.frames(),
        hours: hours(m.frames()),
        shards: m.shards.len(),
        fingerprint: m.fingerprint.clone(),
    };
    let seconds_by_rate_hz = headers.seconds_by_rate();
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
        seed: options.seed,
        sets: manifests.iter().map(|(set, m)| (*set, written(m))).collect(),
        alone: dealt.alone,
        test_heard_in_training: heard,
        identical_audio: identical.named(data),
        left_out,
        unmatched,
        cut_segments: gathered.cut_segments,
        sound: gathered.sound,
        dropped_marks: dropped_marks(options, &work),
        empty_phones: alignments.empty_phones(),
        silence_phones: silence_phones.len(),
        unused_senones: unused.map(|(s, _)| s.name.clone()).collect(),
        bad_files: bad.reasons().clone(),
        pdf_frames: gathered.pdf_frames,
        senones: inventory.len(),
        phones: inventory.phones().len(),
        word_times: has_words,
        nearest_state_frames: gathered.nearest_states,
        dead_dimensions: normaliser.dead,
        audio_hours_per_second: made_hours / watch.seconds["features"].max(1e-9),
        seconds: watch.seconds,
    };
    runtime.block_on(store.put(SUMMARY, serde_json::to_vec_pretty(&summary)?.into()))?;
    Ok(summary)
}

/// What the alignments of the annotated part determine for all sets.
struct Learned {
    /// The target classes.
    inventory: Inventory,
    /// How repeated phones are detected.
    repetitions: Repetitions,
    /// Whether there are times of words.
    has_words: bool,
}

fn learn(options: &Options, work: &Work<'_>, alignments: &Alignments) -> Result<Learned, Error> {
    if let Alignments::Pdfs(pdfs) = alignments {
        let mut any = false;
        alignments.of_annotated(work, |_| any = true)?;
        if !any {
            return Err(alignments.nothing(work)?);
        }
        // The outputs are the pdfs, also those that label no frame: their numbers are those of the other program's model.
        let inventory = pdfs.table.inventory(&options.silence_phones)?;
        return Ok(Learned { inventory, repetitions: Repetitions::Numbered, has_words: false });
    }
    let mut states = States::new(&options.features, options.shift);
    let mut steps = StateSteps::default();
    let mut has_words = false;
    alignments.of_annotated(work, |alignment| {
        states.add(&alignment.states);
        steps.add(&alignment.states);
        has_words |= alignment.words.is_some();
    })?;
    let nothing = || alignments.nothing(work).unwrap_or_else(|error| error);
    let inventory = states.inventory(&options.silence_phones, nothing)?;
    let repetitions = if alignments.has_named_states() { steps.repetitions() } else { Repetitions::Numbered };
    Ok(Learned { inventory, repetitions, has_words })
}

/// The columns of a set besides those of every feature set. An utterance may lack times of words although others have them.
fn columns(set: Set, has_words: bool) -> Vec<Column> {
    let words = has_words.then(|| Column::words().optional());
    if set.is_aligned() { [Column::phones()].into_iter().chain(words).collect() } else { Vec::new() }
}

/// Identifiers that occur only in a table or in the file of alignments.
fn unmatched(data: &DataDirectory, alignments: &Alignments) -> BTreeMap<String, Named> {
    let mut unmatched: BTreeMap<String, Named> =
        data.unmatched.iter().map(|(table, names)| (table.clone(), names.into())).collect();
    let of_alignments = match alignments {
        Alignments::Ctm(ctm) => Some(ctm.unmatched(data)),
        Alignments::Pdfs(pdfs) => Some(pdfs.unmatched(data)),
        Alignments::Memo(_) => None,
    };
    if let Some(found) = of_alignments {
        unmatched.insert("alignments".to_owned(), (&found).into());
        unmatched.retain(|_, named| named.count > 0);
    }
    for (table, named) in &unmatched {
        tracing::warn!(table, names = named.count, examples = ?named.examples, "names that no utterance has");
    }
    unmatched
}

/// Counts how often each mark was removed from texts for the aligner.
fn dropped_marks(options: &Options, work: &Work<'_>) -> BTreeMap<String, u64> {
    let mut marks = BTreeMap::new();
    if matches!(options.source, Source::Aligner(_)) {
        let aligned =
            work.data.utterances.iter().zip(work.sets).filter(|(_, set)| set.is_some_and(Set::is_aligned));
        for Spoken { dropped, .. } in aligned.filter_map(|(u, _)| spoken(u.text.as_deref()?).ok()) {
            dropped.into_iter().for_each(|mark| *marks.entry(mark).or_default() += 1);
        }
    }
    marks
}
