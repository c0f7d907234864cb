//! The source of alignments: a file of phones, states or pdf numbers, or an aligner that is run on the annotated, dev and test
//! utterances.

use crate::aligner::{ALIGNER_RATE_HZ, Aligner, identity};
use crate::answer::Alignment;
use crate::bad::BadFiles;
use crate::clips::{ClipReader, Trouble};
use crate::decide::spoken::{Spoken, spoken};
use crate::decide::work::{Job, Work};
use crate::interrupt::go_on;
use crate::memo::Memo;
use crate::ordered::ordered;
use crate::pdfs::PdfAlignments;
use crate::progress::{Meter, Progress, Stage};
use crate::{Error, Options, Source};
use std::path::Path;
use std::time::Duration;
use stentor_audio::{Ctm, CtmKind, DataDirectory, Utterance};
use stentor_runtime::Shutdown;

/// The result of looking up an alignment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is one.
    Alignment(Alignment),
    /// The aligner failed, with its reason.
    Refused(String),
    /// There is no alignment.
    Nothing,
}

/// Alignments by utterance.
#[derive(Debug)]
pub(crate) enum Alignments {
    Ctm(Ctm),
    Memo(Memo),
    Pdfs(PdfAlignments),
}

impl Alignments {
    /// Looks up an utterance.
    ///
    /// # Errors
    /// If the underlying file cannot be read.
    pub(crate) fn find(&self, utterance: &Utterance, data: &DataDirectory) -> Result<Found, Error> {
        let memo = match self {
            Alignments::Ctm(ctm) => {
                let found = |states| Found::Alignment(Alignment { states, words: None, pdfs: None });
                return Ok(ctm.spans(utterance, data)?.map_or(Found::Nothing, found));
            }
            Alignments::Pdfs(pdfs) => {
                return Ok(pdfs.find(utterance, data)?.map_or(Found::Nothing, Found::Alignment));
            }
            Alignments::Memo(memo) => memo,
        };
        if let Some(Err(reason)) = utterance.text.as_deref().map(spoken) {
            return Ok(Found::Refused(reason));
        }
        Ok(match memo.recall(&utterance.id)? {
            None => Found::Nothing,
            Some(answer) => match answer.alignment() {
                Ok(alignment) => Found::Alignment(alignment),
                Err(reason) => Found::Refused(reason),
            },
        })
    }

    /// Iterates over the alignments of all annotated utterances that have one.
    ///
    /// # Errors
    /// If the underlying file cannot be read.
    pub(crate) fn of_annotated(
        &self,
        work: &Work<'_>,
        mut give: impl FnMut(&Alignment),
    ) -> Result<(), Error> {
        for utterance in work.annotated() {
            if let Found::Alignment(alignment) = self.find(utterance, work.data)? {
                give(&alignment);
            }
        }
        Ok(())
    }

    /// The error that no annotated utterance has an alignment, with the reason of the last one.
    ///
    /// # Errors
    /// If the underlying file cannot be read.
    pub(crate) fn nothing(&self, work: &Work<'_>) -> Result<Error, Error> {
        let Some(example) = work.annotated().last() else {
            return Ok(Error::NoAlignments { utterances: 0, example: String::new(), why: "none".to_owned() });
        };
        let why = match (self.find(example, work.data)?, self) {
            (Found::Refused(reason), _) => reason,
            (Found::Alignment(_), _) => "its alignment does not fit the audio".to_owned(),
            (Found::Nothing, Alignments::Ctm(_)) => "the CTM file has no line for it".to_owned(),
            (Found::Nothing, Alignments::Pdfs(_)) => "the file of pdfs does not have it".to_owned(),
            (Found::Nothing, Alignments::Memo(_)) => "the aligner was not asked for it".to_owned(),
        };
        let utterances = work.annotated().count();
        Ok(Error::NoAlignments { utterances, example: example.id.clone(), why })
    }

    /// Whether state numbers are names, so that they do not give an order.
    pub(crate) fn has_named_states(&self) -> bool {
        matches!(self, Alignments::Ctm(ctm) if ctm.kind() == CtmKind::States)
    }

    /// Milliseconds of a frame of pdf numbers.
    pub(crate) fn pdf_frame_ms(&self) -> Option<u32> {
        match self {
            Alignments::Pdfs(pdfs) => pdfs.frame_ms(),
            Alignments::Ctm(_) | Alignments::Memo(_) => None,
        }
    }

