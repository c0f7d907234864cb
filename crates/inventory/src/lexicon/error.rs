use super::MAX_WORDS;
use thiserror::Error;

/// What can be wrong with a lexicon. Lines are counted from 1.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum LexiconError {
    /// Neither a word nor a comment.
    #[error("line {line}: expected {expected}, found `{found}`")]
    Line {
        /// Line in the file.
        line: usize,
        /// The expected form of a line.
        expected: &'static str,
        /// The line, shortened.
        found: String,
    },
    /// A line that is longer than any pronunciation.
    #[error("line {line}: expected at most {limit} bytes in a line, found {found}: is this a lexicon?")]
    LongLine {
        /// Line in the file.
        line: usize,
        /// Bytes in the line.
        found: usize,
        /// Most bytes in a line.
        limit: usize,
    },
    /// A word without a phone.
    #[error("line {line}: word `{word}` has no phone: remove the line or say how the word is pronounced")]
    NoPhones {
        /// Line in the file.
        line: usize,
        /// The word.
        word: String,
    },
    /// A phone that the given table does not have.
    #[error(
        "line {line}: phone `{phone}` of word `{word}` is unknown, the phone set has {phones} others: map it to one of \
         them, or strip stress if the phone set has none"
    )]
    UnknownPhone {
        /// Line in the file.
        line: usize,
        /// The word.
        word: String,
        /// The phone.
        phone: String,
        /// Number of phones in the table.
        phones: usize,
    },
    /// A probability that is none, or a pronunciation that never happens.
    #[error("line {line}: expected a probability above 0 and at most 1 for word `{word}`, found `{found}`")]
    Probability {
        /// Line in the file.
        line: usize,
        /// The word.
        word: String,
        /// What stands there.
        found: String,
    },
    /// The same pronunciation twice in a lexicon of Kaldi's. In the CMU dictionary they are merged.
    #[error(
        "line {second}: word `{word}` has this pronunciation at line {first} already: remove one of the lines"
    )]
    Repeated {
        /// The word.
        word: String,
        /// The first line.
        first: usize,
        /// The next one.
        second: usize,
    },
    /// A word in more ways than anyone says it.
    #[error("line {line}: expected at most {limit} pronunciations of a word, word `{word}` has more")]
    TooManyPronunciations {
        /// Line in the file.
        line: usize,
        /// The word.
        word: String,
        /// Most pronunciations of a word.
        limit: usize,
    },
    /// More words than ids are made for.
    #[error("line {line}: expected at most {MAX_WORDS} words, found more: is this a lexicon?")]
    TooManyWords {
        /// Line of the word that is one too many.
        line: usize,
    },
    /// A file without a word.
    #[error("expected at least one word, found none: is this a lexicon, and is its format the one given?")]
    NoWords,
    /// The phones of the lexicon make no table.
    #[error("the lexicon's phones: {0}")]
    Phones(#[from] crate::Error),
    /// The phone that stands for silence or noise is not in the table.
    #[error("expected the {role} phone `{phone}` in the phone set, found none of that name")]
    NoSuchPhone {
        /// `silence` or `noise`.
        role: &'static str,
        /// The phone's name.
        phone: String,
    },
    /// Silence that is always or never there is not optional.
    #[error("expected a probability of optional silence from 0 to 1, both excluded, found {found}")]
    SilenceProbability {
        /// The number given.
        found: f64,
    },
}
