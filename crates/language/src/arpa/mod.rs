//! ARPA files, the exchange format of back-off models.
//!
//! ```text
//! \data\
//! ngram 1=4
//! ngram 2=1
//!
//! \1-grams:
//! -99   <s>   -0.30103
//! -0.5   </s>
//! …
//!
//! \2-grams:
//! -0.2   <s> a
//!
//! \end\
//! ```
//!
//! A line has the log10 of the probability, the words, and the log10 of the back-off weight, which is left out if it is 0. Tabs
//! separate these three.

mod reader;
mod writer;

pub use reader::{LEAST_LOG, MAX_LOG_BACKOFF, read};
pub use writer::write;

#[cfg(test)]
mod tests;
