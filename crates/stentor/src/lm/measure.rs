//! `stentor lm perplexity`.

use super::files;
use crate::text::Text;
use anyhow::Result;
use indicatif::HumanCount;
use serde_json::json;
use std::path::PathBuf;
use stentor_language::{Perplexity, perplexity};

/// Measure how well a model predicts a text: its perplexity, with the end of each sentence, without and with unknown words.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model, an ARPA file.
    #[arg(long, value_name = "FILE")]
    lm: PathBuf,
    /// Text in UTF-8 with one sentence on each line and spaces between words.
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Args) -> Result<()> {
    let model = files::read_model(&arguments.lm)?;
    let found = files::read(&arguments.text, "a text (--text)", |text| perplexity(&model, text))?;
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&figures(&found))? + "\n",
        false => text(&arguments.text.display().to_string(), &found),
    };
    stentor_runtime::out!("{text}");
    Ok(())
}

fn figures(found: &Perplexity) -> serde_json::Value {
    json!({
        "sentences": found.sentences,
        "words": found.words,
        "unknown": found.unknown,
        "log10_known": found.log_prob_known,
        "log10_all": found.log_prob_all,
        "perplexity_known": found.known(),
        "perplexity_all": found.all(),
    })
}

fn text(path: &str, found: &Perplexity) -> String {
    let mut text = Text::default();
    let share = 100.0 * found.unknown as f64 / found.words.max(1) as f64;
    text.heading(path);
    text.item("sentences", HumanCount(found.sentences));
    text.item("words", HumanCount(found.words));
    text.item("unknown words", format!("{} ({share:.2} %)", HumanCount(found.unknown)));
    text.item("perplexity of known words", format!("{:.3}", found.known()));
    let all =
        found.all().map_or_else(|| "none: the model has no <unk>".to_owned(), |all| format!("{all:.3}"));
    text.item("perplexity of all words", all);
    text.finish()
}
