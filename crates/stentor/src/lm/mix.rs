//! `stentor lm mix`.

use super::files;
use crate::apart::Files;
use crate::exit::Meaning;
use crate::json_file::JsonFile;
use crate::text::Text;
use anyhow::{Context, Result, anyhow};
use indicatif::HumanCount;
use serde_json::json;
use std::path::PathBuf;
use stentor_language::{Model, Weights, check_weights, interpolate, tune_weights};
use stentor_runtime::ExitStatus;

/// Mix models of the same words by linear interpolation. Estimate them with the same `--vocabulary`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("how").required(true).args(["weights", "held_out"]))]
pub(crate) struct Args {
    /// A model, an ARPA file; give two or more.
    #[arg(long, value_name = "FILE", required = true)]
    lm: Vec<PathBuf>,
    /// Weights of the models in the same order, with commas between them; their sum is 1.
    #[arg(long, value_name = "WEIGHTS", value_delimiter = ',')]
    weights: Option<Vec<f64>>,
    /// Text that none of the models was estimated from; the weights are chosen to maximise its probability.
    #[arg(long, value_name = "FILE")]
    held_out: Option<PathBuf>,
    /// The model to write, an ARPA file; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn run(arguments: &Args) -> Result<()> {
    let Args { lm, weights, held_out, out, json } = arguments;
    if lm.len() < 2 {
        return Err(anyhow!("expected two or more models to mix, found one; give --lm for each"))
            .meaning(ExitStatus::Config);
    }
    if let Some(weights) = weights {
        check_weights(lm.len(), weights).context("--weights").meaning(ExitStatus::Config)?;
    }
    let read = Files::default().reads("--lm", lm).reads("--held-out", held_out);
    read.writes("--out", [out]).writes("--json", json).check_apart()?;
    let out_file = files::model_file(out)?;
    let json_file = JsonFile::at(json.as_deref())?;
    let models = lm.iter().map(|path| files::read_model(path)).collect::<Result<Vec<Model>>>()?;
    let models: Vec<&Model> = models.iter().collect();
    let (weights, tuned) = match (weights, held_out) {
        (Some(weights), _) => (weights.clone(), None),
        (None, Some(text)) => {
            let tuned: Weights =
                files::read(text, "a text (--held-out)", |text| tune_weights(&models, text))?;
            (tuned.weights.clone(), Some(tuned))
        }
        (None, None) => {
            return Err(anyhow!("expected --weights or --held-out")).meaning(ExitStatus::Config);
        }
    };
    let mixture = interpolate(&models, &weights)?;
    files::write_model(&mixture, &out_file)?;
    let ngrams: Vec<usize> = (1..=mixture.order()).map(|order| mixture.len_of(order)).collect();
    json_file.write(&json!({
        "models": lm,
        "weights": weights,
        "held_out": tuned,
        "ngrams": ngrams,
    }))?;
    let mut text = Text::default();
    text.heading(out.display());
    for (path, weight) in lm.iter().zip(&weights) {
        text.item(path.display(), format!("{weight:.4}"));
    }
    for (order, ngrams) in (1..).zip(ngrams) {
        text.item(format!("{order}-grams"), HumanCount(ngrams as u64));
    }
    if let Some(Weights { perplexity, iterations, .. }) = tuned {
        text.item("perplexity of --held-out", format!("{perplexity:.3}, after {iterations} iterations"));
    }
    stentor_runtime::out!("{}", text.finish());
    Ok(())
}
