//! The command line, checked and completed.

use super::aligner;
use super::split::{Fractions, SplitBy};
use anyhow::{Context, bail};
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stentor_audio::{CtmKind, DataDirectory, Micros, open_regular};
use stentor_experiment::{Experiment, Features};
use stentor_shards::FeatureSetOptions;

/// `stentor prepare`: a Kaldi-style data directory becomes feature sets: annotated, unannotated, dev and test.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Kaldi-style data directory: `wav.scp` (paths of WAV, FLAC, MP3, Ogg Vorbis or NIST SPHERE files, no pipes) and, if
    /// there, `reco2file_and_channel`, `segments`, `text`, `utt2spk` and `utt2group`.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Folder that receives the sets `annotated`, `unannotated`, `dev` and `test`, and `split.json`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Prepare anew what is in the output folder already, also if it was made from another corpus or with other settings.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    alignment: AlignmentArgs,
    /// Added to the alignment's times, in milliseconds. Default: 0 for a CTM file; 10 for an aligner, which calls a
    /// frame by the time at which its window starts.
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    alignment_shift_ms: Option<i64>,
    /// Longest time an aligner may take for one utterance, in seconds.
    #[arg(long, value_name = "S", default_value_t = 600)]
    aligner_timeout_s: u64,
    /// Share of the corpus's time to be annotated: training with text and alignment.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.10)]
    annotated: f64,
    /// Share of the annotated part to hold out for development.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.10)]
    dev: f64,
    /// Share of the corpus's time for the test set.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.10)]
    test: f64,
    /// Share of the corpus's time to be unannotated, or `rest`: everything else.
    #[arg(long, value_name = "FRACTION|rest", default_value = "rest")]
    unannotated: String,
    /// What must not be in two sets. `speaker` and `group` are strict: who has none is refused. Default: groups where
    /// `utt2group` has any; else speakers, where all are known and the sets come near the wanted shares; else nothing.
    #[arg(long, value_name = "WHAT")]
    split_by: Option<SplitBy>,
    /// Of recordings with several channels the one to take, from 1, where `reco2file_and_channel` names no other. Default:
    /// the mean of the channels.
    #[arg(long, value_name = "N")]
    channel: Option<NonZero<usize>>,
    /// Seed of the split and of the order of utterances; recorded in `split.json`.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads, and aligners run at a time, 1 to 1024. Default: all cores.
    #[arg(long, value_name = "N", env = "STENTOR_JOBS", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    jobs: Option<usize>,
    /// File that receives the summary as JSON; its place is tried before the work.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Experiment file whose `[features]` to use; flags go before it.
    #[arg(long, value_name = "FILE")]
    experiment: Option<PathBuf>,
    #[command(flatten)]
    features: FeatureArgs,
    /// Further names of silence and noise phones, beside SIL, SPN, NSN, sp and the like and all that start with `+`.
    #[arg(long, value_name = "PHONE,…", value_delimiter = ',')]
    silence_phones: Vec<String>,
    /// Share of the recordings that may be unreadable before the run fails.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.01)]
    max_bad: f64,
    /// Frames of a row group, the unit in which training reads.
    #[arg(long, value_name = "FRAMES", default_value_t = FeatureSetOptions::ROW_GROUP_FRAMES)]
    row_group_frames: u64,
    /// Frames of a shard file; each of the four writers holds one in memory.
    #[arg(long, value_name = "FRAMES", default_value_t = FeatureSetOptions::SHARD_FRAMES)]
    shard_frames: u64,
}

/// Where alignments come from: exactly one.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct AlignmentArgs {
    /// CTM file of phones; each is cut into three equal states.
    #[arg(long, value_name = "CTM")]
    phones: Option<PathBuf>,
    /// CTM file of states, written `PHONE.k` with k from 0.
    #[arg(long, value_name = "CTM")]
    states: Option<PathBuf>,
    /// Command line of a program that aligns one utterance at a time (no shell; quotes hold words together).
    #[arg(long, value_name = "COMMAND")]
    aligner: Option<String>,
}

