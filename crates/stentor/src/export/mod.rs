//! `stentor export`: a trained model as a folder that recognises words by itself.

use crate::apart::Files;
use crate::material::{WordFiles, count_alignments, left_out_words, read_settings};
use crate::text::counted;
use crate::trust::PublicKeyFiles;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use stentor_checkpoint::DeployedModel;
use stentor_inventory::LeftOut;
use stentor_recogniser::{Settings, Vocabulary};
use stentor_shards::FeatureSet;
use stentor_store::Store;
use stentor_transcribe::{Bundle, Contents, TrainedModel};

/// Make a model folder that `stentor transcribe` recognises words with: parameters, senones, lexicon, language model, settings.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to make.
    #[arg(long, value_name = "DIR")]
    bundle: PathBuf,
    /// The model: a run or one of its checkpoints. It must be unidirectional.
    #[arg(long, value_name = "RUN")]
    model: String,
    /// Feature shards that it was trained on, or others like them: they say up to which frequency the corpus had sound, and have
    /// the tying tree if the senones are of one.
    #[arg(long, value_name = "SET")]
    features: String,
    #[command(flatten)]
    public_keys: PublicKeyFiles,
    #[command(flatten)]
    words: WordFiles,
    /// Scales and limits, and the counts of aligned speech: the `settings.json` that `stentor recognise --out` wrote, or
    /// that of an earlier folder. Without it scales are defaults that nothing was tuned for, and the alignments of --features are
    /// counted.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// The files of a model folder.
const PARTS: [&str; 6] =
    ["bundle.json", "model.safetensors", "settings.json", "lexicon.txt", "lm.arpa", "tree.json"];

impl Args {
    fn files(&self) -> Files {
        let Self { bundle, model, features, words, settings, .. } = self;
        Files::default()
            .reads("--model", [model])
            .reads("--features", [features])
            .reads("--lexicon", [&words.lexicon.path])
            .reads("--lm", [&words.lm])
            .reads("--settings", settings)
            .writes("--bundle", PARTS.map(|name| bundle.join(name)))
    }
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    arguments.files().check_apart()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exported = runtime.map_err(stentor_runtime::Error::Threads)?.block_on(export(arguments))?;
    stentor_runtime::out!("{}", exported.text(&arguments.bundle.display().to_string()));
    Ok(())
}

/// A model folder, and which words it cannot recognise.
struct Exported {
    bundle: Bundle,
    left_out: LeftOut,
    /// Words of the language model that the lexicon does not have.
    without_pronunciation: u64,
}

impl Exported {
    fn text(&self, folder: &str) -> String {
        let Self { bundle, left_out, without_pronunciation } = self;
        let description = bundle.description();
        let bytes: u64 = description.parts.iter().map(|part| part.bytes).sum();
        let mut text = format!(
            "{folder}: the model of {} with {} and {}, {:.1} MB, fingerprint {}\n",
            description.trained.checkpoint,
            counted(description.trained.senones.len() as u64, "output"),
            counted(bundle.words() as u64, "word"),
            bytes as f64 / 1e6,
            description.fingerprint
        );
        if *without_pronunciation > 0 {
            let words = counted(*without_pronunciation, "word");
            let are = if *without_pronunciation == 1 { "is" } else { "are" };
            text += &format!("{words} of the language model {are} not in the lexicon\n");
        }
        if let Some(told) = left_out_words(left_out) {
            text += &told;
            text.push('\n');
        }
        text
    }
}

async fn export(arguments: &Args) -> Result<Exported> {
    let Args { bundle, model: location, features, public_keys, words, settings } = arguments;
    let trust = public_keys.read()?;
    let set = FeatureSet::open(&Store::open(features)?).await.with_context(|| features.clone())?;
    let deployed = DeployedModel::load_trusted(&Store::open(location)?, trust.as_ref()).await;
    let deployed = deployed.with_context(|| location.clone())?;
    let DeployedModel { manifest, parameters } = deployed;
    if manifest.features_fingerprint != set.manifest().inputs_fingerprint() {
        bail!(
            "{features}: expected the features and senones that {location} was trained on, found others; name the set that it was \
             trained on"
        );
    }
    let normalisation = manifest.normalisation.with_context(|| {
        format!("{location}: expected means and deviations of the model, found none: it cannot be used")
    })?;
    let senones = set.manifest().senones.clone();
    let settings = match settings {
        Some(path) => {
            let settings = read_settings(path)?;
            let counts = settings.statistics.as_ref().map(|counts| counts.check(senones.len()));
            counts.transpose().with_context(|| path.display().to_string())?;
            settings
        }
        None => {
            let statistics = count_alignments(&set).await.with_context(|| features.clone())?;
            Settings { statistics: Some(statistics), ..Settings::default() }
        }
    };
    let (lexicon, language) = words.read(&senones)?;
    let contents = Contents {
        trained: TrainedModel {
            run_id: manifest.run_id,
            checkpoint: manifest.name,
            model: manifest.model,
            features: set.manifest().resolved_settings(),
            normalisation,
            senones,
        },
        parameters: parameters.to_bytes()?.to_vec(),
        tree: set.tree().await?.map(|bytes| bytes.to_vec()),
        lexicon: &lexicon,
        language: &language,
        settings: &settings,
    };
    let written = contents.write(bundle).map_err(|error| match error {
        network @ stentor_transcribe::Error::Network(_) => {
            anyhow::Error::new(network).context(format!("--model {location}"))
        }
        other => other.into(),
    })?;
    let vocabulary = Vocabulary::new(&lexicon, &language, [])?;
    Ok(Exported {
        bundle: written,
        left_out: lexicon.left_out().clone(),
        without_pronunciation: vocabulary.without_pronunciation(),
    })
}

#[cfg(test)]
pub(crate) mod tests;
