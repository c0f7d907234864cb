//! Language models against MITLM, whose programs are in the package `phonetisaurus`.

use super::judge::{output, python, texts};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_language::{Counts, Vocabulary, arpa, estimate, perplexity};
use stentor_tasks::Environment;

/// Every so many sentences one is for measuring.
const MEASURED: usize = 5;
const ORDER: usize = 3;

pub(super) fn run(environment: &Environment) -> Result<Value> {
    let path = texts(environment);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (mut train, mut measured) = (String::new(), String::new());
    for (number, (_, words)) in text.lines().filter_map(|line| line.split_once(' ')).enumerate() {
        let side = if number % MEASURED == 0 { &mut measured } else { &mut train };
        *side += &format!("{words}\n");
    }
    let words: BTreeSet<&str> = train.split_whitespace().collect();
    let vocabulary: String = words.iter().flat_map(|word| [word, "\n"]).collect();

    let mut counts = Counts::closed(Vocabulary::read(vocabulary.as_bytes())?, ORDER)?;
    counts.add_text(train.as_bytes())?;
    let estimated = estimate(&counts)?;
    let found = perplexity(&estimated.model, measured.as_bytes())?;
    let mut file = Vec::new();
    arpa::write(&estimated.model, &mut file)?;

    let folder = environment.target.join("bench-recognition-lm");
    stentor_tasks::create_folder(&folder)?;
    for (name, content) in [
        ("train", train.as_bytes()),
        ("measured", measured.as_bytes()),
        ("vocabulary", vocabulary.as_bytes()),
        ("ours.arpa", &file),
    ] {
        std::fs::write(folder.join(name), content).with_context(|| folder.display().to_string())?;
    }
    let judge = Judge::new(environment, &folder)?;
    let order = ORDER.to_string();
    judge.run(
        "estimate-ngram",
        &[
            "-order",
            &order,
            "-text",
            "train",
            "-vocab",
            "vocabulary",
            "-unk",
            "true",
            "-smoothing",
            "ModKN",
            "-write-lm",
            "judge.arpa",
        ],
    )?;
    let of = |model: &str| judge.perplexity(&order, model);
    Ok(json!({
        "perplexity": found.known(),
        "judge": of("judge.arpa")?,
        "judge_of_our_model": of("ours.arpa")?,
        "order": ORDER,
        "words": found.words,
        "unknown": found.unknown,
        "ngrams": (1..=ORDER).map(|order| estimated.model.len_of(order)).collect::<Vec<_>>(),
    }))
}

struct Judge<'a> {
    package: PathBuf,
    folder: &'a Path,
}

impl<'a> Judge<'a> {
    fn new(environment: &Environment, folder: &'a Path) -> Result<Self> {
        const PROGRAM: &str =
            "import pathlib, phonetisaurus; print(pathlib.Path(phonetisaurus.__file__).parent)";
        let package = python(environment, PROGRAM, &[])?;
        let package = PathBuf::from(package.lines().next().unwrap_or_default());
        ensure!(package.is_dir(), "expected the folder of phonetisaurus, found {}", package.display());
        Ok(Self { package, folder })
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.package.join("bin/x86_64").join(program));
        command.env("LD_LIBRARY_PATH", self.package.join("lib/x86_64")).current_dir(self.folder);
        output(command.args(arguments))
    }

    /// The perplexity of the measured text, which the judge prints as the last word.
    fn perplexity(&self, order: &str, model: &str) -> Result<f64> {
        let messages =
            self.run("evaluate-ngram", &["-order", order, "-lm", model, "-eval-perp", "measured"])?;
        let figure = messages.split_whitespace().last().and_then(|word| word.parse().ok());
        figure.with_context(|| format!("expected a perplexity from MITLM, found {messages}"))
    }
}
