//! The command line.

use crate::apart::Files;
use crate::in_file;
use crate::number::whole;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;
use stentor_audio::CtmKind;
use stentor_experiment::{Experiment, Features};
use stentor_prepare::{Fractions, Options, PdfNumbers, Source, SplitBy};
use stentor_shards::FeatureSetOptions;

/// `stentor prepare`: turns a Kaldi-style data directory into the feature sets annotated, unannotated, dev and test.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Kaldi-style data directory: `wav.scp` (paths of WAV, FLAC, MP3, Ogg Vorbis or NIST SPHERE files, no pipes) and
    /// optionally `reco2file_and_channel`, `segments`, `text`, `utt2spk` and `utt2group`.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Output folder for the sets `annotated`, `unannotated`, `dev` and `test`, and for `split.json`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the contents of the output folder, even if they were made from another corpus or with other settings.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    alignment: AlignmentArgs,
    #[command(flatten)]
    pdfs: PdfArgs,
    /// Offset added to the alignment's times, in milliseconds. Default: 0 for a CTM file; 10 for an aligner, which
    /// gives a frame the time at which its window starts; for an archive of pdfs what moves a frame to the middle of its
    /// window, 7.5 for frames of 10 ms in windows of 25.
    #[arg(long, value_name = "MS")]
    alignment_shift_ms: Option<i64>,
    /// Longest time an aligner may take for one utterance, in seconds.
    #[arg(long, value_name = "S", default_value_t = Options::PATIENCE.as_secs(), value_parser = whole::<u64>(..))]
    aligner_timeout_s: u64,
    /// Share of the corpus's time to be annotated: training with text and alignment.
    #[arg(long, value_name = "FRACTION", default_value_t = Fractions::default().annotated)]
    annotated: f64,
    /// Share of the annotated part that is held out for development.
    #[arg(long, value_name = "FRACTION", default_value_t = Fractions::default().dev)]
    dev: f64,
    /// Share of the corpus's time for the test set.
    #[arg(long, value_name = "FRACTION", default_value_t = Fractions::default().test)]
    test: f64,
    /// Share of the corpus's time to be unannotated, or `rest`: all remaining time.
    #[arg(long, value_name = "FRACTION|rest", default_value = "rest", allow_negative_numbers = true)]
    unannotated: String,
    /// After the split, annotate all unannotated utterances that have a text, too. `dev` and `test` are those of the same call
    /// without this option: a model trained on these sets is an upper bound for one trained without those texts.
    #[arg(long)]
    annotate_all: bool,
    /// What must not occur in two sets. `speaker` and `group` are strict: utterances without one are an error. Default:
    /// groups if `utt2group` has any; otherwise speakers, if all are known and the sets can come close to the requested
    /// shares; otherwise nothing.
    #[arg(long, value_name = "WHAT")]
    split_by: Option<By>,
    /// Channel to use of recordings with several channels, from 1, unless `reco2file_and_channel` names one. Default:
    /// the mean of the channels.
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..))]
    channel: Option<usize>,
    /// Seed of the split and of the order of utterances; recorded in `split.json`.
    #[arg(long, default_value_t = 1, value_parser = whole::<u64>(..))]
    seed: u64,
    /// Number of threads, and of aligners that run at a time, 1 to 1024. Default: all cores.
    #[arg(long, value_name = "N", env = "STENTOR_JOBS", value_parser = whole::<usize>(1..=1024))]
    jobs: Option<usize>,
    /// File for the summary as JSON; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Experiment file whose `[features]` to use; flags override it.
    #[arg(long, value_name = "FILE")]
    experiment: Option<PathBuf>,
    #[command(flatten)]
    features: FeatureArgs,
    /// Additional names of silence and noise phones, besides SIL, SPN, NSN, sp and similar names, and all that start
    /// with `+`.
    #[arg(long, value_name = "PHONE,…", value_delimiter = ',')]
    silence_phones: Vec<String>,
    /// Share of the recordings that may be unreadable before the run fails.
    #[arg(long, value_name = "FRACTION", default_value_t = Options::MAX_BAD)]
    max_bad: f64,
    /// Number of frames in a row group, the unit in which training reads.
    #[arg(long, value_name = "FRAMES", default_value_t = FeatureSetOptions::ROW_GROUP_FRAMES, value_parser = whole::<u64>(..))]
    row_group_frames: u64,
    /// Number of frames in a shard file; each of the four writers keeps one in memory.
    #[arg(long, value_name = "FRAMES", default_value_t = FeatureSetOptions::SHARD_FRAMES, value_parser = whole::<u64>(..))]
    shard_frames: u64,
}

