//! Converts samples to rows: filter bank, stacking, labels; on all cores, written in order.

use crate::Error;
use crate::alignments::{Alignments, Found};
use crate::answer::{Alignment, Pdfs};
use crate::bad::BadFiles;
use crate::clips::{ClipReader, Trouble};
use crate::decide::left_out::{LeftOut, Named, Reason};
use crate::decide::random::Random;
use crate::decide::repetitions::Repetitions;
use crate::decide::set::Set;
use crate::decide::shuffle::ShuffleBuffer;
use crate::decide::work::{Job, Work};
use crate::interrupt::go_on;
use crate::ordered::ordered;
use crate::progress::{Meter, Progress, Stage};
use crate::sound::Sound;
use crate::summary::PdfFrames;
use std::collections::BTreeMap;
use stentor_audio::{
    DataDirectory, DecodeReport, Extent, Fbank, FrameClock, Micros, Moments, StateSpan, Utterance,
    frame_labels, stacked_frames,
};
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Match, SenoneId};
use stentor_runtime::Shutdown;
use stentor_shards::{Column, FeatureRow, FeatureWriter, Span, Values, f16};
use tokio::runtime::Runtime;

/// Number of frames in each set's shuffle buffer if recordings contain many utterances: an hour of audio, 50 MB.
const SHUFFLE_FRAMES: u64 = 1 << 17;

/// Settings for making rows.
pub(crate) struct Recipe<'a> {
    pub(crate) settings: &'a Features,
    pub(crate) fbank: Fbank,
    pub(crate) alignments: &'a Alignments,
    pub(crate) inventory: &'a Inventory,
    /// How repetitions of a phone are detected in an alignment.
    pub(crate) repetitions: &'a Repetitions,
    /// Whether times of words are written.
    pub(crate) has_words: bool,
    /// Additional names of silence.
    pub(crate) silence_phones: &'a [String],
    /// Added to the alignments' times.
    pub(crate) shift: Micros,
    /// The channel to use of recordings with several.
    pub(crate) channel: Option<usize>,
    pub(crate) threads: usize,
    pub(crate) shutdown: &'a Shutdown,
}

/// The output sets, and the runtime for their I/O.
pub(crate) struct Writers<'a> {
    pub(crate) sets: BTreeMap<Set, FeatureWriter>,
    pub(crate) runtime: &'a Runtime,
}

impl Writers<'_> {
    /// Writes a row; what is said in it only to an aligned set.
    fn push(&mut self, set: Set, (row, said): (FeatureRow, Said)) -> Result<(), Error> {
        let phones = set.is_aligned().then(|| (Column::PHONES, Values::from(said.phones)));
        let words = said.words.map(|words| (Column::WORDS, Values::from(words)));
        if let Some(writer) = self.sets.get_mut(&set) {
            self.runtime.block_on(writer.push_with(row, phones.into_iter().chain(words)))?;
        }
        Ok(())
    }
}

/// Results of the pass over all recordings.
pub(crate) struct Gathered {
    /// Computed over the training audio.
    pub(crate) moments: Moments,
    /// Number of labels that use the nearest state of their phone.
    pub(crate) nearest_states: u64,
    /// The set of each utterance that was written; `None` for the others.
    pub(crate) written: Vec<Option<Set>>,
    /// Rows written to each set; sets without rows are absent.
    pub(crate) rows: BTreeMap<Set, u64>,
    /// Segments that extend past the end of their recording.
    pub(crate) cut_segments: Named,
    /// Remarks on recordings.
    pub(crate) sound: Sound,
    /// Number of frames of the annotated set for each senone.
    pub(crate) annotated_frames: Vec<u64>,
    /// How frames of pdfs became frames of the model.
    pub(crate) pdf_frames: Option<PdfFrames>,
}

/// One utterance's row, or the reason why there is none.
struct Made {
    utterance: usize,
    /// The recording ends before the segment.
    is_cut: bool,
    row: Result<(Row, Moments), (Reason, String)>,
}

