//! The command line of the demo.

use super::recipe::Recipe;
use crate::environment::Environment;
use crate::process::Deadline;
use crate::setup::Part;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::PathBuf;

/// The size of the demo, and its folders.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The small corpus and tiny models, in a minute or two: shows that everything works.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// The best figures, with three seeds, without a time limit.
    #[arg(long)]
    full: bool,
    /// Number of training seeds; figures are means over them. Default: 1, with --full 3.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: Option<u64>,
    /// A Kaldi-style data directory (wav.scp, text, utt2spk) instead of the fetched corpora.
    #[arg(long, value_name = "DIR")]
    pub(super) corpus: Option<PathBuf>,
    /// Phone alignments of --corpus; without it, the aligner is used, which knows US English.
    #[arg(long, value_name = "CTM", requires = "corpus")]
    pub(super) phones: Option<PathBuf>,
    /// Share of speakers (or groups) to train on with their texts.
    #[arg(long, value_name = "SHARE")]
    pub(super) annotated: Option<f64>,
    /// Share of the annotated speakers (or groups) held out for early stopping.
    #[arg(long, value_name = "SHARE")]
    pub(super) dev: Option<f64>,
    /// Share of speakers (or groups) for the final test.
    #[arg(long, value_name = "SHARE")]
    pub(super) test: Option<f64>,
    /// Number of worker processes.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) workers: u32,
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Folder for everything that the demo writes. Default: runs/demo, runs/demo-quick, ….
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Start from the beginning, even if --out contains an earlier demo.
    #[arg(long)]
    pub(super) fresh: bool,
}

/// The size of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Quick,
    TenMinutes,
    Full,
}

impl Options {
    /// Options of tests: the quick demo, from the beginning, in a given folder.
    pub(crate) fn for_tests(out: PathBuf) -> Self {
        Self {
            quick: true,
            full: false,
            seeds: None,
            corpus: None,
            phones: None,
            annotated: None,
            dev: None,
            test: None,
            workers: 2,
            json: None,
            out: Some(out),
            fresh: true,
        }
    }

    fn size(&self) -> Size {
        match (self.quick, self.full) {
            (true, _) => Size::Quick,
            (false, true) => Size::Full,
            (false, false) => Size::TenMinutes,
        }
    }

    pub(super) fn recipe(&self) -> Recipe {
        match self.size() {
            Size::Quick => Recipe::quick(),
            Size::TenMinutes => Recipe::game(),
            Size::Full => Recipe::full(),
        }
    }

    pub(super) fn seeds(&self) -> u64 {
        self.seeds.unwrap_or(if self.full { 3 } else { 1 })
    }

    /// The longest that one program may run.
    pub(super) fn deadline(&self) -> Deadline {
        match self.size() {
            Size::Quick => Deadline::minutes(10),
            Size::TenMinutes => Deadline::minutes(6 * 60),
            Size::Full => Deadline::minutes(7 * 24 * 60),
        }
    }

    /// The corpus that set-up must fetch.
    pub(super) fn fetched_corpus(&self) -> Option<Part> {
        match (&self.corpus, self.size()) {
            (Some(_), _) => None,
            (None, Size::Quick) => Some(Part::Asterisk),
            (None, _) => Some(Part::Game),
        }
    }

    pub(super) fn corpus_name(&self) -> String {
        match &self.corpus {
            Some(folder) => {
                folder.file_name().map_or_else(|| "corpus".into(), |name| name.to_string_lossy().into())
            }
            None if self.quick => "asterisk".to_owned(),
            None => "game".to_owned(),
        }
    }

    pub(super) fn corpus_folder(&self, environment: &Environment) -> Result<PathBuf> {
        let Some(folder) = &self.corpus else { return Ok(environment.corpora().join(self.corpus_name())) };
        for file in ["wav.scp", "text", "utt2spk"] {
            ensure!(
                folder.join(file).is_file(),
                "expected a data directory with wav.scp, text and utt2spk, found no {file} in {}",
                folder.display()
            );
        }
        folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))
    }

    pub(super) fn out(&self, environment: &Environment) -> PathBuf {
        let default = || {
            let name = match (&self.corpus, self.size()) {
                (Some(_), _) => format!("demo-{}", self.corpus_name()),
                (None, Size::Quick) => "demo-quick".to_owned(),
                (None, Size::TenMinutes) => "demo".to_owned(),
                (None, Size::Full) => "demo-full".to_owned(),
            };
            environment.root.join("runs").join(name)
        };
        self.out.clone().unwrap_or_else(default)
    }
}