    /// Number of phones with a duration of zero, which contain no sound.
    pub(crate) fn empty_phones(&self) -> u64 {
        match self {
            Alignments::Ctm(ctm) => ctm.empty_spans as u64,
            Alignments::Pdfs(pdfs) => pdfs.empty_spans(),
            Alignments::Memo(_) => 0,
        }
    }
}

/// Opens the alignments named by `options`: opens a file, or runs an aligner.
///
/// # Errors
/// Errors of [`align`] and [`PdfAlignments::open`]; a CTM file that cannot be read.
pub(crate) fn gather(
    options: &Options,
    work: &Work<'_>,
    bad: &mut BadFiles,
    shutdown: &Shutdown,
    progress: &mut dyn FnMut(Progress),
) -> Result<Alignments, Error> {
    match &options.source {
        Source::Ctm(path, kind) => Ok(Alignments::Ctm(Ctm::open(path, *kind)?)),
        Source::Pdfs { numbers, table } => Ok(Alignments::Pdfs(PdfAlignments::open(numbers, table)?)),
        Source::Aligner(command) => {
            let jobs = work.jobs(|_, set| set.is_aligned());
            let run = AlignerRun {
                command,
                processes: options.threads,
                channel: options.channel,
                patience: options.patience,
                shutdown,
            };
            Ok(Alignments::Memo(align(work, &jobs, &run, &options.out, bad, progress)?))
        }
    }
}

/// Settings of an aligner run.
struct AlignerRun<'a> {
    command: &'a str,
    processes: usize,
    /// The channel to use of recordings with several.
    channel: Option<usize>,
    patience: Duration,
    shutdown: &'a Shutdown,
}

/// The tools of a thread of [`align`].
struct Tools {
    clips: ClipReader,
    /// Started at the first request: remembered answers do not need it.
    aligner: Option<Aligner>,
}

/// Runs the aligner on every utterance of `jobs` that is not in the memo.
///
/// # Errors
/// If the aligner fails, if too many files are bad, or if a signal requests termination.
fn align(
    work: &Work<'_>,
    jobs: &[Job],
    run: &AlignerRun<'_>,
    folder: &Path,
    bad: &mut BadFiles,
    progress: &mut dyn FnMut(Progress),
) -> Result<Memo, Error> {
    let memo = Memo::open(folder)?;
    let identity = identity(run.command)?;
    let mut meter = Meter::start(Stage::Aligning, jobs.iter().map(|job| job.duration).sum(), progress);
    let equip = || Tools { clips: ClipReader::new(ALIGNER_RATE_HZ, run.channel), aligner: None };
    let align_job = |tools: &mut Tools, job: &Job| {
        let utterances = work.utterances(job);
        let Tools { clips, aligner } = tools;
        clips.read(&work.data.recordings[job.recording], &utterances, |i, samples| {
            align_clip(utterances[i], &samples, &memo, run, &identity, aligner)
        })
    };
    ordered(jobs, run.processes, 16 * run.processes, equip, align_job, |job, result| {
        meter.add(job.duration);
        match result {
            // Remarks on recordings are reported when the features are computed.
            Ok(_) => Ok(()),
            Err(Trouble::Bad(reason)) => bad.add(&work.data.recordings[job.recording].id, reason),
            Err(Trouble::Fatal(error)) => Err(error),
        }
    })?;
    Ok(memo)
}

fn align_clip(
    utterance: &Utterance,
    samples: &[f32],
    memo: &Memo,
    run: &AlignerRun<'_>,
    identity: &str,
    aligner: &mut Option<Aligner>,
) -> Result<(), Trouble> {
    go_on(run.shutdown)?;
    // Utterances whose text is not all speech are not aligned; the reason is determined when alignments are looked up.
    let Some(Ok(Spoken { words: text, .. })) = utterance.text.as_deref().map(spoken) else { return Ok(()) };
    let samples: Vec<i16> = samples.iter().map(|s| s.round() as i16).collect();
    if samples.is_empty() {
        return Ok(());
    }
    let key = key(identity, &text, &samples);
    if memo.knows(&utterance.id, &key) {
        return Ok(());
    }
    let aligner = match aligner {
        Some(running) => running,
        None => aligner.insert(Aligner::start(run.command, run.patience)?),
    };
    let answer = aligner.align(&utterance.id, &text, &samples, run.shutdown)?;
    memo.keep(&utterance.id, &key, answer)?;
    Ok(())
}

/// The key of an answer.
fn key(aligner: &str, text: &str, samples: &[i16]) -> String {
    let mut hash = blake3::Hasher::new();
    for part in [aligner, text] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    hash.update(&bytes);
    hash.finalize().to_hex()[..32].to_owned()
}