/// A row, and remarks on it.
struct Row {
    row: FeatureRow,
    /// Number of labels that use the nearest state of their phone.
    nearest: u64,
    /// Number of labeled frames in which the pdf changes; `None` if the labels are no pdfs.
    changes: Option<u64>,
    said: Said,
}

/// What is said in an utterance, without silence; empty if it is withheld.
#[derive(Default)]
struct Said {
    phones: Vec<Span>,
    /// `None` if their times are not known.
    words: Option<Vec<Span>>,
}

/// The tools of a thread.
struct Tools {
    clips: ClipReader,
    fbank: Fbank,
    frames: Vec<f32>,
}

/// Makes the rows of all `jobs` and writes them to `writers`.
///
/// # Errors
/// If too many files are bad, a row cannot be written, or a signal requests termination.
pub(crate) fn make(
    work: &Work<'_>,
    jobs: &[Job],
    recipe: &Recipe<'_>,
    writers: &mut Writers<'_>,
    bad: &mut BadFiles,
    left_out: &mut LeftOut,
    progress: &mut dyn FnMut(Progress),
) -> Result<Gathered, Error> {
    let mut meter = Meter::start(Stage::Features, jobs.iter().map(|job| job.duration).sum(), progress);
    let dimension = recipe.settings.dimension();
    let mut gathered = Gathered {
        moments: Moments::new(dimension),
        nearest_states: 0,
        written: vec![None; work.data.utterances.len()],
        rows: BTreeMap::new(),
        cut_segments: Named::default(),
        sound: Sound::default(),
        annotated_frames: vec![0; recipe.inventory.len()],
        pdf_frames: None,
    };
    let limit = if jobs.iter().any(|job| job.utterances.len() > 1) { SHUFFLE_FRAMES } else { 0 };
    let buffer = |set: Set| (set, ShuffleBuffer::new(limit, Random::new(work.seed, 16 + set as u64)));
    let mut buffers: BTreeMap<Set, ShuffleBuffer<(FeatureRow, Said)>> =
        writers.sets.keys().copied().map(buffer).collect();

    let equip = || Tools {
        clips: ClipReader::new(recipe.settings.sample_rate_hz, recipe.channel),
        fbank: recipe.fbank.clone(),
        frames: Vec::new(),
    };
    let make_job = |tools: &mut Tools, job: &Job| make_recording(work, job, recipe, tools);
    ordered(jobs, recipe.threads, 8 * recipe.threads, equip, make_job, |job, result| {
        meter.add(job.duration);
        let rows = match result {
            Ok((rows, report)) => {
                gathered.sound.add(&work.data.recordings[job.recording].id, &report);
                rows
            }
            Err(Trouble::Bad(reason)) => {
                for &i in &job.utterances {
                    left_out.add(Reason::BadRecording, work.sets[i], &work.data.utterances[i].id, &reason);
                }
                return bad.add(&work.data.recordings[job.recording].id, reason);
            }
            Err(Trouble::Fatal(error)) => return Err(error),
        };
        for made in rows {
            let (Some(set), utterance) = (work.sets[made.utterance], &work.data.utterances[made.utterance])
            else {
                continue;
            };
            if made.is_cut {
                let words = format!("{}: {}", utterance.id, work.headers.beyond(utterance, work.data));
                tracing::warn!("cut: {words}");
                gathered.cut_segments.add(&words);
            }
            match made.row {
                Err((reason, detail)) => left_out.add(reason, Some(set), &utterance.id, &detail),
                Ok((Row { row, nearest, changes, said }, moments)) => {
                    if let Some(changes) = changes {
                        let all = gathered.pdf_frames.get_or_insert(PdfFrames {
                            from_ms: recipe.alignments.pdf_frame_ms(),
                            to_ms: recipe.settings.frame_ms(),
                            frames: 0,
                            with_changes: 0,
                        });
                        all.frames += row.frames(dimension) as u64;
                        all.with_changes += changes;
                    }
                    if set == Set::Annotated {
                        for &id in row.alignment.iter().flatten() {
                            gathered.annotated_frames[id.index()] += 1;
                        }
                    }
                    gathered.nearest_states += nearest;
                    gathered.written[made.utterance] = Some(set);
                    *gathered.rows.entry(set).or_default() += 1;
                    if set.is_training() {
                        gathered.moments.merge(&moments);
                    }
                    let frames = row.frames(dimension) as u64;
                    let Some(buffer) = buffers.get_mut(&set) else { continue };
                    buffer.push((row, said), frames);
                    while let Some(row) = buffer.overflow() {
                        writers.push(set, row)?;
                    }
                }
            }
        }
        Ok(())
    })?;
    for (set, mut buffer) in buffers {
        while let Some(row) = buffer.draw() {
            writers.push(set, row)?;
        }
    }
    Ok(gathered)
}

