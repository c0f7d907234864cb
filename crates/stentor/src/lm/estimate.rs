//! `stentor lm estimate`.

use super::files;
use crate::apart::Files;
use crate::json_file::JsonFile;
use crate::number::whole;
use crate::text::{Text, counted};
use anyhow::Result;
use indicatif::HumanCount;
use serde::Serialize;
use std::path::PathBuf;
use stentor_language::{
    Counts, Discounts, Estimate, EstimatedOrder, Fallback, MAX_ORDER, Model, Pruned, Vocabulary, estimate,
    prune,
};

/// Estimate an n-gram model from text, with interpolated modified Kneser-Ney smoothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Text in UTF-8 with one sentence on each line and spaces between words; several are counted together.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    text: Vec<PathBuf>,
    /// Length of the longest n-grams, in words.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = whole::<usize>(1..=MAX_ORDER as u64))]
    order: usize,
    /// The model to write, an ARPA file; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The words of the model, one on each line; all others are `<unk>`. Default: all words of the text.
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
    /// Remove each n-gram that alone raises the perplexity relatively by less than this, for example 1e-8.
    #[arg(long, value_name = "THRESHOLD", value_parser = threshold)]
    prune: Option<f64>,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn threshold(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| format!("expected a number of 0 or more, found `{text}`"))
}

pub(super) fn run(arguments: &Args) -> Result<()> {
    let Args { text, vocabulary, out, json, .. } = arguments;
    let files = Files::default().reads("--text", text).reads("--vocabulary", vocabulary);
    files.writes("--out", [out]).writes("--json", json).check_apart()?;
    let out = files::model_file(out)?;
    let json_file = JsonFile::at(arguments.json.as_deref())?;
    let mut counts = match &arguments.vocabulary {
        Some(list) => Counts::closed(
            files::read(list, "a list of words (--vocabulary)", Vocabulary::read)?,
            arguments.order,
        )?,
        None => Counts::new(Vocabulary::with_unknown(), arguments.order)?,
    };
    for path in &arguments.text {
        files::read(path, "a text (--text)", |text| counts.add_text(text))?;
    }
    let Estimate { model, orders } = estimate(&counts)?;
    let (model, pruning) = match arguments.prune {
        Some(threshold) => pruned(&model, threshold)?,
        None => (model, None),
    };
    files::write_model(&model, &out)?;
    let figures = Figures {
        sentences: counts.sentences(),
        words: counts.words(),
        unknown: counts.unknown(),
        vocabulary: model.vocabulary().predicted(),
        ngrams: (1..=model.order()).map(|order| model.len_of(order)).collect(),
        orders,
        pruning,
    };
    json_file.write(&figures)?;
    for (order, reason) in figures.fallbacks() {
        stentor_runtime::errln!(
            "warning: the discounts of {order}-grams cannot be estimated, because {reason}: the text is small or repeats itself; \
             used {}",
            words(&Discounts::FALLBACK)
        );
    }
    stentor_runtime::out!("{}", figures.text(&arguments.out.display().to_string()));
    Ok(())
}

fn pruned(model: &Model, threshold: f64) -> Result<(Model, Option<Pruning>)> {
    let Pruned { model, removed, perplexity_change } = prune(model, threshold)?;
    Ok((model, Some(Pruning { threshold, removed, perplexity_change })))
}

fn words(discounts: &Discounts) -> String {
    let Discounts { one, two, more } = discounts;
    format!("{one:.3}, {two:.3} and {more:.3}")
}

/// What `--json` gets.
#[derive(Debug, Serialize)]
struct Figures {
    sentences: u64,
    words: u64,
    unknown: u64,
    /// Words that the model predicts, with `</s>` and `<unk>`.
    vocabulary: usize,
    /// Of the model that was written, 1-grams first.
    ngrams: Vec<usize>,
    /// Before pruning.
    orders: Vec<EstimatedOrder>,
    pruning: Option<Pruning>,
}

#[derive(Debug, Serialize)]
struct Pruning {
    threshold: f64,
    /// 1-grams first.
    removed: Vec<usize>,
    /// Relative, as predicted.
    perplexity_change: f64,
}

impl Figures {
    fn fallbacks(&self) -> impl Iterator<Item = (usize, Fallback)> {
        self.orders.iter().filter_map(|order| Some((order.order, order.fallback?)))
    }

    fn text(&self, path: &str) -> String {
        let mut text = Text::default();
        text.heading(path);
        text.item("sentences", HumanCount(self.sentences));
        text.item("words", format!("{}, {} unknown", HumanCount(self.words), HumanCount(self.unknown)));
        text.item("vocabulary", format!("{}, with </s> and <unk>", counted(self.vocabulary as u64, "word")));
        for (order, ngrams) in self.orders.iter().zip(&self.ngrams) {
            let source = if order.fallback.is_some() { " (not estimated)" } else { "" };
            text.item(
                format!("{}-grams", order.order),
                format!("{}, discounts {}{source}", HumanCount(*ngrams as u64), words(&order.discounts)),
            );
        }
        if let Some(pruning) = &self.pruning {
            let removed: usize = pruning.removed.iter().sum();
            let change = 100.0 * pruning.perplexity_change;
            text.item(
                "pruned",
                format!("{}, predicted perplexity {change:+.3} %", counted(removed as u64, "n-gram")),
            );
        }
        text.finish()
    }
}
