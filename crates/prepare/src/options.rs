//! What is prepared, and how.

use crate::Error;
use crate::decide::set::{Fractions, SplitBy};
use crate::words::words;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;
use stentor_audio::{CtmKind, Micros};
use stentor_experiment::Features;
use stentor_shards::FeatureSetOptions;

/// Longest shift of an alignment.
const MOST_SHIFT: Micros = 1_000_000;

/// Where alignments come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A CTM file, of phones or of states.
    Ctm(PathBuf, CtmKind),
    /// The command line of a program that aligns one utterance at a time.
    Aligner(String),
}

/// What is prepared, and how. Errors name an option by the flag of `stentor prepare`.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// `--corpus`: a Kaldi-style data directory.
    pub corpus: PathBuf,
    /// `--out`: the folder that receives the sets, or the URL of an object store.
    pub out: PathBuf,
    /// `--replace`: whether sets that were prepared from something else are replaced.
    pub replace: bool,
    /// Where alignments come from: `--phones`, `--states` or `--aligner`.
    pub source: Source,
    /// `--alignment-shift-ms`, here in microseconds: added to the alignments' times.
    pub shift: Micros,
    /// `--aligner-timeout-s`: longest time for one utterance.
    pub patience: Duration,
    /// `--annotated`, `--dev`, `--test` and `--unannotated`: shares of the corpus's time.
    pub fractions: Fractions,
    /// `--split-by`; none: what the corpus allows.
    pub split_by: Option<SplitBy>,
    /// `--channel`: of recordings with several channels the one to take, from 1; none: their mean.
    pub channel: Option<usize>,
    /// `--seed` of the split and of the order of utterances.
    pub seed: u64,
    /// `--jobs`: threads, and aligners that run at a time.
    pub threads: usize,
    /// The filter bank and the stacking.
    pub features: Features,
    /// `--silence-phones`: names of silence beside the known ones.
    pub silence_phones: Vec<String>,
    /// `--max-bad`: share of the recordings that may be unusable.
    pub max_bad: f64,
    /// `--row-group-frames`: frames of a row group.
    pub row_group_frames: u64,
    /// `--shard-frames`: frames of a shard file.
    pub shard_frames: u64,
}

impl Options {
    /// [`Options::max_bad`] where nothing else is asked for.
    pub const MAX_BAD: f64 = 0.01;

    /// [`Options::patience`] where nothing else is asked for.
    pub const PATIENCE: Duration = Duration::from_secs(600);

    /// The defaults of `stentor prepare`; all cores.
    #[must_use]
    pub fn new(corpus: PathBuf, out: PathBuf, source: Source) -> Self {
        Self {
            corpus,
            out,
            replace: false,
            shift: source.default_shift(),
            source,
            patience: Self::PATIENCE,
            fractions: Fractions::default(),
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

    /// Checks bounds. The features are checked where the filter bank is made.
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
    /// What is added to the alignments' times where nothing else is asked for: an aligner calls a frame by the time at which its
    /// window starts, a CTM file is taken as it is.
    #[must_use]
    pub fn default_shift(&self) -> Micros {
        match self {
            Source::Ctm(..) => 0,
            Source::Aligner(_) => 10_000,
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
        return refuse("--annotated", &annotated, "more, for something must be annotated to learn from");
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
