use super::*;
use clap::Parser;
use std::path::Path;
use stentor_language::arpa;
use stentor_runtime::ExitStatus;
use tempfile::TempDir;

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    lm: Lm,
}

/// Files and commands in a folder of their own; `@NAME` stands for a file there.
struct Desk(TempDir);

impl Desk {
    fn with(files: &[(&str, &str)]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for (name, content) in files {
            std::fs::write(desk.path(name), content).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, line: &str) -> Result<()> {
        let folder = format!("{}/", self.0.path().display());
        let words = line.split(' ').map(|word| word.replace('@', &folder));
        run(&Line::try_parse_from(std::iter::once("lm".to_owned()).chain(words))?.lm)
    }

    /// The words and the exit code of the error.
    fn fails(&self, line: &str) -> (String, ExitStatus) {
        let error = self.run(line).unwrap_err();
        (format!("{error:#}"), crate::exit::of(&error))
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn ngrams(path: &Path, order: usize) -> usize {
    arpa::read(&std::fs::read(path).unwrap()[..]).unwrap().len_of(order)
}

const TEXT: &str = "the cat sat\nthe dog sat\na cat ran\nthe cat ran\n";
const OTHER: &str = "a dog ran\na dog sat\nthe dog ran\n";

#[test]
fn a_model_is_estimated_pruned_and_measured() {
    let desk = Desk::with(&[("one", TEXT), ("two", OTHER)]);
    desk.run("estimate --text @one @two --order 2 --out @lm.arpa --json @figures.json").unwrap();
    let figures = desk.json("figures.json");
    assert_eq!((figures["sentences"].as_u64(), figures["words"].as_u64()), (Some(7), Some(21)));
    assert_eq!(figures["vocabulary"], 8, "six words, </s> and <unk>");
    assert!(figures["orders"][0]["fallback"].is_object(), "no word comes after three others: {figures}");
    desk.run("estimate --text @one @two --order 2 --out @small.arpa --prune 0.01 --json @figures.json")
        .unwrap();
    let pruning = &desk.json("figures.json")["pruning"];
    let removed = pruning["removed"][1].as_u64().unwrap() as usize;
    assert!(removed > 0, "{pruning}");
    assert_eq!(ngrams(&desk.path("small.arpa"), 2), ngrams(&desk.path("lm.arpa"), 2) - removed);
    desk.run("perplexity --lm @small.arpa --text @two --json").unwrap();
}

#[test]
fn the_text_of_a_prepared_corpus_is_normalised_and_lacks_the_groups_of_dev_and_test() {
    let desk = Desk::with(&[]);
    for folder in ["corpus", "data"] {
        std::fs::create_dir(desk.path(folder)).unwrap();
    }
    for (name, content) in [
        ("corpus/wav.scp", "a a.wav\nb b.wav\nc c.wav\nd d.wav\ne e.wav\n"),
        ("corpus/text", "a Hello, [sigh] THERE!\nb not this\nc nor this\nd It's 5 o'clock\n"),
        ("corpus/utt2group", "a one\nb two\nc three\nd one\ne one\n"),
        (
            "data/split.json",
            r#"{"by": "group", "sets": {"annotated": {"groups": ["one"]}, "dev": {"groups": ["two"]},
                "test": {"groups": ["three"]}, "unannotated": {"groups": null}}}"#,
        ),
    ] {
        std::fs::write(desk.path(name), content).unwrap();
    }
    desk.run("text --corpus @corpus --prepared @data --out @lm.txt --json @figures.json").unwrap();
    assert_eq!(std::fs::read_to_string(desk.path("lm.txt")).unwrap(), "hello there\nit's 5 o'clock\n");
    let figures = desk.json("figures.json");
    let count = |key: &str| figures[key].as_u64().unwrap();
    assert_eq!((count("sentences"), count("words"), count("held_out"), count("without_text")), (2, 5, 2, 1));
    assert_eq!(figures["tally"], serde_json::json!({"dropped": {"[sigh]": 1}, "unspelt": 1}));
    std::fs::write(desk.path("corpus/utt2group"), "a one\nb two\nc one\nd one\ne one\n").unwrap();
    let (words, status) = desk.fails("text --corpus @corpus --prepared @data --out @other.txt");
    assert!(words.contains("the group `three` is held out") && status == ExitStatus::Data, "{words}");
    assert!(!desk.path("other.txt").exists());
}

#[test]
fn text_of_files_is_normalised_and_one_without_words_is_an_error() {
    let desk = Desk::with(&[("one", "The CAT.\n\n[noise]\n"), ("two", "sat\n"), ("none", "[noise]\n")]);
    desk.run("text --text @one @two --out @lm.txt").unwrap();
    assert_eq!(std::fs::read_to_string(desk.path("lm.txt")).unwrap(), "the cat\nsat\n");
    let (words, status) = desk.fails("text --text @none --out @other.txt");
    assert!(words.contains("found none") && status == ExitStatus::Data, "{words}");
    assert!(desk.run("text --corpus @corpus --out @lm.txt").is_err(), "--prepared is needed, too");
}

#[test]
fn models_of_the_same_words_are_mixed_with_weights_that_are_given_or_tuned() {
    let desk = Desk::with(&[("one", TEXT), ("two", OTHER), ("words", "the\na\ncat\ndog\nsat\nran\n")]);
    desk.run("estimate --text @one --order 3 --vocabulary @words --out @one.arpa").unwrap();
    desk.run("estimate --text @two --order 2 --vocabulary @words --out @two.arpa").unwrap();
    desk.run("mix --lm @one.arpa --lm @two.arpa --weights 1,0 --out @same.arpa").unwrap();
    assert_eq!(std::fs::read(desk.path("same.arpa")).unwrap(), std::fs::read(desk.path("one.arpa")).unwrap());
    desk.run("mix --lm @one.arpa --lm @two.arpa --held-out @two --out @mixed.arpa --json @figures.json")
        .unwrap();
    let weights = &desk.json("figures.json")["weights"];
    assert!(weights[1].as_f64().unwrap() > 0.5, "the text of the second model: {weights}");
    assert!(ngrams(&desk.path("mixed.arpa"), 3) > 0);
}

#[test]
fn a_wrong_command_line_ends_with_2_before_the_work() {
    let desk = Desk::with(&[("one", TEXT)]);
    let (words, status) = desk.fails("mix --lm @one --weights 1 --out @out");
    assert!(words.contains("expected two or more models"), "{words}");
    assert_eq!(status, ExitStatus::Config);
    let (words, status) = desk.fails("mix --lm @one --lm @one --weights 0.5,0.6 --out @out");
    assert!(words.contains("expected 2 weights from 0 to 1 with the sum 1"), "{words}");
    assert_eq!(status, ExitStatus::Config);
    assert_eq!(desk.fails("estimate --text @one --out @one/x").1, ExitStatus::Config);
    for line in [
        "mix --lm @one --lm @one --out @out",
        "mix --lm @one --lm @one --weights 1,0 --held-out @one --out @out",
        "estimate --text @one --order 17 --out @out",
        "estimate --text @one --prune -1 --out @out",
    ] {
        assert!(desk.run(line).unwrap_err().is::<clap::Error>(), "{line}");
    }
    assert_eq!(desk.files(), ["one"]);
}

#[test]
fn what_is_read_is_not_written_over_and_nothing_is_written_twice() {
    let desk = Desk::with(&[("h.txt", TEXT), ("words", "the\n")]);
    desk.run("estimate --text @h.txt --out @lm.arpa").unwrap();
    for (line, options) in [
        ("estimate --text @words @h.txt --out @h.txt", ["--out", "--text"]),
        (
            "estimate --text @h.txt --vocabulary @words --out @o.arpa --json @words",
            ["--json", "--vocabulary"],
        ),
        ("estimate --text @h.txt --out @o.arpa --json @o.arpa", ["--json", "--out"]),
        ("mix --lm @lm.arpa --lm @lm.arpa --weights 1,0 --out @lm.arpa", ["--out", "--lm"]),
        (
            "mix --lm @lm.arpa --lm @lm.arpa --held-out @h.txt --out @o.arpa --json @h.txt",
            ["--json", "--held-out"],
        ),
        ("text --text @h.txt --out @h.txt", ["--out", "--text"]),
        ("text --corpus @ --prepared @ --out @text", ["--out", "--corpus"]),
    ] {
        let (words, status) = desk.fails(line);
        assert!(
            words.contains("of its own for") && options.iter().all(|option| words.contains(option)),
            "{line}: {words}"
        );
        assert_eq!(status, ExitStatus::Config, "{line}: {words}");
    }
    assert_eq!(std::fs::read_to_string(desk.path("h.txt")).unwrap(), TEXT);
    assert_eq!(desk.files(), ["h.txt", "lm.arpa", "words"]);
}

#[test]
fn bad_input_is_named_with_file_and_line_and_leaves_no_model() {
    let desk = Desk::with(&[
        ("empty", "\n \n"),
        ("text", TEXT),
        ("cut.arpa", "\\data\\\nngram 1=3\n\n\\1-grams:\n-1\t<s>\n"),
    ]);
    std::fs::write(desk.path("latin1"), b"caf\xe9\n").unwrap();
    for (line, expected) in [
        ("estimate --text @empty --out @out", "empty: expected a text with one sentence on each line"),
        ("estimate --text @text @latin1 --out @out", "latin1: line 1: expected UTF-8"),
        ("estimate --text @text --vocabulary @text --out @out", "text: line 1: expected one word"),
        ("estimate --text @missing --out @out", "missing: "),
        ("perplexity --lm @cut.arpa --text @text", "cut.arpa: line 5: expected 3 1-grams"),
        ("mix --lm @cut.arpa --lm @cut.arpa --weights 1,0 --out @out", "cut.arpa: line 5: "),
    ] {
        let (words, status) = desk.fails(line);
        assert!(words.contains(expected), "{line}: {words}");
        assert_eq!(status, ExitStatus::Data, "{line}");
    }
    assert_eq!(desk.files(), ["cut.arpa", "empty", "latin1", "text"]);
}
