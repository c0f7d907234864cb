//! `stentor evaluate`: error rates of a model on annotated features.

mod scoring;
mod sets;

use crate::apart::Files;
use crate::exit::{Meaning, stopped};
use crate::in_file;
use crate::json_file::JsonFile;
use crate::labeled::{Labeled, check_is_not_test, check_same_model, check_same_senones};
use crate::labeler::{AGAIN, Labels, Scratch};
use crate::number::whole;
use crate::tested::{RESAMPLES, SEED, Tested};
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use stentor_evaluate::{DecoderFigures, DecoderSettings, FIGURES_VERSION, Figures, Grid, PhoneModel, tune};
use stentor_inventory::PhoneSet;
use stentor_runtime::{ExitStatus, Shutdown};
use stentor_shards::FeatureSet;

/// Score a trained model, or label shards that it has written, against annotated shards: frame error rate and, with
/// `--train-features`, phone error rate.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    tested: Tested,
    /// Annotated feature shards of the training set: phone bigram, durations and priors come from them.
    #[arg(long, value_name = "SET")]
    train_features: Option<String>,
    /// Annotated feature shards on which the decoder's settings are chosen.
    #[arg(long, value_name = "SET", requires = "train_features")]
    dev_features: Option<String>,
    /// Label shards of the model for `--dev-features`; with `--model`, where they are written and kept.
    #[arg(long, value_name = "SET", requires = "dev_features")]
    dev_labels: Option<String>,
    /// Another system's figures on the same test set, written with `--json`. The report then includes the confidence in
    /// the difference.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Threads for the model, at most 1024; 0 means all cores.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<usize>(..=1024))]
    threads: usize,
}

impl Args {
    fn files(&self) -> Files {
        let Self { train_features, dev_features, dev_labels, baseline, json, .. } = self;
        self.tested
            .files()
            .reads("--train-features", train_features)
            .reads("--dev-features", dev_features)
            .reads("--dev-labels", dev_labels)
            .reads("--baseline", baseline)
            .writes("--json", json)
    }
}