fn make_recording(
    work: &Work<'_>,
    job: &Job,
    recipe: &Recipe<'_>,
    tools: &mut Tools,
) -> Result<(Vec<Made>, DecodeReport), Trouble> {
    let utterances = work.utterances(job);
    let Tools { clips, fbank, frames } = tools;
    let mut made = Vec::with_capacity(utterances.len());
    let report = clips.read(&work.data.recordings[job.recording], &utterances, |i, samples| {
        go_on(recipe.shutdown)?;
        let utterance = job.utterances[i];
        frames.clear();
        let filtered = fbank.compute(&samples, frames);
        let count = stacked_frames(filtered, recipe.settings.stack);
        frames.truncate(count * recipe.settings.dimension());
        if frames.iter().any(|x| !x.is_finite()) {
            return Err(Trouble::Bad("the features are not finite numbers".to_owned()));
        }
        // Utterances that were not selected for alignment are unannotated: nothing is looked up for them.
        let aligned = work.sets[utterance].is_some_and(Set::is_aligned);
        let is_cut = falls_short(utterances[i].extent, samples.len(), recipe.settings.sample_rate_hz);
        let row = if is_cut && samples.is_empty() {
            Err((Reason::BeyondRecording, work.headers.beyond(utterances[i], work.data)))
        } else {
            make_row(utterances[i], frames, [filtered, count], aligned.then_some((recipe, work.data)))?
        };
        let moments = |row| (row, Moments::of(frames, recipe.settings.dimension()));
        made.push(Made { utterance, is_cut, row: row.map(moments) });
        Ok(())
    })?;
    made.sort_by_key(|m| m.utterance);
    Ok((made, report))
}

/// Whether a recording has less audio than a segment requires; losses from rounding and resampling are ignored.
fn falls_short(extent: Extent, samples: usize, rate_hz: u32) -> bool {
    const ROUNDING: Micros = 10_000;
    let Extent::Segment { start, end: Some(end) } = extent else { return false };
    let found = samples as i128 * 1_000_000 / i128::from(rate_hz);
    i128::from(end - start) - found > i128::from(ROUNDING)
}

type Outcome = Result<Row, (Reason, String)>;

