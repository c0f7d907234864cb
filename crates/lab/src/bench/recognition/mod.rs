//! Recognition: each part against a program of others that does the same.

mod decoder;
mod judge;
mod lm;
mod stream;
mod tree;
mod words;

use super::figures::{Figures, number};
use anyhow::{Context, Result};
use serde_json::Value;
use stentor_tasks::options::bench::{Recognition, RecognitionPart};
use stentor_tasks::{Environment, progress};

pub(super) fn run(environment: &Environment, options: &Recognition) -> Result<Figures> {
    let mut figures = Figures::new();
    let mut part = |part: RecognitionPart, run: &dyn Fn() -> Result<Value>| -> Result<()> {
        if options.only.is_none_or(|only| only == part) {
            let found = progress::step(part.title(), run)?;
            figures.insert(part.name().to_owned(), found);
        }
        Ok(())
    };
    part(RecognitionPart::Tree, &|| tree::run(environment))?;
    part(RecognitionPart::Lm, &|| lm::run(environment))?;
    part(RecognitionPart::Decoder, &|| decoder::run(environment))?;
    part(RecognitionPart::Stream, &|| stream::run(environment))?;
    part(RecognitionPart::WerEquals, &|| words::run(environment))?;
    println!("{}", table(&figures)?);
    Ok(figures)
}

/// What each figure means, where it is, and what it should be.
const ROWS: [(&str, &str, &str); 20] = [
    ("gain of a tree of 100 leaves / that of Kaldi's recipe", "tree/leaves/100/gain_vs_judge", "≥ 0.99"),
    ("of 500 leaves", "tree/leaves/500/gain_vs_judge", "≥ 0.99"),
    ("of 3,000 leaves", "tree/leaves/3000/gain_vs_judge", "≥ 0.99"),
    ("perplexity of a trigram model", "lm/perplexity", ""),
    ("the same by MITLM", "lm/judge", "the same to 4 digits"),
    ("share of utterances with kaldi-decoder's path and cost", "decoder/same_path", "1"),
    (
        "speed of our search with a lattice / kaldi-decoder's for the best path alone, same graph and beam",
        "decoder/speed_vs_kaldi_decoder",
        "≥ 1",
    ),
    (
        "speed of both for the best path alone, ours / kaldi-decoder's",
        "decoder/one_best_speed_vs_kaldi_one_best",
        "≥ 1",
    ),
    ("speed of both with a lattice, ours / kaldi-decoder's", "decoder/lattice_speed_vs_kaldi_lattice", "≥ 1"),
    ("share of utterances where static graph and tree agree", "decoder/static_equals_dynamic", "1"),
    ("places of a tree across words, 30,000 words", "decoder/size/large/places", ""),
    ("its megabytes", "decoder/size/large/megabytes", ""),
    (
        "largest difference of logits from libtorch's, millionths",
        "stream/max_logit_difference_millionths",
        "≤ 100",
    ),
    ("speed of the forward pass / libtorch's, frame by frame", "stream/speed_vs_libtorch", "≥ 1"),
    ("hours of sound in an hour, published student, one thread", "stream/times_real_time", "≥ 1"),
    ("peak memory with it, MB", "stream/rss_mb", ""),
    ("growth of memory over hours, small student, MB", "stream/rss_growth_mb", "0"),
    ("size of stentor-transcribe, MB", "stream/binary_mb", "a few"),
    ("share of texts whose errors are those of jiwer", "wer_equals/jiwer", "1"),
    ("share of texts whose errors are those of sclite", "wer_equals/sclite", "1"),
];

/// A Markdown table of the figures that were measured.
fn table(figures: &Figures) -> Result<String> {
    let figures = Value::Object(figures.clone());
    let mut out = "| | measured | should be |\n|---|---|---|\n".to_owned();
    for (what, path, expected) in ROWS {
        let part = path.split('/').next().unwrap_or_default();
        if figures.get(part).is_some() {
            let value = number(&figures, path).with_context(|| what.to_owned())?;
            out += &format!("| {what} | {} | {expected} |\n", (value * 1e4).round() / 1e4);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_has_the_parts_that_were_measured_and_names_a_missing_figure() {
        let Value::Object(figures) = json!({"lm": {"perplexity": 61.25, "judge": 61.25}}) else {
            unreachable!()
        };
        let shown = table(&figures).unwrap();
        assert!(shown.contains("| the same by MITLM | 61.25 | the same to 4 digits |"), "{shown}");
        assert!(!shown.contains("kaldi"), "{shown}");
        let Value::Object(figures) = json!({"wer_equals": {"jiwer": 1.0}}) else { unreachable!() };
        let error = format!("{:#}", table(&figures).unwrap_err());
        assert!(error.contains("wer_equals/sclite"), "{error}");
    }
}