/// The source of alignments: exactly one.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct AlignmentArgs {
    /// CTM file of phones; each is cut into three equal states.
    #[arg(long, value_name = "CTM")]
    phones: Option<PathBuf>,
    /// CTM file of states, written `PHONE.k` with k from 0.
    #[arg(long, value_name = "CTM")]
    states: Option<PathBuf>,
    /// Command line of a program that aligns one utterance at a time (no shell; quotes group words).
    #[arg(long, value_name = "COMMAND")]
    aligner: Option<String>,
    /// Kaldi archive, text or binary, with the number of a pdf (a tied state) for each frame of an utterance, as
    /// `ali-to-pdf` writes it. The pdfs become the senones.
    #[arg(long, value_name = "ARK", requires = "pdf_phones")]
    pdf_ark: Option<PathBuf>,
    /// CTM file with numbers of pdfs.
    #[arg(long, value_name = "CTM", requires = "pdf_phones")]
    pdf_ctm: Option<PathBuf>,
}

// What numbers of pdfs mean. A documentation comment would replace that of the command.
#[derive(Debug, Clone, clap::Args)]
struct PdfArgs {
    /// Table of all pdfs, lines of `PDF PHONE STATE`: the phone of each, and which of its states it is, from 0.
    #[arg(long, value_name = "TABLE")]
    pdf_phones: Option<PathBuf>,
    /// Duration of a frame of `--pdf-ark`, in milliseconds; 30 for models that see every third frame.
    #[arg(long, value_name = "MS", default_value_t = 10, requires = "pdf_ark", value_parser = whole::<u32>(..))]
    pdf_frame_ms: u32,
}

/// One flag for each key of `[features]`.
#[derive(Debug, Clone, Default, clap::Args)]
struct FeatureArgs {
    /// Rate to which audio is resampled, Hz [default: 16000]
    #[arg(long, value_name = "HZ", value_parser = whole::<u32>(..))]
    sample_rate_hz: Option<u32>,
    /// Mel bins [default: 64]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(..))]
    mel_bins: Option<u32>,
    /// Window length, ms [default: 25]
    #[arg(long, value_name = "MS", value_parser = whole::<u32>(..))]
    window_ms: Option<u32>,
    /// Hop between filter-bank frames, ms [default: 10]
    #[arg(long, value_name = "MS", value_parser = whole::<u32>(..))]
    hop_ms: Option<u32>,
    /// Lower edge of the first mel bin, Hz [default: 20]
    #[arg(long, value_name = "HZ")]
    low_hz: Option<f32>,
    /// Upper edge of the last mel bin, Hz; 0 means the corpus's own Nyquist frequency [default: 0]
    #[arg(long, value_name = "HZ")]
    high_hz: Option<f32>,
    /// Number of filter-bank frames that are stacked to one frame of the model [default: 3]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(..))]
    stack: Option<u32>,
}

/// What must not be split.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    /// Groups of `utt2group`.
    Group,
    /// Speakers of `utt2spk`.
    Speaker,
    /// Nothing: each utterance is independent.
    Utterance,
}

impl From<By> for SplitBy {
    fn from(by: By) -> Self {
        match by {
            By::Group => SplitBy::Group,
            By::Speaker => SplitBy::Speaker,
            By::Utterance => SplitBy::Utterance,
        }
    }
}

/// Tables of `--corpus`, and the record in `--out`.
const TABLES: [&str; 6] = ["wav.scp", "reco2file_and_channel", "segments", "text", "utt2spk", "utt2group"];
const SPLIT: &str = "split.json";

impl Args {
    /// What is read, and the file that is written besides the sets.
    pub(super) fn files(&self) -> Files {
        let Self { corpus, out, alignment, pdfs, experiment, json, .. } = self;
        Files::default()
            .reads("--corpus", TABLES.map(|table| corpus.join(table)))
            .reads("--phones", &alignment.phones)
            .reads("--states", &alignment.states)
            .reads("--pdf-ark", &alignment.pdf_ark)
            .reads("--pdf-ctm", &alignment.pdf_ctm)
            .reads("--pdf-phones", &pdfs.pdf_phones)
            .reads("--experiment", experiment)
            .writes("--out", [out.join(SPLIT)])
            .writes("--json", json)
    }

    /// Converts them to options.
    ///
    /// # Errors
    /// If a value is out of bounds, or the experiment file cannot be read.
    pub(super) fn options(self) -> anyhow::Result<Options> {
        let unannotated = match self.unannotated.as_str() {
            "rest" => None,
            text => Some(
                text.parse()
                    .with_context(|| format!("--unannotated {text}: expected a fraction or `rest`"))?,
            ),
        };
        let source = self.alignment.source(self.pdfs)?;
        let features = features(self.experiment.as_deref(), &self.features)?;
        let shift = match self.alignment_shift_ms {
            Some(ms) => ms.saturating_mul(1_000),
            None => source.default_shift(&features),
        };
        let defaults = Options::new(self.corpus, self.out, source);
        let options = Options {
            replace: self.replace,
            shift,
            patience: Duration::from_secs(self.aligner_timeout_s.max(1)),
            fractions: Fractions { annotated: self.annotated, dev: self.dev, test: self.test, unannotated },
            annotate_all: self.annotate_all,
            split_by: self.split_by.map(SplitBy::from),
            channel: self.channel,
            seed: self.seed,
            threads: self.jobs.unwrap_or(defaults.threads),
            features,
            silence_phones: self.silence_phones,
            max_bad: self.max_bad,
            row_group_frames: self.row_group_frames,
            shard_frames: self.shard_frames,
            ..defaults
        };
        options.check()?;
        Ok(options)
    }
}

