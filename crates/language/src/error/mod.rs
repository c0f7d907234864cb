mod program;

use crate::arpa::{LEAST_LOG, MAX_LOG_BACKOFF};
use crate::{BEGIN, END, MAX_LINE_BYTES, MAX_ORDER};
use thiserror::Error;

/// What can be wrong with a text, a word list, an ARPA file, or what is asked of models. Lines are counted from 1.
#[derive(Debug, Error)]
pub enum Error {
    /// The system could not read the input.
    #[error("cannot read the file: {0}")]
    Read(#[from] std::io::Error),
    /// A line is not UTF-8.
    #[error("line {line}: expected UTF-8, found other bytes; convert the file to UTF-8")]
    NotUtf8 {
        /// The line.
        line: u64,
    },
    /// A line is longer than any sentence.
    #[error(
        "line {line}: expected at most {MAX_LINE_BYTES} bytes, found a longer line; put each sentence on a line of its own"
    )]
    LineTooLong {
        /// The line.
        line: u64,
    },
    /// A text without a word.
    #[error("expected a text with one sentence on each line, found no word; name another file")]
    EmptyText,
    /// `<s>` or `</s>` in a text.
    #[error(
        "line {line}: expected words, found `{word}`; remove it: {BEGIN} and {END} are added to each line"
    )]
    ReservedWord {
        /// The line.
        line: u64,
        /// The word found.
        word: String,
    },
    /// A word list without a word.
    #[error("expected a list with one word on each line, found no word; name another file")]
    EmptyVocabulary,
    /// A line of a word list with several words.
    #[error("line {line}: expected one word, found `{found}`; a vocabulary has one word on each line")]
    NotAWord {
        /// The line.
        line: u64,
        /// The whole line.
        found: String,
    },
    /// A word that a list contains twice.
    #[error("line {line}: expected each word once, found `{word}` again; remove one of both lines")]
    RepeatedWord {
        /// The line of the second.
        line: u64,
        /// The word.
        word: String,
    },
    /// An order that no model has.
    #[error("expected an order from 1 to {MAX_ORDER}, found {found}")]
    Order {
        /// The order given.
        found: usize,
    },
    /// More n-grams than 32-bit numbers can tell apart.
    #[error("expected fewer than 2^32 n-grams, found more; use less text or a lower order")]
    TooManyNgrams,
    /// An ARPA file that is not as it must be.
    #[error("line {line}: {problem}")]
    Arpa {
        /// The line.
        line: u64,
        /// What is wrong there.
        problem: ArpaProblem,
    },
    /// Two models that are to be mixed have different words.
    #[error(
        "expected the same words in all models, found `{word}` in one of the models 1 and {model} only; estimate all models with \
         the same vocabulary"
    )]
    DifferentVocabularies {
        /// Number of the second model, from 1.
        model: usize,
        /// A word that one of both lacks.
        word: String,
    },
    /// Weights that are not those of a mixture.
    #[error("expected {models} weights from 0 to 1 with the sum 1, found {found:?}")]
    Weights {
        /// Number of models.
        models: usize,
        /// The weights given.
        found: Vec<f64>,
    },
    /// A pruning threshold below 0 or not finite.
    #[error("expected a pruning threshold of 0 or more, found {found}")]
    Threshold {
        /// The value given.
        found: f64,
    },
}

/// What can be wrong with a line of an ARPA file.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ArpaProblem {
    /// The file ends too early.
    #[error("expected {expected}, found the end of the file; it was cut short, or is not an ARPA file")]
    CutShort {
        /// What is missing.
        expected: String,
    },
    /// A line of another form.
    #[error("expected {expected}, found `{found}`")]
    Syntax {
        /// The form expected.
        expected: String,
        /// The line found.
        found: String,
    },
    /// A log probability above 0, or not a finite number.
    #[error("expected the log10 of a probability, from {LEAST_LOG} to 0, found `{found}`")]
    NotALogProbability {
        /// The text found.
        found: String,
    },
    /// A back-off weight that is not a finite number, or larger than that of any model.
    #[error(
        "expected the log10 of a back-off weight, from {LEAST_LOG} to {MAX_LOG_BACKOFF}, found `{found}`"
    )]
    NotABackoff {
        /// The text found.
        found: String,
    },
    /// More or fewer n-grams than the header says.
    #[error("expected {expected} {order}-grams, as the header says, found {found}")]
    Count {
        /// Words of each n-gram.
        order: usize,
        /// Number in the header.
        expected: u64,
        /// Number in the section, or the first one too many.
        found: u64,
    },
    /// `<s>` or `</s>` is not among the 1-grams.
    #[error("expected the 1-grams {BEGIN} and {END}, found no `{word}`")]
    MissingBoundary {
        /// The word that is missing.
        word: &'static str,
    },
    /// A word of an n-gram is not among the 1-grams.
    #[error("expected words of the 1-grams, found `{word}`, which is none")]
    UnknownWord {
        /// The word.
        word: String,
    },
    /// The n-gram without its last word is not in the file.
    #[error("expected the history `{history}` among the {order}-grams, found none")]
    MissingHistory {
        /// The words of the history.
        history: String,
        /// How many they are.
        order: usize,
    },
    /// An n-gram that the file contains twice.
    #[error("expected each n-gram once, found `{ngram}` again")]
    Repeated {
        /// The words of the n-gram.
        ngram: String,
    },
}
