//! `stentor recognise`: the words of a whole prepared set, recognised with a trained model and scored.

mod output;
mod parts;
mod searching;
mod texts;
mod tuning;

use crate::apart::Files;
use crate::exit::{Meaning, stopped};
use crate::in_file;
use crate::json_file::JsonFile;
use crate::labeled::{Labeled, check_is_not_test, check_same_model, check_same_senones};
use crate::labeler::{AGAIN, Labels, Scratch};
use crate::material::{WordFiles, count_alignments, read_settings};
use crate::number::whole;
use crate::tested::{RESAMPLES, SEED, Tested};
use anyhow::{Context, Result, anyhow, bail};
use output::OutFolder;
use parts::Parts;
use searching::Searching;
use std::path::{Path, PathBuf};
use stentor_evaluate::words::Scored;
use stentor_evaluate::{RECOGNITION_VERSION, RecognitionFigures};
use stentor_recogniser::Settings;
use stentor_runtime::{ExitStatus, Shutdown};
use stentor_shards::FeatureSet;
use stentor_store::Store;
use texts::Texts;

/// Recognise the words of a prepared set with a trained model and score them: word error rate with its 95 % interval. With
/// `--tune-on`, scales are chosen on a dev set first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    tested: Tested,
    /// Annotated feature shards of the training set: priors of the model's outputs and durations of phones are counted in their
    /// alignments.
    #[arg(long, value_name = "SET")]
    train_features: String,
    #[command(flatten)]
    words: WordFiles,
    /// Feature shards with texts on which scales are chosen: acoustic scale, prior exponent and word penalty.
    #[arg(long, value_name = "SET")]
    tune_on: Option<String>,
    /// Label shards of the model for `--tune-on`; with `--model`, where they are written and kept.
    #[arg(long, value_name = "SET", requires = "tune_on")]
    dev_labels: Option<String>,
    /// Scales and limits, as `--out` writes them, in place of the defaults; with `--tune-on`, where tuning begins.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Phrases that are made more likely: one on each line, with its boost in nats after a tab if it has one of its own.
    #[arg(long, value_name = "FILE")]
    phrases: Option<PathBuf>,
    /// Another system's figures on the same utterances, written with `--json`: says how sure the difference is.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Folder for `settings.json`, and for the texts that were compared: `reference.trn`, `hypothesis.trn`, `reference.stm`, and
    /// `hypothesis.ctm` with times.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Threads for the model and for the search, at most 1024; 0 means all cores. The words do not depend on it.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<usize>(..=1024))]
    threads: usize,
}

impl Args {
    fn files(&self) -> Files {
        let Self {
            train_features, words, tune_on, dev_labels, settings, phrases, baseline, out, json, ..
        } = self;
        self.tested
            .files()
            .reads("--train-features", [train_features])
            .reads("--lexicon", [&words.lexicon.path])
            .reads("--lm", [&words.lm])
            .reads("--tune-on", tune_on)
            .reads("--dev-labels", dev_labels)
            .reads("--settings", settings)
            .reads("--phrases", phrases)
            .reads("--baseline", baseline)
            .writes("--out", out.iter().flat_map(|folder| OutFolder::paths(folder)))
            .writes("--json", json)
    }
}

pub(crate) fn run(arguments: Args) -> Result<()> {
    if arguments.tested.model.is_none() && arguments.tune_on.is_some() && arguments.dev_labels.is_none() {
        return Err(anyhow!("--tune-on requires --dev-labels, or --model to compute them"))
            .meaning(ExitStatus::Config);
    }
    arguments.files().check_apart()?;
    let baseline = arguments.baseline.as_deref().map(read_figures).transpose()?;
    let json = JsonFile::at(arguments.json.as_deref())?;
    let out = arguments.out.as_deref().map(OutFolder::at).transpose()?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the I/O runtime")?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build();
    let pool = pool.context("cannot start the threads of the search")?;
    let recognition =
        Recognition { arguments, baseline, scratch: Scratch::new()?, shutdown: Shutdown::listen(), pool };
    let Recognised { mut figures, settings, scored, found } = runtime.block_on(recognition.run())?;
    if recognition.shutdown.is_requested() {
        return Err(stopped(AGAIN));
    }
    if let Some(baseline) = &recognition.baseline {
        figures = figures.against(baseline, RESAMPLES, SEED);
    }
    json.write(&figures)?;
    if let Some(out) = out {
        out.write(&settings, &scored, &found)?;
    }
    stentor_runtime::out!("{}", figures.to_text());
    Ok(())
}

/// One run of the command.
struct Recognition {
    arguments: Args,
    /// Another system's figures on the same utterances.
    baseline: Option<RecognitionFigures>,
    /// Scratch folder for labels that need not be kept.
    scratch: Scratch,
    shutdown: Shutdown,
    /// Threads of the search.
    pool: rayon::ThreadPool,
}

/// What a run gives.
struct Recognised {
    figures: RecognitionFigures,
    settings: Settings,
    scored: Scored,
    found: searching::Found,
}

