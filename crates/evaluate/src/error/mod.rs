mod program;

use std::fmt;
use std::io::ErrorKind;
use stentor_inventory::SenoneId;
use thiserror::Error;

/// Errors in evaluation data.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// Senones that do not match the inventory, or an inventory that cannot be scored.
    #[error(transparent)]
    Inventory(#[from] stentor_inventory::Error),
    /// Two arrays that belong together differ in length.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Name of the array, and what is counted.
        what: &'static str,
        /// Expected length.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// A senone occurs twice among the kept ones of a frame.
    #[error("frame {frame}: senone {id} is kept twice")]
    RepeatedSenone {
        /// Frame in the utterance, from 0.
        frame: usize,
        /// The repeated id.
        id: SenoneId,
    },
    /// A log-probability above zero or not finite, or a residual mass outside 0 to 1.
    #[error("frame {frame}: {value} is not a {what}")]
    NotAProbability {
        /// Frame in the utterance, from 0.
        frame: usize,
        /// `log-probability` or `residual mass`.
        what: &'static str,
        /// The value found.
        value: f32,
    },
    /// No data for the estimation of a phone model.
    #[error("expected annotated utterances to estimate the phone bigram from, found none with a frame")]
    NoReference,
    /// A decoder setting is out of bounds.
    #[error("decoder setting `{name}`: expected {expected}, found {found}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Description of its bounds.
        expected: &'static str,
        /// The value given.
        found: f32,
    },
    /// A grid with an empty axis, or no dev utterance for the choice.
    #[error("nothing to tune on: expected at least one {what}")]
    NothingToTune {
        /// What is missing.
        what: &'static str,
    },
    /// Reference and hypothesis have other utterances.
    #[error(
        "expected the same utterances in reference and hypothesis, found others: {}; nothing was scored. {}",
        Sides(missing, extra),
        REMEDY
    )]
    OtherUtterances {
        /// Ids of the reference that the hypothesis lacks.
        missing: Vec<String>,
        /// Ids of the hypothesis that the reference lacks.
        extra: Vec<String>,
    },
    /// Segments and recognised words are of other recordings.
    #[error(
        "expected the same recordings and channels in reference and hypothesis, found others: {}; nothing was scored. \
         Correct the names. A CTM file does not say that nothing was recognised in a recording: score such texts as TRN files, where all \
         words of its reference count as deletions",
        Sides(missing, extra)
    )]
    OtherRecordings {
        /// Recordings and channels of the reference without a word in the hypothesis.
        missing: Vec<String>,
        /// Recordings and channels of the hypothesis that the reference lacks.
        extra: Vec<String>,
    },
    /// No utterance in reference and hypothesis.
    #[error("expected utterances to score, found none in reference and hypothesis")]
    NothingToScore,
    /// Utterances whose speaker or group is not told.
    #[error(
        "expected a {what} of each utterance, found none of {count}, the first is {first}; add them to the {what}s' table"
    )]
    Unnamed {
        /// `speaker` or `group`.
        what: &'static str,
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// Two segments of a recording with the same times.
    #[error("expected each segment once, found {id} twice; keep one of them")]
    RepeatedSegment {
        /// Its id, `FILE-CHANNEL-BEGIN-END`.
        id: String,
    },
    /// A file with several channels, and no segments that tell them apart.
    #[error(
        "expected words of one channel, found two channels of {file}; score them against an STM reference"
    )]
    Channels {
        /// The file.
        file: String,
    },
    /// An utterance whose alignment would need too much memory.
    #[error(
        "{utterance}: expected at most {} pairs of words, found {reference} words of the reference and {hypothesis} \
         of the hypothesis; cut it into segments",
        crate::words::MAX_CELLS
    )]
    TooLong {
        /// Its id.
        utterance: String,
        /// Words of the reference.
        reference: usize,
        /// Words of the hypothesis.
        hypothesis: usize,
    },
    /// A line of a transcript file that is not as it must be.
    #[error("line {line}: expected {expected}, found `{found}`")]
    Line {
        /// 1-based.
        line: usize,
        /// What is expected.
        expected: &'static str,
        /// The line, or its beginning.
        found: String,
    },
    /// A transcript file that cannot be read.
    #[error("line {line} cannot be read: {kind}")]
    Read {
        /// 1-based.
        line: usize,
        /// Why.
        kind: ErrorKind,
    },
    /// A transcript file that cannot be written.
    #[error("it cannot be written: {kind}")]
    Write {
        /// Why.
        kind: ErrorKind,
    },
    /// A word or a name that would be read as something else in a NIST file.
    #[error(
        "expected a {what} without blanks, parentheses and braces, and other than `@` and `/`, found `{found}`"
    )]
    Unwritable {
        /// `word`, `id`, `file`, `channel`, `speaker` or `labels`.
        what: &'static str,
        /// What was to be written.
        found: String,
    },
}

const REMEDY: &str = "Take the reference of the same test set, and write an empty text for an utterance in which nothing was \
                      recognised (a CTM file cannot have one)";

/// What each of two sides lacks, in words.
struct Sides<'a>(&'a [String], &'a [String]);

impl fmt::Display for Sides<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Ids that are named of each side.
        const NAMED: usize = 5;
        let sides = [(self.0, "reference", "hypothesis"), (self.1, "hypothesis", "reference")];
        let mut separator = "";
        for (ids, of, not_in) in sides.into_iter().filter(|(ids, ..)| !ids.is_empty()) {
            let (count, verb) = (ids.len(), if ids.len() == 1 { "is" } else { "are" });
            let named = ids[..count.min(NAMED)].join(", ");
            let more = if count > NAMED { ", …" } else { "" };
            write!(f, "{separator}{count} of the {of} {verb} not in the {not_in} ({named}{more})")?;
            separator = ", ";
        }
        Ok(())
    }
}