/// One flag for each key of `[features]`.
#[derive(Debug, Clone, Default, clap::Args)]
struct FeatureArgs {
    /// Rate to which audio is resampled, Hz [default: 16000]
    #[arg(long, value_name = "HZ")]
    sample_rate_hz: Option<u32>,
    /// Mel bins [default: 64]
    #[arg(long, value_name = "N")]
    mel_bins: Option<u32>,
    /// Window length, ms [default: 25]
    #[arg(long, value_name = "MS")]
    window_ms: Option<u32>,
    /// Hop between filter-bank frames, ms [default: 10]
    #[arg(long, value_name = "MS")]
    hop_ms: Option<u32>,
    /// Lower edge of the first mel bin, Hz [default: 20]
    #[arg(long, value_name = "HZ")]
    low_hz: Option<f32>,
    /// Upper edge of the last mel bin, Hz; 0: the corpus's own Nyquist frequency [default: 0]
    #[arg(long, value_name = "HZ")]
    high_hz: Option<f32>,
    /// Filter-bank frames that make one frame of the model [default: 3]
    #[arg(long, value_name = "N")]
    stack: Option<u32>,
}

/// Where alignments come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Ctm(PathBuf, CtmKind),
    Aligner(String),
}

/// A run's settings, all of them sound.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) corpus: PathBuf,
    pub(super) out: PathBuf,
    pub(super) replace: bool,
    pub(super) source: Source,
    pub(super) shift: Micros,
    pub(super) patience: Duration,
    pub(super) fractions: Fractions,
    pub(super) split_by: Option<SplitBy>,
    /// From 1.
    pub(super) channel: Option<usize>,
    pub(super) seed: u64,
    pub(super) threads: usize,
    pub(super) json: Option<PathBuf>,
    pub(super) features: Features,
    pub(super) silence_phones: Vec<String>,
    pub(super) max_bad: f64,
    pub(super) row_group_frames: u64,
    pub(super) shard_frames: u64,
}

/// All that the output depends on.
#[derive(Serialize)]
struct Inputs<'a> {
    version: &'static str,
    features: &'a Features,
    fractions: &'a Fractions,
    split_by: Option<SplitBy>,
    channel: Option<usize>,
    seed: u64,
    alignments: String,
    shift: Micros,
    silence_phones: &'a [String],
    row_group_frames: u64,
    shard_frames: u64,
    tables: Vec<Option<String>>,
    /// Bytes and time of the last change, in nanoseconds.
    audio: Vec<Option<(u64, Option<u64>)>>,
}

impl Settings {
    /// Checks the command line.
    ///
    /// # Errors
    /// Values out of bounds, and an experiment file that cannot be read.
    pub(super) fn resolve(args: Args) -> anyhow::Result<Self> {
        let fractions = Fractions {
            annotated: args.annotated,
            dev: args.dev,
            test: args.test,
            unannotated: match args.unannotated.as_str() {
                "rest" => None,
                text => Some(
                    text.parse()
                        .with_context(|| format!("--unannotated {text}: expected a fraction or `rest`"))?,
                ),
            },
        };
        check_fractions(&fractions, args.max_bad)?;
        let AlignmentArgs { phones, states, aligner } = args.alignment;
        let source = match (phones, states, aligner) {
            (Some(path), None, None) => Source::Ctm(path, CtmKind::Phones),
            (None, Some(path), None) => Source::Ctm(path, CtmKind::States),
            (None, None, Some(command)) => Source::Aligner(command),
            _ => bail!("exactly one of --phones, --states and --aligner is needed"),
        };
        let default_shift = if matches!(source, Source::Aligner(_)) { 10 } else { 0 };
        let shift_ms = args.alignment_shift_ms.unwrap_or(default_shift);
        if shift_ms.abs() > 1_000 {
            bail!("--alignment-shift-ms {shift_ms}: expected -1000 to 1000 ms");
        }
        if args.row_group_frames == 0 || args.shard_frames < args.row_group_frames {
            bail!("--row-group-frames must be at least 1 and --shard-frames at least as much");
        }
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            corpus: args.corpus,
            out: args.out,
            replace: args.replace,
            source,
            shift: shift_ms * 1_000,
            patience: Duration::from_secs(args.aligner_timeout_s.max(1)),
            fractions,
            split_by: args.split_by,
            channel: args.channel.map(NonZero::get),
            seed: args.seed,
            threads: args.jobs.unwrap_or_else(cores),
            json: args.json,
            features: features(args.experiment.as_deref(), &args.features)?,
            silence_phones: args.silence_phones,
            max_bad: args.max_bad,
            row_group_frames: args.row_group_frames,
            shard_frames: args.shard_frames,
        })
    }

    /// A hash over settings, tables, alignments, and sizes and times of the audio files: what was prepared with the same
    /// one need not be prepared again.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub(super) fn fingerprint(&self, data: &DataDirectory) -> anyhow::Result<String> {
        const TABLES: [&str; 6] =
            ["wav.scp", "reco2file_and_channel", "segments", "text", "utt2spk", "utt2group"];
        let table = |name: &&str| {
            let path = self.corpus.join(name);
            path.exists().then(|| hash_file(&path)).transpose()
        };
        let inputs = Inputs {
            version: env!("CARGO_PKG_VERSION"),
            features: &self.features,
            fractions: &self.fractions,
            split_by: self.split_by,
            channel: self.channel,
            seed: self.seed,
            alignments: match &self.source {
                Source::Ctm(path, kind) => format!("{kind:?} {}", hash_file(path)?),
                Source::Aligner(command) => format!("aligner {}", aligner::identity(command)?),
            },
            shift: self.shift,
            silence_phones: &self.silence_phones,
            row_group_frames: self.row_group_frames,
            shard_frames: self.shard_frames,
            tables: TABLES.iter().map(table).collect::<Result<_, _>>()?,
            audio: data.recordings.iter().map(|r| stamp(&r.path)).collect(),
        };
        Ok(blake3::hash(&serde_json::to_vec(&inputs)?).to_hex().to_string())
    }
}

