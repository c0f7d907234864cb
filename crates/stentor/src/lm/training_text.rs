//! `stentor lm text`.

use crate::apart::Files;
use crate::in_file;
use crate::json_file::JsonFile;
use crate::out_file::OutFile;
use crate::text::{Text, counted};
use anyhow::{Result, bail};
use indicatif::HumanCount;
use serde_json::json;
use std::path::PathBuf;
use stentor_evaluate::words::{NORMALISER, Tally, normalise};
use stentor_prepare::{Fold, TrainingTexts, training_texts};

/// Write text for a language model, normalised as for word error rates, one sentence on each line: that of files, or that of a
/// prepared corpus without the groups of dev and test.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["text", "corpus"]))]
pub(crate) struct Args {
    /// Texts in UTF-8 with one sentence on each line.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    text: Vec<PathBuf>,
    /// Data directory of a prepared corpus; its file `text` is read.
    #[arg(long, value_name = "DIR", requires = "prepared")]
    corpus: Option<PathBuf>,
    /// The folder that `stentor prepare --out` made of the corpus.
    #[arg(long, value_name = "DIR", requires = "corpus")]
    prepared: Option<PathBuf>,
    /// Leave out the groups of fold K of N, too, for a language model that refines labels of these groups (`stentor relabel`).
    #[arg(long, value_name = "K/N", requires = "corpus")]
    without_fold: Option<Fold>,
    /// The text to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn run(arguments: &Args) -> Result<()> {
    let Args { text, corpus, prepared, out, json, .. } = arguments;
    let files = Files::default()
        .reads("--text", text)
        .reads("--prepared", prepared.iter().map(|sets| sets.join("split.json")));
    let files = files
        .reads("--corpus", corpus.iter().flat_map(|corpus| [corpus.join("text"), corpus.join("utt2group")]));
    files.writes("--out", [out]).writes("--json", json).check_apart()?;
    let out = OutFile::at(out, "the text of --out")?;
    let json_file = JsonFile::at(arguments.json.as_deref())?;
    let TrainingTexts { texts, held_out, other_fold, without_text } =
        match (&arguments.corpus, &arguments.prepared) {
            (Some(corpus), Some(prepared)) => training_texts(corpus, prepared, arguments.without_fold)?,
            _ => of_files(&arguments.text)?,
        };
    let mut lines = String::new();
    let mut tally = Tally::default();
    let (mut sentences, mut words, mut without_words) = (0u64, 0u64, 0u64);
    for (_, text) in &texts {
        let normalised = normalise(text);
        tally += &normalised.tally;
        if normalised.words.is_empty() {
            without_words += 1;
            continue;
        }
        sentences += 1;
        words += normalised.words.len() as u64;
        lines += &normalised.words.join(" ");
        lines.push('\n');
    }
    if sentences == 0 {
        bail!("expected texts with words to estimate a language model from, found none");
    }
    out.write(lines.as_bytes())?;
    json_file.write(&json!({
        "normaliser": NORMALISER,
        "sentences": sentences,
        "words": words,
        "held_out": held_out,
        "other_fold": other_fold,
        "without_text": without_text,
        "without_words": without_words,
        "tally": tally,
    }))?;
    let mut text = Text::default();
    text.heading(arguments.out.display());
    text.item("sentences", HumanCount(sentences));
    text.item("words", format!("{}, normaliser {NORMALISER}", HumanCount(words)));
    if arguments.corpus.is_some() {
        text.item("left out, in groups of dev and test", counted(held_out, "utterance"));
        if let Some(Fold { number, of }) = arguments.without_fold {
            text.item(
                "left out, in other groups",
                format!("{} of fold {number}/{of}", counted(other_fold, "utterance")),
            );
        }
        text.item("without a text or without words", counted(without_text + without_words, "utterance"));
    }
    if tally.unspelt > 0 {
        text.item("words with digits or signs, which no lexicon has", HumanCount(tally.unspelt));
    }
    stentor_runtime::out!("{}", text.finish());
    Ok(())
}

/// The lines of files; nothing of them is held out.
fn of_files(paths: &[PathBuf]) -> Result<TrainingTexts> {
    let mut found = TrainingTexts::default();
    for path in paths {
        let text = in_file::text(path, "a text of --text")?;
        found.texts.extend(text.lines().map(|line| (String::new(), line.to_owned())));
    }
    Ok(found)
}