impl AlignmentArgs {
    /// # Errors
    /// If not exactly one is given, or the table of pdfs is missing or given in vain.
    fn source(self, pdfs: PdfArgs) -> anyhow::Result<Source> {
        let Self { phones, states, aligner, pdf_ark, pdf_ctm } = self;
        let PdfArgs { pdf_phones, pdf_frame_ms } = pdfs;
        let ark = pdf_ark.map(|path| PdfNumbers::Ark(path, pdf_frame_ms));
        let numbers = ark.or(pdf_ctm.map(PdfNumbers::Ctm));
        Ok(match (phones, states, aligner, numbers, pdf_phones) {
            (Some(path), None, None, None, None) => Source::Ctm(path, CtmKind::Phones),
            (None, Some(path), None, None, None) => Source::Ctm(path, CtmKind::States),
            (None, None, Some(command), None, None) => Source::Aligner(command),
            (None, None, None, Some(numbers), Some(table)) => Source::Pdfs { numbers, table },
            (.., Some(_)) => bail!("--pdf-phones: expected --pdf-ark or --pdf-ctm with it, found neither"),
            _ => bail!("exactly one of --phones, --states, --aligner, --pdf-ark and --pdf-ctm is needed"),
        })
    }
}

fn features(experiment: Option<&Path>, flags: &FeatureArgs) -> anyhow::Result<Features> {
    // Only a whole file can be validated: the settings are checked inside a minimal one.
    const SMALLEST: &str = "[run]\nname = \"prepare\"\noutput = \"-\"\n[data]\nannotated = \"-\"\n";
    let mut whole = match experiment {
        None => Experiment::parse(SMALLEST)?,
        Some(path) => {
            let text = in_file::text(path, "an experiment file (--experiment)")?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn options(flags: &[&str]) -> anyhow::Result<Options> {
        let line = ["prepare", "--corpus", "corpus", "--out", "sets"];
        Line::try_parse_from(line.iter().chain(flags))?.args.options()
    }

    #[test]
    fn without_flags_the_options_are_the_defaults_of_the_crate() {
        for (flag, source) in [
            ("--phones", Source::Ctm("a".into(), CtmKind::Phones)),
            ("--states", Source::Ctm("a".into(), CtmKind::States)),
            ("--aligner", Source::Aligner("a".to_owned())),
        ] {
            let expected = Options::new("corpus".into(), "sets".into(), source);
            assert_eq!(options(&[flag, "a", "--jobs", "3"]).unwrap(), Options { threads: 3, ..expected });
        }
    }

    #[test]
    fn frames_of_pdfs_are_moved_to_the_middle_of_their_windows() {
        let shift = |flags: &[&str]| {
            options(&[&["--pdf-ark", "a", "--pdf-phones", "t"], flags].concat()).unwrap().shift
        };
        assert_eq!(shift(&[]), 7_500);
        assert_eq!(shift(&["--window-ms", "20"]), 5_000);
        assert_eq!(shift(&["--pdf-frame-ms", "30"]), -2_500);
        assert_eq!(shift(&["--alignment-shift-ms", "0"]), 0);
        let ctm = options(&["--pdf-ctm", "a", "--pdf-phones", "t"]).unwrap();
        let table = "t".into();
        assert_eq!(ctm.source, Source::Pdfs { numbers: PdfNumbers::Ctm("a".into()), table });
        assert_eq!(ctm.shift, 0);
    }

    #[test]
    fn impossible_arguments_are_refused() {
        let cases: [(&[&str], &str); 10] = [
            (&["--pdf-ark", "a"], "--pdf-phones"),
            (&["--phones", "a", "--pdf-phones", "t"], "expected --pdf-ark or --pdf-ctm"),
            (&["--pdf-ark", "a", "--pdf-phones", "t", "--pdf-frame-ms", "0"], "--pdf-frame-ms 0"),
            (&[], "--phones"),
            (&["--phones", "a", "--states", "b"], "cannot be used with"),
            (&["--phones", "a", "--annotated", "0.8", "--test", "0.5"], "more than the whole corpus"),
            (&["--phones", "a", "--annotated", "0"], "--annotated 0"),
            (&["--phones", "a", "--unannotated", "some"], "expected a fraction or `rest`"),
            (&["--phones", "a", "--mel-bins", "3"], "features.mel_bins"),
            (&["--phones", "a", "--shard-frames", "1"], "--shard-frames"),
        ];
        for (flags, words) in cases {
            let error = format!("{:#}", options(flags).unwrap_err());
            assert!(error.contains(words), "{error} does not contain `{words}`");
        }
    }
}
