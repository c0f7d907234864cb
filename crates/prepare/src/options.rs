//! Options of the preparation.

use crate::Error;
use crate::decide::set::{Fractions, SplitBy};
use crate::words::words;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;
use stentor_audio::{CtmKind, Micros};
use stentor_experiment::Features;
use stentor_shards::FeatureSetOptions;

/// Maximum shift of an alignment.
const MOST_SHIFT: Micros = 1_000_000;

/// The source of alignments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A CTM file, of phones or of states.
    Ctm(PathBuf, CtmKind),
    /// The command line of a program that aligns one utterance at a time.
    Aligner(String),
    /// Tied states of another program, by number, and the table of their phones.
    Pdfs {
        /// Where the numbers are.
        numbers: PdfNumbers,
        /// `--pdf-phones`: the table.
        table: PathBuf,
    },
}

/// A file of pdf numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PdfNumbers {
    /// `--pdf-ark`: a Kaldi archive with a number for each frame, and how many milliseconds such a frame lasts.
    Ark(PathBuf, u32),
    /// `--pdf-ctm`: a CTM file.
    Ctm(PathBuf),
}

/// Options of the preparation. Errors name an option by its flag of `stentor prepare`.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// `--corpus`: a Kaldi-style data directory.
    pub corpus: PathBuf,
    /// `--out`: the output folder for the sets, or the URL of an object store.
    pub out: PathBuf,
    /// `--replace`: whether to replace sets that were prepared from other inputs.
    pub replace: bool,
    /// The source of alignments: `--phones`, `--states`, `--aligner`, `--pdf-ark` or `--pdf-ctm`.
    pub source: Source,
    /// `--alignment-shift-ms`, here in microseconds: offset added to the alignments' times.
    pub shift: Micros,
    /// `--aligner-timeout-s`: time limit for one utterance.
    pub patience: Duration,
    /// `--annotated`, `--dev`, `--test` and `--unannotated`: shares of the corpus's time.
    pub fractions: Fractions,
    /// `--annotate-all`: whether the unannotated utterances with texts become annotated after the split.
    pub annotate_all: bool,
    /// `--split-by`; `None`: chosen from the corpus.
    pub split_by: Option<SplitBy>,
    /// `--channel`: channel to use of recordings with several, from 1; `None`: their mean.
    pub channel: Option<usize>,
    /// `--seed` of the split and of the order of utterances.
    pub seed: u64,
    /// `--jobs`: number of threads, and of aligners that run at a time.
    pub threads: usize,
    /// The filter bank and the stacking.
    pub features: Features,
    /// `--silence-phones`: additional names of silence.
    pub silence_phones: Vec<String>,
    /// `--max-bad`: share of the recordings that may be unusable.
    pub max_bad: f64,
    /// `--row-group-frames`: number of frames in a row group.
    pub row_group_frames: u64,
    /// `--shard-frames`: number of frames in a shard file.
    pub shard_frames: u64,
}

impl Options {
    /// Default of [`Options::max_bad`].
    pub const MAX_BAD: f64 = 0.01;

    /// Default of [`Options::patience`].
    pub const PATIENCE: Duration = Duration::from_secs(600);

    /// The defaults of `stentor prepare`, with all cores.
    #[must_use]
    pub fn new(corpus: PathBuf, out: PathBuf, source: Source) -> Self {
        Self {
            corpus,
            out,
            replace: false,
            shift: source.default_shift(&Features::default()),
            source,
            patience: Self::PATIENCE,
            fractions: Fractions::default(),
            annotate_all: false,
            split_by: None,
            channel: None,
            seed: 1,
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
            features: Features::default(),
            silence_phones: Vec::new(),
            max_bad: Self::MAX_BAD,
            row_group_frames: FeatureSetOptions::ROW_GROUP_FRAMES,
            shard_frames: FeatureSetOptions::SHARD_FRAMES,
        }
    }

    /// Checks bounds. The feature settings are checked when the filter bank is created.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self) -> Result<(), Error> {
        check_fractions(&self.fractions, self.max_bad)?;
        if let Source::Aligner(command) = &self.source
            && words(command)?.is_empty()
        {
            return refuse("--aligner", &"``", "a command");
        }
        if let Source::Pdfs { numbers: PdfNumbers::Ark(_, frame_ms), .. } = &self.source
            && !(1..=1_000).contains(frame_ms)
        {
            return refuse("--pdf-frame-ms", frame_ms, "1 to 1000 ms");
        }
        if self.shift.abs() > MOST_SHIFT {
            return refuse("--alignment-shift-ms", &(self.shift / 1_000), "-1000 to 1000 ms");
        }
        if self.row_group_frames == 0 {
            return refuse("--row-group-frames", &0, "at least 1");
        }
        if self.shard_frames < self.row_group_frames {
            let expected = format!("at least --row-group-frames, {}", self.row_group_frames);
            return refuse("--shard-frames", &self.shard_frames, expected);
        }
        Ok(())
    }
}

impl Source {
    /// Default offset of the alignments' times. A CTM file is used unchanged. An aligner gives a frame the time at which its window
    /// starts. Frame i of an archive begins at i times its duration; it is about what is around the middle of its window, and the
    /// window begins there (Kaldi's `--snip-edges=true`, with windows as long as those of `features`).
    #[must_use]
    pub fn default_shift(&self, features: &Features) -> Micros {
        match self {
            Source::Ctm(..) | Source::Pdfs { numbers: PdfNumbers::Ctm(_), .. } => 0,
            Source::Aligner(_) => 10_000,
            Source::Pdfs { numbers: PdfNumbers::Ark(_, frame_ms), .. } => {
                500 * (Micros::from(features.window_ms) - Micros::from(*frame_ms))
            }
        }
    }
}

fn check_fractions(fractions: &Fractions, max_bad: f64) -> Result<(), Error> {
    let Fractions { annotated, dev, test, unannotated } = *fractions;
    for (flag, value) in [("--annotated", annotated), ("--test", test), ("--max-bad", max_bad)]
        .into_iter()
        .chain(unannotated.map(|u| ("--unannotated", u)))
    {
        if !(0.0..=1.0).contains(&value) {
            return refuse(flag, &value, "a fraction from 0 to 1");
        }
    }
    if !(0.0..=0.5).contains(&dev) {
        return refuse("--dev", &dev, "a fraction from 0 to 0.5 of the annotated part");
    }
    if annotated == 0.0 {
        return refuse("--annotated", &annotated, "a larger fraction: training needs annotated data");
    }
    let sum = annotated + test + unannotated.unwrap_or(0.0);
    if sum > 1.0 + 1e-9 {
        let flags = "--annotated, --test and --unannotated together";
        return refuse(flags, &sum, "at most 1: this is more than the whole corpus");
    }
    Ok(())
}

fn refuse(
    option: &'static str,
    value: &dyn std::fmt::Display,
    expected: impl Into<String>,
) -> Result<(), Error> {
    Err(Error::Option { option, value: value.to_string(), expected: expected.into() })
}