impl Recognition {
    async fn run(&self) -> Result<Recognised> {
        let Args { tested, train_features, words, tune_on, .. } = &self.arguments;
        let Tested { features, labels, .. } = tested;
        // First everything that does not need the model's labels, which may take hours.
        let test = open(features).await?;
        let texts = Texts::read(&test).await?;
        self.check_baseline(&texts)?;
        let train = open(train_features).await?;
        check_same_senones(train_features, train.manifest(), test.manifest())?;
        let dev = match tune_on {
            Some(location) => {
                let dev = open(location).await?;
                check_is_not_test(location, dev.manifest(), test.manifest())?;
                check_same_senones(location, dev.manifest(), test.manifest())?;
                Texts::read(&dev).await?;
                Some((location, dev))
            }
            None => None,
        };
        let settings = self.arguments.settings.as_deref().map(read_settings).transpose()?;
        let statistics = count_alignments(&train).await.with_context(|| train_features.clone())?;
        let settings = Settings { statistics: Some(statistics), ..settings.unwrap_or_default() };
        let phrases = self.arguments.phrases.as_deref();
        let Parts { mut recogniser, phrases, known } =
            Parts::new(&test, &texts, words, settings, phrases).await?;

        let (test_labels, labeler) = self.labels().of(features, labels.as_deref(), "test").await?;
        let test = Labeled::open(test, &test_labels).await?;
        let searching = Searching { phrases: phrases.as_ref(), pool: &self.pool, shutdown: &self.shutdown };
        let mut dev_wer = None;
        if let Some((location, dev)) = dev {
            let given = self.arguments.dev_labels.as_deref();
            let (dev_labels, _) = self.labels().of(location, given, "dev").await?;
            let dev = Labeled::open(dev, &dev_labels).await?;
            check_same_model(&dev, &test)?;
            let dev = tuning::Dev::read(&dev, recogniser.outputs()).await?;
            let tuned = dev.tune(&searching, &recogniser, location)?;
            (recogniser, dev_wer) = (tuned.recogniser, Some(tuned.wer));
        }
        let found = searching.set(&recogniser, &test).await?;

        let (mut figures, scored) = RecognitionFigures::score(found.utterances.clone(), RESAMPLES, SEED)
            .with_context(|| features.clone())?;
        figures.dev_wer = dev_wer;
        figures.without_text = texts.without;
        (figures.no_path, figures.incomplete) = (found.no_path, found.incomplete);
        figures.settings =
            serde_json::to_value(Settings { statistics: None, ..recogniser.settings().clone() })?;
        figures.vocabulary = known.figures();
        figures.perplexity = known.perplexity();
        figures.audio_hours = found.frames() as f64 * f64::from(found.frame_ms) / 3.6e6;
        figures.decoding_seconds = found.seconds;
        figures.times_real_time = (found.seconds > 0.0).then(|| figures.audio_hours * 3600.0 / found.seconds);
        figures.labeler = labeler;
        figures.features_fingerprint.clone_from(&test.features().fingerprint);
        (figures.outputs, figures.outputs_kept) = (recogniser.outputs(), test.labels().top_k);
        figures.model_fingerprint.clone_from(&test.labels().teacher_fingerprint);
        let figures = figures.with_unknown_words(known.unknown(&scored));
        Ok(Recognised { figures, settings: recogniser.settings().clone(), scored, found })
    }

    fn labels(&self) -> Labels<'_> {
        let Args { tested, threads, .. } = &self.arguments;
        let Self { scratch, shutdown, .. } = self;
        Labels { model: tested.model.as_deref(), threads: *threads, scratch, shutdown }
    }

    /// Checks that the other system has recognised the utterances of the test set, with the same texts.
    fn check_baseline(&self, texts: &Texts) -> Result<()> {
        let (Some(baseline), Some(path)) = (&self.baseline, &self.arguments.baseline) else { return Ok(()) };
        let expected = RecognitionFigures {
            normaliser_version: stentor_evaluate::words::NORMALISER,
            utterances: texts.utterances.clone(),
            ..RecognitionFigures::default()
        };
        if !baseline.has_test_set_of(&expected) {
            bail!(
                "{}: expected figures on the same {} utterances with the same texts, scored by normaliser {}, found others ({} \
                 utterances, normaliser {}); recognise `--features` with that system as well",
                path.display(),
                expected.utterances.len(),
                expected.normaliser_version,
                baseline.utterances.len(),
                baseline.normaliser_version
            );
        }
        Ok(())
    }
}

async fn open(location: &str) -> Result<FeatureSet> {
    Ok(FeatureSet::open(&Store::open(location)?).await?)
}

fn read_figures(path: &Path) -> Result<RecognitionFigures> {
    let told = || format!("{}: expected figures of `stentor recognise --json`", path.display());
    let figures: RecognitionFigures =
        serde_json::from_str(&in_file::text(path, "figures of `stentor recognise --json`")?)
            .with_context(told)?;
    if figures.schema_version != RECOGNITION_VERSION {
        bail!(
            "{}: expected figures of version {RECOGNITION_VERSION}, found version {}; recognise with that system again",
            path.display(),
            figures.schema_version
        );
    }
    Ok(figures)
}

#[cfg(test)]
mod tests;