pub(crate) fn run(arguments: Args) -> Result<()> {
    if arguments.tested.model.is_none() && arguments.dev_features.is_some() && arguments.dev_labels.is_none()
    {
        return Err(anyhow!("--dev-features requires --dev-labels, or --model to compute them"))
            .meaning(ExitStatus::Config);
    }
    arguments.files().check_apart()?;
    let baseline = arguments.baseline.as_deref().map(read_figures).transpose()?;
    let json = JsonFile::at(arguments.json.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the I/O runtime")?;
    let shutdown = Shutdown::listen();
    let evaluation = Evaluation { arguments, baseline, scratch: Scratch::new()?, shutdown };
    let mut figures = runtime.block_on(evaluation.run())?;
    if evaluation.shutdown.is_requested() {
        return Err(stopped(AGAIN));
    }
    if let Some(baseline) = &evaluation.baseline {
        figures = figures.against(baseline, RESAMPLES, SEED);
    }
    json.write(&figures)?;
    stentor_runtime::out!("{}", figures.to_text());
    Ok(())
}

/// One run of the command.
struct Evaluation {
    arguments: Args,
    /// Another system's figures on the same test set.
    baseline: Option<Figures>,
    /// Scratch folder for labels that need not be kept.
    scratch: Scratch,
    shutdown: Shutdown,
}

impl Evaluation {
    async fn run(&self) -> Result<Figures> {
        let Args { tested, train_features, dev_features, .. } = &self.arguments;
        let Tested { features, labels, .. } = tested;
        // First everything that does not need the model's labels, which may take hours.
        let test = sets::annotated(features).await?;
        self.check_baseline(&test.manifest().fingerprint)?;
        let phones = PhoneSet::new(&test.manifest().senones)?;
        let model = match train_features {
            Some(location) => Some(sets::phone_model(location, &phones, test.manifest()).await?),
            None => None,
        };
        let dev = match dev_features {
            Some(location) => {
                let dev = sets::annotated(location).await?;
                check_is_not_test(location, dev.manifest(), test.manifest())?;
                check_same_senones(location, dev.manifest(), test.manifest())?;
                Some(dev)
            }
            None => None,
        };
        let (test_labels, labeler) = self.labels().of(features, labels.as_deref(), "test").await?;
        let test = Labeled::open(test, &test_labels).await?;
        let decoder = match &model {
            Some(model) => Some(self.choose_settings(&phones, model, dev, &test).await?),
            None => None,
        };
        let settings = decoder.map(|d| d.settings);
        let scored = scoring::score(&test, &phones, model.as_ref().zip(settings)).await?;
        let total = scored.board.total();
        let frame_hours = f64::from(test.features().settings.frame_ms()) / 3.6e6;
        Ok(Figures {
            schema_version: FIGURES_VERSION,
            fer: total.frames.rate(),
            fer_speech: total.frames.speech_rate(),
            per: total.phones.rate(),
            frames: total.frames,
            phones: total.phones,
            phone_reference: model.as_ref().map(|_| test.phone_reference()),
            utterances: scored.utterances,
            unannotated: scored.unannotated,
            audio_hours: total.frames.frames as f64 * frame_hours,
            // Labels that were there already say nothing about speed.
            audio_hours_per_s: labeler.filter(|l| l.frames > 0).map(|l| l.audio_hours_per_s),
            decoder,
            labeler,
            features_fingerprint: test.features().fingerprint.clone(),
            model_fingerprint: test.labels().teacher_fingerprint.clone(),
            differences: Vec::new(),
            by_group: scored.board,
        })
    }

    /// Checks that the other system was evaluated on the test set with the fingerprint `test`.
    fn check_baseline(&self, test: &str) -> Result<()> {
        match (&self.baseline, &self.arguments.baseline) {
            (Some(baseline), Some(path)) if baseline.features_fingerprint != test => bail!(
                "{}: expected figures on the same test set (fingerprint {test}), found figures on another one \
                 (fingerprint {}); evaluate that system on `--features` as well",
                path.display(),
                baseline.features_fingerprint
            ),
            _ => Ok(()),
        }
    }

    fn labels(&self) -> Labels<'_> {
        let Args { tested, threads, .. } = &self.arguments;
        let Self { scratch, shutdown, .. } = self;
        Labels { model: tested.model.as_deref(), threads: *threads, scratch, shutdown }
    }

    async fn choose_settings(
        &self,
        phones: &PhoneSet,
        model: &PhoneModel,
        dev: Option<FeatureSet>,
        test: &Labeled,
    ) -> Result<DecoderFigures> {
        let Args { dev_features, dev_labels, .. } = &self.arguments;
        let (Some(location), Some(dev)) = (dev_features, dev) else {
            return Ok(DecoderFigures { settings: DecoderSettings::default(), tried: 0, dev_per: None });
        };
        let (dev_labels, _) = self.labels().of(location, dev_labels.as_deref(), "dev").await?;
        let dev = Labeled::open(dev, &dev_labels).await?;
        check_same_model(&dev, test)?;
        let utterances = scoring::dev_utterances(&dev, phones, model).await?;
        let tuned = tune(phones, model, &utterances, &Grid::default()).with_context(|| location.clone())?;
        Ok(DecoderFigures { settings: tuned.settings, tried: tuned.tried, dev_per: tuned.errors.rate() })
    }
}

fn read_figures(path: &Path) -> Result<Figures> {
    let text = in_file::text(path, "figures of `stentor evaluate --json`")?;
    let figures: Figures = serde_json::from_str(&text)
        .with_context(|| format!("{}: expected figures of `stentor evaluate --json`", path.display()))?;
    if figures.schema_version != FIGURES_VERSION {
        bail!(
            "{}: expected figures of version {FIGURES_VERSION}, found version {}; evaluate that system again",
            path.display(),
            figures.schema_version
        );
    }
    Ok(figures)
}

#[cfg(test)]
mod tests;
