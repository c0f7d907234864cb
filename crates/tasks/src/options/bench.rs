//! `cargo xtask bench`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The benchmark to run.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Exchange: arithmetic compared with memory and entropy, and transfers over rate-limited links.
    Exchange(Exchange),
    /// 16, 64 and 256 workers simulated in one process: gain, density, bytes, loss; writes a table and a picture into
    /// the docs.
    Scale(Scale),
    /// Gain of block momentum in the steady state, and batches between exchanges, with the real plan, coordinator and
    /// filter; the expected values are N and `block`.
    Gain(Gain),
    /// Loss by frames on the demo's corpus, for each strategy with 1 to 8 workers; writes a table and a picture into
    /// the docs.
    Convergence(Convergence),
    /// Recognition, each part against a program of others: tying trees, language models, the decoder, streams, word errors.
    Recognition(Recognition),
    /// Alignments of a trained model: agreement with the outside aligner on real speech, and errors of boundaries on synthetic
    /// speech, whose phones have known times.
    Alignment(Alignment),
    /// Peak memory of dev evaluation and of the teacher-labeler's lanes, with the old and the current implementation.
    Memory(Memory),
    /// Clusters of many members: a real coordinator, separate reducers, and whole workers that share processes. Time to join,
    /// memory and descriptors, time of a round.
    Members(Members),
}

/// What to measure of the exchange, and for how long.
#[derive(Debug, Args)]
pub struct Exchange {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Only what needs no network: encoding, decoding and sizes, on one core.
    #[arg(long)]
    pub arithmetic: bool,
    /// Only the rate-limited links between network namespaces (needs root, `ip` and `tc`).
    #[arg(long, conflicts_with = "arithmetic")]
    pub link: bool,
    /// Install torch (3 GB from PyPI) if it is missing, to compare with its all-reduce over Gloo.
    #[arg(long)]
    pub gloo: bool,
    /// Numbers of workers to measure.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 8], value_name = "N,…")]
    pub workers: Vec<usize>,
    /// Only links with this rate: 100mbit or 1gbit.
    #[arg(long, value_parser = ["100mbit", "1gbit"])]
    pub rate: Option<String>,
    /// Densities at which GTC is measured, in percent of the values; the other methods are compared with the first.
    #[arg(long, value_delimiter = ',', default_values_t = [0.1, 1.0, 3.0, 10.0], value_name = "PERCENT,…", value_parser = density)]
    pub densities: Vec<f64>,
    /// Figures of `cargo xtask bench convergence --json FILE`, to show the frame error of training beside each density.
    #[arg(long, value_name = "FILE", conflicts_with = "arithmetic")]
    pub errors: Option<PathBuf>,
    /// Number of rounds that count.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: u64,
    /// Maximum number of rounds with whole models at 100 Mbit/s, which take many seconds each.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub slow_rounds: u64,
}

/// Source and destination of the figures of the simulated workers.
#[derive(Debug, Args)]
pub struct Scale {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// File with the figures of an earlier run, to draw them again; without it, simulate, which takes some minutes.
    #[arg(long, value_name = "FILE")]
    pub figures: Option<PathBuf>,
}

/// Destination of the figures.
#[derive(Debug, Args)]
pub struct Gain {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What to train, and where.
#[derive(Debug, Args)]
pub struct Convergence {
    /// Folder of a finished `cargo xtask demo`. Default: runs/demo.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// File with the figures of an earlier run, to draw them again; without it, train, which takes some minutes on 2
    /// idle cores.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub figures: Option<PathBuf>,
    /// Folder for the runs. Default: runs/convergence.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Folder with the programs; without it, build them.
    #[arg(long, value_name = "FOLDER")]
    pub programs: Option<PathBuf>,
    /// Number of runs at the same time. A worker has one thread, and no figure is a time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,
}

/// Destination of the figures.
#[derive(Debug, Args)]
pub struct Memory {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// The sizes of the clusters.
#[derive(Debug, Args)]
pub struct Members {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Numbers of members to measure.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 500], value_name = "N,…")]
    pub members: Vec<usize>,
    /// Number of separate reducers.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub reducers: usize,
    /// About how many rounds each run has.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(4..))]
    pub rounds: u64,
    /// One more run of each size, in which half of the members die at once and are started again.
    #[arg(long)]
    pub kill_half: bool,
}

/// Destination of the figures, and what is measured.
#[derive(Debug, Args)]
pub struct Recognition {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Only this part.
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Option<RecognitionPart>,
}

/// Destination of the figures, and folder of the runs.
#[derive(Debug, Args)]
pub struct Alignment {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Folder for sets and runs, which is emptied first. Default: runs/alignment.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// The parts of recognition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecognitionPart {
    /// Tying trees against Kaldi's likelihoods.
    Tree,
    /// Language models against MITLM.
    Lm,
    /// The search against kaldi-decoder, tree against static graph, sizes.
    Decoder,
    /// The forward pass against libtorch, and speed and memory of streams.
    Stream,
    /// Word errors against jiwer and sclite.
    WerEquals,
}

impl RecognitionPart {
    /// Its key in the figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Lm => "lm",
            Self::Decoder => "decoder",
            Self::Stream => "stream",
            Self::WerEquals => "wer_equals",
        }
    }

    /// What the command says while it is measured.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Tree => "tying trees",
            Self::Lm => "language models",
            Self::Decoder => "decoder",
            Self::Stream => "streams",
            Self::WerEquals => "word errors",
        }
    }
}

/// Parses the percentage of the values that a worker sends; above 20, the generated gradients have no room for more
/// large values.
fn density(text: &str) -> Result<f64, String> {
    let expected = || format!("expected a percentage above 0 and at most 20, found `{text}`");
    text.parse().ok().filter(|percent| *percent > 0.0 && *percent <= 20.0).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::density;

    #[test]
    fn densities_are_percentages_that_the_generated_gradients_allow() {
        assert_eq!(density("0.1"), Ok(0.1));
        for bad in ["0", "-1", "21", "NaN", "many"] {
            assert!(density(bad).unwrap_err().contains(bad), "{bad}");
        }
    }
}