fn check_fractions(fractions: &Fractions, max_bad: f64) -> anyhow::Result<()> {
    let Fractions { annotated, dev, test, unannotated } = *fractions;
    for (flag, value) in [("--annotated", annotated), ("--test", test), ("--max-bad", max_bad)]
        .into_iter()
        .chain(unannotated.map(|u| ("--unannotated", u)))
    {
        if !(0.0..=1.0).contains(&value) {
            bail!("{flag} {value}: expected a fraction from 0 to 1");
        }
    }
    if !(0.0..=0.5).contains(&dev) {
        bail!("--dev {dev}: expected a fraction from 0 to 0.5 of the annotated part");
    }
    if annotated == 0.0 {
        bail!("--annotated 0: something must be annotated, or there is nothing to learn from");
    }
    let sum = annotated + test + unannotated.unwrap_or(0.0);
    if sum > 1.0 + 1e-9 {
        bail!("--annotated, --test and --unannotated make {sum}, more than the whole corpus");
    }
    Ok(())
}

fn features(experiment: Option<&Path>, flags: &FeatureArgs) -> anyhow::Result<Features> {
    // Validation belongs to the whole file: the smallest one holds the settings while they are checked.
    const SMALLEST: &str = "[run]\nname = \"prepare\"\noutput = \"-\"\n[data]\nannotated = \"-\"\n";
    let mut whole = match experiment {
        None => Experiment::parse(SMALLEST)?,
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Experiment::parse(&text).with_context(|| path.display().to_string())?
        }
    };
    let features = &mut whole.features;
    let set = |value: &mut u32, flag: Option<u32>| *value = flag.unwrap_or(*value);
    set(&mut features.sample_rate_hz, flags.sample_rate_hz);
    set(&mut features.mel_bins, flags.mel_bins);
    set(&mut features.window_ms, flags.window_ms);
    set(&mut features.hop_ms, flags.hop_ms);
    set(&mut features.stack, flags.stack);
    features.low_hz = flags.low_hz.unwrap_or(features.low_hz);
    features.high_hz = flags.high_hz.unwrap_or(features.high_hz);
    whole.validate()?;
    Ok(whole.features)
}

/// What changes when a file is replaced.
fn stamp(path: &Path) -> Option<(u64, Option<u64>)> {
    let file = path.metadata().ok()?;
    let changed = file.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    Some((file.len(), changed.map(|time| time.as_nanos() as u64)))
}

fn hash_file(path: &Path) -> anyhow::Result<String> {
    let mut hash = blake3::Hasher::new();
    let copied = std::io::copy(&mut open_regular(path)?, &mut hash);
    copied.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hash.finalize().to_hex().to_string())
}
