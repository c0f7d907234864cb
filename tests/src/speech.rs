//! A part of the small corpus of real speech, prepared with the outside aligner; and the programs and scripts that work on it.

use crate::observe::in_checkout;
use crate::program;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with a part of the small corpus, from which everything else is made.
#[derive(Debug)]
pub struct Speech(TempDir);

impl Speech {
    /// Copies the tables of the utterances that `chosen` accepts by the sum of their names' bytes.
    ///
    /// # Panics
    /// If `STENTOR_CORPORA` does not name the folder of the corpora.
    #[must_use]
    pub fn new(chosen: impl Fn(u32) -> bool) -> Self {
        let corpora =
            std::env::var("STENTOR_CORPORA").expect("STENTOR_CORPORA: run these tests by `cargo xtask test`");
        let speech = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(speech.path("corpus")).unwrap();
        for table in ["wav.scp", "text"] {
            let text = std::fs::read_to_string(Path::new(&corpora).join("asterisk").join(table)).unwrap();
            // Both tables have the same utterances.
            let is_chosen =
                |line: &&str| chosen(line.split(' ').next().unwrap_or_default().bytes().map(u32::from).sum());
            let lines: Vec<&str> = text.lines().filter(is_chosen).collect();
            std::fs::write(speech.path("corpus").join(table), lines.join("\n") + "\n").unwrap();
        }
        speech
    }

    /// The path of a file or folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The content of a text file.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A file of figures.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Runs `stentor` in the folder with a line of arguments that blanks separate.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn output(&self, line: &str) -> Output {
        let arguments = line.split_whitespace();
        Command::new(program("stentor")).args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    /// The same; returns what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub fn stentor(&self, line: &str) -> String {
        let output = self.output(line);
        assert!(output.status.success(), "stentor {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same; returns its exit code and its error message.
    ///
    /// # Panics
    /// If it succeeds.
    #[must_use]
    pub fn refused(&self, line: &str) -> (Option<i32>, String) {
        let output = self.output(line);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "stentor {line} should fail");
        (output.status.code(), message)
    }

    /// Prepares the corpus with the outside aligner into `data`: nine tenths annotated, the rest for test and dev.
    ///
    /// # Panics
    /// If that fails.
    pub fn prepare(&self) {
        self.prepare_with("0.85", "0.1");
    }

    /// The same, with these shares of annotated audio and of dev.
    ///
    /// # Panics
    /// If that fails.
    pub fn prepare_with(&self, annotated: &str, dev: &str) {
        let output = Command::new(program("stentor"))
            .args(["prepare", "--corpus", "corpus", "--out", "data", "--annotated", annotated, "--dev", dev])
            .args(["--test", "0.1", "--aligner"])
            .arg(format!("python3 '{}'", in_checkout("deploy/aligner/align.py").display()))
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a lexicon of all words of the corpus, `words.dict`, and their list, `words.txt`, of the text `text.txt`.
    ///
    /// # Panics
    /// If that fails.
    pub fn lexicon(&self) {
        let words = |line: &str| line.split_once(' ').map_or("", |(_, words)| words).to_owned();
        let texts: Vec<String> = self.read("corpus/text").lines().map(words).collect();
        std::fs::write(self.path("said.txt"), texts.join("\n") + "\n").unwrap();
        self.stentor("lm text --text said.txt --out text.txt");
        let python = std::env::var_os("STENTOR_PYTHON")
            .expect("STENTOR_PYTHON: run these tests by `cargo xtask test`");
        let output = Command::new(python)
            .arg(in_checkout("deploy/aligner/lexicon.py"))
            .args(["--text", "text.txt", "--out", "words.dict", "--vocabulary", "words.txt"])
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Trains a model on `SET/annotated`, judged on `SET/dev`, into the folder `NAME`.
    ///
    /// # Panics
    /// If that fails.
    pub fn train(&self, name: &str, set: &str, model: &str) {
        let text = format!(
            "[run]\nname = \"{name}\"\noutput = \"{name}\"\n[data]\nannotated = \"{set}/annotated\"\ndev = \"{set}/dev\"\n\
             [model]\nlayers = 1\nwidth = 96\n{model}\n[batch]\nchunks = 4\nright_context = 10\n\
             [schedule]\npasses = 6\nlearning_rate = 0.004\n[checkpoint]\ncount = 2\n"
        );
        std::fs::write(self.path(&format!("{name}.toml")), text).unwrap();
        self.stentor(&format!("train {name}.toml"));
    }
}
