//! `stentor align`: the texts of a prepared set, aligned with a trained model.

mod aligning;
mod ctm;
mod figures;
mod reason;
mod set;
mod transcripts;

use crate::apart::Files;
use crate::audio_bar::audio_bar;
use crate::json_file::JsonFile;
use crate::labeled::Labeled;
use crate::labeler::{AGAIN, Labels, Scratch};
use crate::material::{LexiconFile, count_alignments, phones};
use crate::number::whole;
use crate::out_file::OutFile;
use crate::parallel::Threads;
use aligning::{Aligning, Outcome};
use anyhow::{Context, Result, bail};
use ctm::Ctms;
use figures::Figures;
use set::NewSet;
use std::path::PathBuf;
use stentor_audio::FrameClock;
use stentor_inventory::Case;
use stentor_recogniser::{AlignSettings, WordAligner};
use stentor_runtime::Shutdown;
use stentor_shards::FeatureSet;
use stentor_store::Store;
use transcripts::{Transcripts, UnknownWords};

/// Align the texts of a prepared set with a trained model: which phone and which senone each frame has. The words are known, so
/// only their pronunciations, the pauses between them and all times are searched for (Viterbi alignment). The set is written once
/// more with the new alignments, and with phones and words at their new times; frames and texts stay the same.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Feature shards with texts. Utterances without a text are left out.
    #[arg(long, value_name = "SET")]
    features: String,
    /// The model: a run or one of its checkpoints. The program `teacher-labeler` computes its labels.
    #[arg(long, value_name = "RUN", required_unless_present = "labels")]
    model: Option<String>,
    /// Label shards of the model for `--features`; with `--model`, where they are written and kept.
    #[arg(long, value_name = "SET")]
    labels: Option<String>,
    /// Annotated feature shards of the model's training set: priors of its outputs and durations of phones are counted in their
    /// alignments. Default: the alignments of `--features`.
    #[arg(long, value_name = "SET")]
    train_features: Option<String>,
    #[command(flatten)]
    lexicon: LexiconFile,
    /// What becomes of an utterance with a word that the lexicon does not have.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = UnknownWords::Error)]
    unknown_words: UnknownWords,
    #[command(flatten)]
    results: Results,
    #[command(flatten)]
    scales: Scales,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Threads for the model and for the search, at most 1024; 0 means all cores. The alignments do not depend on it.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<usize>(..=1024))]
    threads: usize,
}

// What is written, at least one of them. A documentation comment would replace that of the command.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(required = true, multiple = true)]
struct Results {
    /// Folder for the new set. The set of `--features` stays as it is.
    #[arg(long, value_name = "SET")]
    out: Option<String>,
    /// CTM file of the phones, pauses included: `UTTERANCE 1 START DURATION PHONE`, as `stentor prepare --phones` reads it.
    #[arg(long, value_name = "FILE")]
    phones_ctm: Option<PathBuf>,
    /// CTM file of the words.
    #[arg(long, value_name = "FILE")]
    words_ctm: Option<PathBuf>,
}

// The same.
#[derive(Debug, Clone, clap::Args)]
struct Scales {
    /// How much worse than the best of its frame a path may be, nats.
    #[arg(long, value_name = "NATS", default_value_t = AlignSettings::default().beam)]
    beam: f64,
    /// The beam of a second attempt for utterances of which the first did not reach the end.
    #[arg(long, value_name = "NATS", default_value_t = AlignSettings::default().retry_beam)]
    retry_beam: f64,
    /// What the model's log posteriors are multiplied by.
    #[arg(long, value_name = "X", default_value_t = AlignSettings::default().acoustic_scale)]
    acoustic_scale: f64,
    /// The part of the log priors that is subtracted from log posteriors: 1 is Bayes' rule, 0 leaves priors out.
    #[arg(long, value_name = "X", default_value_t = AlignSettings::default().prior_exponent)]
    prior_exponent: f64,
    /// What log probabilities of transitions within phones are multiplied by; they say how long phones last in the mean.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    transition_scale: f64,
    /// How probable a pause is before each word and at the end.
    #[arg(long, value_name = "P", default_value_t = AlignSettings::default().pause_probability)]
    pause_probability: f64,
}

impl Scales {
    fn settings(&self) -> AlignSettings {
        AlignSettings {
            acoustic_scale: self.acoustic_scale,
            prior_exponent: self.prior_exponent,
            pause_probability: self.pause_probability,
            beam: self.beam,
            retry_beam: self.retry_beam,
        }
    }
}

