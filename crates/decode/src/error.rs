use crate::triphone::Triphone;
use std::ops::RangeInclusive;

/// What can be wrong with a graph, a lexicon, scores or a search.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A line of a text file is malformed.
    #[error("line {line} of {what}: expected {expected}, found {found:?}")]
    Line {
        /// The file's kind.
        what: &'static str,
        /// Counted from 1.
        line: usize,
        /// What the line should be.
        expected: String,
        /// The line, or the field in question.
        found: String,
    },
    /// A text could not be read, or not be written.
    #[error("cannot read or write {what}")]
    Io {
        /// The file's kind.
        what: &'static str,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Something refers to what does not exist.
    #[error("{what} {index} does not exist: there are {count}")]
    OutOfRange {
        /// The kind of thing.
        what: &'static str,
        /// Its number.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// A number is not usable.
    #[error("{what} is {found}, but should be {expected}")]
    Value {
        /// The number's meaning and place.
        what: String,
        /// The number.
        found: f64,
        /// What would be usable.
        expected: &'static str,
    },
    /// Something that must not be empty is empty, for example a pronunciation.
    #[error("{what} is empty")]
    Empty {
        /// The thing's name.
        what: String,
    },
    /// Arcs without input form a cycle, so that a frame would have infinitely many paths.
    #[error(
        "arcs without input form a cycle through the states {states:?}: remove it, for example by giving back-off arcs \
         disambiguation symbols before the graph is minimised"
    )]
    EpsilonCycle {
        /// The states of one cycle, in order.
        states: Vec<u64>,
    },
    /// The transitions of a phone's model are not a left-to-right model with probabilities.
    #[error("{place} of a phone's model: {reason}")]
    Hmm {
        /// The entry, or a state, counted from 0.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A triphone has another number of outputs than its phone has states.
    #[error(
        "phone {} between {} and {} has {found} outputs, but {expected} states", .triphone.centre, .triphone.left,
        .triphone.right
    )]
    Outputs {
        /// The phone and its neighbours.
        triphone: Triphone,
        /// The number of states.
        expected: usize,
        /// The number of outputs.
        found: usize,
    },
    /// A graph would have more states than the caller allows.
    #[error(
        "the graph needs more than {allowed} states: use the prefix tree, a smaller language model, or a shorter transcript"
    )]
    TooLarge {
        /// The caller's limit.
        allowed: usize,
    },
    /// A frame has another number of scores than expected.
    #[error("frame {frame} has {found} scores, expected {}", Expected(expected))]
    Width {
        /// The frame, counted from 0.
        frame: usize,
        /// How many it has.
        found: usize,
        /// How many it may have.
        expected: RangeInclusive<usize>,
    },
    /// A score is not a number that a path can have.
    #[error("frame {frame}, output {output}: the {what} is {found}")]
    Score {
        /// The frame, counted from 0.
        frame: usize,
        /// The acoustic model's output, counted from 0.
        output: usize,
        /// The score's name.
        what: &'static str,
        /// The value.
        found: f32,
    },
    /// No token survived a frame: the network has no path for it, or scores made every path impossible.
    #[error(
        "no path goes past frame {frame}: the graph ends there, or every output that it allows is impossible"
    )]
    NoPath {
        /// The frame, counted from 0.
        frame: usize,
    },
}

struct Expected<'a>(&'a RangeInclusive<usize>);

impl std::fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (least, most) = (self.0.start(), self.0.end());
        match least == most {
            true => write!(f, "{least}"),
            false => write!(f, "at least {least}"),
        }
    }
}

/// Refuses numbers that are not finite.
pub(crate) fn finite(value: f64, what: impl FnOnce() -> String) -> Result<f64, Error> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(Error::Value { what: what(), found: value, expected: "finite" }),
    }
}
