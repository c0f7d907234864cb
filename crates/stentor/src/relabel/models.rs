//! What labels are refined with.

use super::Args;
use crate::in_file;
use crate::material::{WordFiles, phones, read_settings};
use anyhow::{Context, Result};
use serde_json::json;
use stentor_inventory::Lexicon;
use stentor_recogniser::{AlignSettings, Recogniser, Settings, Statistics, Vocabulary, WordAligner};
use stentor_shards::FeatureSet;

/// Lexicon and language models, joined with the model's senones.
pub(super) struct Models {
    /// At least one.
    pub(super) folds: Vec<Fold>,
    pub(super) aligner: WordAligner,
    /// The words of all folds.
    pub(super) lexicon: Lexicon,
}

/// The groups of one fold.
pub(super) struct Fold {
    pub(super) recogniser: Recogniser,
}

impl Models {
    pub(super) async fn read(set: &FeatureSet, arguments: &Args, statistics: Statistics) -> Result<Self> {
        let settings = arguments.settings.as_deref().map(read_settings).transpose()?.unwrap_or_default();
        let phones = phones(set, &statistics, settings.transition_scale).await?;
        let priors = statistics.log_priors()?;
        let settings = Settings { statistics: Some(statistics), ..settings };
        let mut lexicons = Vec::with_capacity(arguments.lm.len());
        let mut folds = Vec::with_capacity(arguments.lm.len());
        for lm in &arguments.lm {
            let words = WordFiles { lexicon: arguments.lexicon.clone(), lm: lm.clone() };
            let (lexicon, language) = words.read(&set.manifest().senones)?;
            let both = || format!("{} and {}", words.lexicon.path.display(), lm.display());
            let vocabulary = Vocabulary::new(&lexicon, &language, []).with_context(both)?;
            let recogniser = Recogniser::new(&vocabulary, language, &phones, &priors, settings.clone())?;
            folds.push(Fold { recogniser });
            lexicons.push(lexicon);
        }
        let lexicon = lexicons.into_iter().next().context("expected a language model, found none")?;
        let aligner = WordAligner::new(&lexicon, phones, &priors, AlignSettings::default())?;
        Ok(Self { folds, aligner, lexicon })
    }

    /// Identifies the refined labels of a model: they depend on nothing else.
    pub(super) fn fingerprint(&self, model: &str, arguments: &Args) -> Result<String> {
        let Args { lexicon, lm, share, draws, seed, .. } = arguments;
        let hash = |path: &std::path::Path| -> Result<String> {
            let bytes = in_file::bytes(path, "a lexicon or language model")?;
            Ok(blake3::hash(&bytes).to_hex().to_string())
        };
        let by = json!({
            "refined": model,
            "lexicon": hash(&lexicon.path)?,
            "lm": lm.iter().map(|lm| hash(lm)).collect::<Result<Vec<_>>>()?,
            "settings": self.folds[0].recogniser.settings(),
            "share": share,
            "draws": draws,
            "seed": seed,
        });
        Ok(blake3::hash(by.to_string().as_bytes()).to_hex().to_string())
    }
}