impl Args {
    fn files(&self) -> Files {
        let Self { features, model, labels, train_features, lexicon, results, json, .. } = self;
        Files::default()
            .reads("--features", [features])
            .reads("--model", model)
            .reads("--labels", labels)
            .reads("--train-features", train_features)
            .reads("--lexicon", [&lexicon.path])
            .writes("--out", &results.out)
            .writes("--phones-ctm", &results.phones_ctm)
            .writes("--words-ctm", &results.words_ctm)
            .writes("--json", json)
    }
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    arguments.files().check_apart()?;
    let json = JsonFile::at(arguments.json.as_deref())?;
    let Results { phones_ctm, words_ctm, .. } = &arguments.results;
    let ctm = |path: &Option<PathBuf>, what| path.as_deref().map(|path| OutFile::at(path, what)).transpose();
    let ctms = Ctms::new(
        ctm(phones_ctm, "the phones of --phones-ctm")?,
        ctm(words_ctm, "the words of --words-ctm")?,
    );
    let runtime = tokio::runtime::Runtime::new().context("cannot start the I/O runtime")?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build();
    let pool = pool.context("cannot start the threads of the search")?;
    let (scratch, shutdown) = (Scratch::new()?, Shutdown::listen());
    let threads = Threads { pool: &pool, shutdown: &shutdown, again: AGAIN };
    let figures = runtime.block_on(align(arguments, &scratch, threads, ctms))?;
    json.write(&figures)?;
    stentor_runtime::out!("{}", figures.text(arguments.results.out.as_deref()));
    Ok(())
}

async fn align(arguments: &Args, scratch: &Scratch, threads: Threads<'_>, mut ctms: Ctms) -> Result<Figures> {
    let Args { features, model, labels, train_features, lexicon: lexicon_file, scales, .. } = arguments;
    // First everything that does not need the model's labels, which may take hours.
    let set = open(features).await?;
    let lexicon = lexicon_file.read(&set.manifest().senones, Case::Lower)?;
    Transcripts::new(&lexicon, arguments.unknown_words).check(&set, &lexicon_file.path).await?;
    let train = match train_features {
        Some(location) => open(location).await?,
        None => set.clone(),
    };
    if train.manifest().senones != set.manifest().senones {
        let (found, expected) = (&train.manifest().senones, &set.manifest().senones);
        bail!(
            "{}: expected the senones of {features} ({expected}), found others ({found}); name the set that the model was trained \
             on, with the same tree applied to both if any",
            train.location()
        );
    }
    let counted = count_alignments(&train).await;
    let statistics = counted.with_context(|| train.location().to_owned())?;
    let models = phones(&set, &statistics, scales.transition_scale).await?;
    let priors = statistics.log_priors()?;
    let aligner = WordAligner::new(&lexicon, models, &priors, scales.settings())?;

    let given =
        Labels { model: model.as_deref(), threads: arguments.threads, scratch, shutdown: threads.shutdown };
    let (labels, labeler) = given.of(features, labels.as_deref(), "align").await?;
    let labeled = Labeled::open(set, &labels).await?;
    let mut figures = Figures::new(labeled.features(), labeled.labels(), labeler);
    let mut out = match &arguments.results.out {
        Some(out) => Some(NewSet::new(Store::open(out)?, &labeled).await?),
        None => None,
    };
    let manifest = labeled.features();
    let clock = FrameClock::new(&manifest.settings);
    let aligning = Aligning {
        aligner: &aligner,
        transcripts: Transcripts::new(&lexicon, arguments.unknown_words),
        senones: &manifest.senones,
        clock,
    };
    let further = NewSet::kept_columns(manifest);
    let bar = audio_bar("align", manifest.frames() * u64::from(manifest.settings.frame_ms()));
    for place in labeled.places() {
        let rows = labeled.read_with(place, &further).await?;
        let aligned = threads.each(rows, |row| {
            let frames = row.1.frames() as u64;
            let aligned = aligning.utterance(row);
            bar.inc(frames * u64::from(manifest.settings.frame_ms()));
            aligned
        });
        for outcome in aligned.with_context(|| labeled.location().to_owned())? {
            figures.add(&outcome);
            let Outcome::Aligned(utterance) = outcome else { continue };
            ctms.add(&utterance);
            if let Some(out) = &mut out {
                out.push(*utterance).await?;
            }
        }
        if let Some(out) = &mut out {
            out.end_row_group(place).await?;
        }
    }
    bar.finish_and_clear();
    if figures.utterances == 0 {
        bail!("{features}: none of its utterances could be aligned: {}", figures.reasons());
    }
    ctms.write()?;
    if let Some(out) = out {
        figures.fingerprint = Some(out.finish(&labeled).await?.fingerprint);
    }
    Ok(figures)
}

async fn open(location: &str) -> Result<FeatureSet> {
    Ok(FeatureSet::open(&Store::open(location)?).await?)
}

#[cfg(test)]
mod tests;