/// Makes the row of one utterance, with so many frames of the filter bank and stacked ones. With a recipe it has labels and text;
/// without one, both are withheld.
fn make_row(
    utterance: &Utterance,
    frames: &[f32],
    [filtered, count]: [usize; 2],
    labels: Option<(&Recipe<'_>, &DataDirectory)>,
) -> Result<Outcome, Error> {
    if count == 0 {
        return Ok(Err((Reason::TooShort, "less than one frame".to_owned())));
    }
    let (alignment, labeled, said) = match labels {
        None => (None, Labeled::default(), Said::default()),
        Some((recipe, data)) => {
            let found = match recipe.alignments.find(utterance, data)? {
                Found::Alignment(alignment) => alignment,
                Found::Refused(reason) => return Ok(Err((Reason::NotAligned, reason))),
                Found::Nothing => return Ok(Err((Reason::NotAligned, "there is no alignment".to_owned()))),
            };
            match label(&found, filtered, count, recipe) {
                Ok((ids, labeled)) => {
                    let phones = recipe.repetitions.spoken(&found.states, recipe.silence_phones);
                    (Some(ids), labeled, Said { phones, words: found.words.filter(|_| recipe.has_words) })
                }
                Err(left_out) => return Ok(Err(left_out)),
            }
        }
    };
    let row = FeatureRow {
        utterance: utterance.id.clone(),
        speaker: speaker_of(utterance).to_owned(),
        group: group_of(utterance).to_owned(),
        features: frames.iter().map(|&x| f16::from_f32(x)).collect(),
        text: if alignment.is_some() { utterance.text.clone() } else { None },
        alignment,
    };
    let Labeled { nearest, changes } = labeled;
    Ok(Ok(Row { row, nearest, changes, said }))
}

/// Remarks on the labels of an utterance.
#[derive(Default)]
struct Labeled {
    /// Number of frames that use the nearest state of their phone.
    nearest: u64,
    /// Number of frames in which the pdf changes; `None` if the labels are no pdfs.
    changes: Option<u64>,
}

/// Returns the senone of each frame.
fn label(
    alignment: &Alignment,
    filtered: usize,
    frames: usize,
    recipe: &Recipe<'_>,
) -> Result<(Vec<SenoneId>, Labeled), (Reason, String)> {
    let clock = FrameClock::new(recipe.settings);
    let spans = &alignment.states;
    if let Some(Pdfs { frames: Some(found), .. }) = alignment.pdfs {
        check_length(found, filtered, recipe)?;
    }
    let places =
        frame_labels(spans, frames, clock, recipe.shift).map_err(|e| (Reason::Misaligned, e.to_string()))?;
    if let Some(Pdfs { ids, .. }) = &alignment.pdfs {
        // From the middle of the model's frame to those of its first and last frames in the archive.
        let from = Micros::from(recipe.alignments.pdf_frame_ms().unwrap_or(0)) * 1_000;
        let reach = (clock.frame() - from).max(0) / 2;
        let changes = |(frame, place): &(usize, &usize)| {
            let (StateSpan { start, end, .. }, centre) =
                (&spans[**place], clock.centre(*frame) - recipe.shift);
            *start > centre - reach || *end <= centre + reach
        };
        let changes = places.iter().enumerate().filter(changes).count() as u64;
        let ids = places.iter().map(|place| SenoneId::new(ids[*place])).collect();
        return Ok((ids, Labeled { nearest: 0, changes: Some(changes) }));
    }
    let (mut ids, mut nearest) = (Vec::with_capacity(frames), 0);
    for place in places {
        let span = &spans[place];
        ids.push(match recipe.inventory.find(&span.phone, span.state) {
            Ok(Match::Exact(id)) => id,
            Ok(Match::Nearest(id)) => {
                nearest += 1;
                id
            }
            Err(unknown) => return Err((Reason::UnknownPhone, unknown.to_string())),
        });
    }
    Ok((ids, Labeled { nearest, changes: None }))
}

/// Checks that an archive has as many frames of an utterance as the filter bank gives for the same time. Programs differ by up to
/// two frames: in some, windows reach beyond the ends of the audio.
fn check_length(found: usize, filtered: usize, recipe: &Recipe<'_>) -> Result<(), (Reason, String)> {
    const ROUNDING: u64 = 2;
    let Some(frame_ms) = recipe.alignments.pdf_frame_ms() else { return Ok(()) };
    let expected = (filtered as u64 * u64::from(recipe.settings.hop_ms)).div_ceil(u64::from(frame_ms.max(1)));
    if (found as u64).abs_diff(expected) <= ROUNDING {
        return Ok(());
    }
    let detail = format!(
        "expected about {expected} frames of {frame_ms} ms, as the audio has, found {found}: are they of another length \
         (--pdf-frame-ms), or of other audio?"
    );
    Err((Reason::Misaligned, detail))
}

/// Who speaks; if that is not known, the utterance stands for a speaker.
fn speaker_of(utterance: &Utterance) -> &str {
    utterance.speaker.as_ref().unwrap_or(&utterance.id)
}

/// The group of an utterance in sets; if it has none, its speaker.
pub(crate) fn group_of(utterance: &Utterance) -> &str {
    utterance.group.as_deref().unwrap_or(speaker_of(utterance))
}
