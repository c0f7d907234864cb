//! `cargo xtask demo`.

use crate::Corpus;
use clap::{Args, ValueEnum};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The size of the demo, and its folders.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The small corpus and tiny models: shows that everything works. Once built, it takes two minutes on two cores.
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// The best figures, with three seeds and a fifth student, trained on the annotations of all audio, without a time limit.
    #[arg(long)]
    pub full: bool,
    /// Number of training seeds; figures are means over them. Default: 1, with --full 3.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    pub seeds: Option<u64>,
    /// The first training seed. Seeds may be divided among machines, or added to the folder of an earlier call.
    #[arg(long, value_name = "SEED", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub first_seed: u64,
    /// A Kaldi-style data directory (wav.scp, text, utt2spk) instead of the fetched corpora.
    #[arg(long, value_name = "DIR")]
    pub corpus: Option<PathBuf>,
    /// Phone alignments of --corpus; without it, the aligner is used, which knows US English.
    #[arg(long, value_name = "CTM", requires = "corpus")]
    pub phones: Option<PathBuf>,
    /// Words and their phones. Default: a lexicon of the words of the language model's text in the aligner's phones; with
    /// --phones there is none, and without a lexicon words are not recognised.
    #[arg(long, value_name = "FILE")]
    pub lexicon: Option<PathBuf>,
    /// How --lexicon is written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "cmu", requires = "lexicon")]
    pub lexicon_format: LexiconFormat,
    /// Text for the language model, one sentence on each line, without those of the test set. Default: the texts of the
    /// corpus without the groups of dev and test.
    #[arg(long, value_name = "FILE")]
    pub lm_text: Option<PathBuf>,
    /// Share of speakers (or groups) to train on with their texts.
    #[arg(long, value_name = "SHARE")]
    pub annotated: Option<f64>,
    /// Share of the annotated speakers (or groups) held out for early stopping.
    #[arg(long, value_name = "SHARE")]
    pub dev: Option<f64>,
    /// Share of speakers (or groups) for the final test.
    #[arg(long, value_name = "SHARE")]
    pub test: Option<f64>,
    /// Number of worker processes.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub workers: u32,
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Folder for everything that the demo writes. Default: runs/demo, runs/demo-quick, ….
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Start from the beginning, even if --out contains an earlier demo.
    #[arg(long)]
    pub fresh: bool,
}

/// Formats of lexicons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LexiconFormat {
    /// The CMU dictionary: `WORD PHONE…`, further pronunciations as `WORD(2) PHONE…`
    Cmu,
    /// Kaldi's lexicon.txt: `WORD PHONE…`
    Kaldi,
    /// Kaldi's lexiconp.txt: `WORD PROBABILITY PHONE…`
    KaldiProbabilities,
}

impl LexiconFormat {
    /// The word for it on command lines.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            LexiconFormat::Cmu => "cmu",
            LexiconFormat::Kaldi => "kaldi",
            LexiconFormat::KaldiProbabilities => "kaldi-probabilities",
        }
    }
}

/// The size of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The small corpus and tiny models.
    Quick,
    /// The talking game in some twenty minutes.
    Game,
    /// The talking game with the best figures.
    Full,
}

impl Options {
    /// Options of tests: the quick demo, from the beginning, in a given folder.
    #[must_use]
    pub fn for_tests(out: PathBuf) -> Self {
        Self {
            quick: true,
            full: false,
            seeds: None,
            first_seed: 1,
            corpus: None,
            phones: None,
            lexicon: None,
            lexicon_format: LexiconFormat::Cmu,
            lm_text: None,
            annotated: None,
            dev: None,
            test: None,
            workers: 2,
            json: None,
            out: Some(out),
            fresh: true,
        }
    }

    /// The requested size.
    #[must_use]
    pub fn size(&self) -> Size {
        match (self.quick, self.full) {
            (true, _) => Size::Quick,
            (false, true) => Size::Full,
            (false, false) => Size::Game,
        }
    }

    /// The training seeds.
    #[must_use]
    pub fn training_seeds(&self) -> Range<u64> {
        let number = self.seeds.unwrap_or(if self.full { 3 } else { 1 });
        self.first_seed..self.first_seed + number
    }

    /// The corpus that set-up fetches; `None` with the user's own.
    #[must_use]
    pub fn fetched(&self) -> Option<Corpus> {
        match (&self.corpus, self.size()) {
            (Some(_), _) => None,
            (None, Size::Quick) => Some(Corpus::Asterisk),
            (None, _) => Some(Corpus::Game),
        }
    }

    /// Name of the corpus in the report.
    #[must_use]
    pub fn corpus_name(&self) -> String {
        match (&self.corpus, self.fetched()) {
            (Some(folder), _) => {
                folder.file_name().map_or_else(|| "corpus".into(), |name| name.to_string_lossy().into())
            }
            (None, fetched) => fetched.map_or("corpus", Corpus::name).to_owned(),
        }
    }

    /// The demo's folder, by default in the checkout `root`.
    #[must_use]
    pub fn out(&self, root: &Path) -> PathBuf {
        let default = || {
            let name = match (&self.corpus, self.size()) {
                (Some(_), _) => format!("demo-{}", self.corpus_name()),
                (None, Size::Quick) => "demo-quick".to_owned(),
                (None, Size::Game) => "demo".to_owned(),
                (None, Size::Full) => "demo-full".to_owned(),
            };
            root.join("runs").join(name)
        };
        self.out.clone().unwrap_or_else(default)
    }
}
