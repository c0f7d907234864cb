//! Back-off n-gram language models: estimated from text, read and written as ARPA files, mixed, pruned and measured.
//!
//! ```
//! use stentor_language::{Counts, Vocabulary, estimate, perplexity};
//!
//! let mut counts = Counts::new(Vocabulary::with_unknown(), 3)?;
//! counts.add_text("the cat sat\nthe dog sat\n".as_bytes())?;
//! let estimate = estimate(&counts)?;
//! let measured = perplexity(&estimate.model, "the cat sat\n".as_bytes())?;
//! assert!(measured.known() < 3.0);
//! # Ok::<(), stentor_language::Error>(())
//! ```
//!
//! Probabilities are base-10 logarithms, as in ARPA files. A text has one sentence on each line, with words separated by
//! ASCII white space; lines without a word are skipped. Every sentence begins after `<s>`, which is never predicted, and ends
//! with `</s>`, which is.
//!
//! A decoder holds a [`State`] for each hypothesis: [`Model::start`], [`Model::advance`] for each word, and
//! [`Model::finish`]. Two hypotheses with the same state have the same future.

pub mod arpa;
mod backoff;
mod builder;
mod counts;
mod discounts;
mod entry;
mod error;
mod interpolate;
mod kneser_ney;
mod lines;
mod model;
mod perplexity;
mod prune;
mod text;
mod vocabulary;
mod weights;

pub use counts::Counts;
pub use discounts::{Discounts, Fallback};
pub use error::{ArpaProblem, Error};
pub use interpolate::{check_weights, interpolate};
pub use kneser_ney::{Estimate, EstimatedOrder, estimate};
pub use lines::MAX_LINE_BYTES;
pub use model::{MAX_ORDER, Model, Ngram, State};
pub use perplexity::{Perplexity, perplexity};
pub use prune::{Pruned, prune};
pub use vocabulary::{BEGIN, END, UNKNOWN, Vocabulary, WordId};
pub use weights::{Weights, tune_weights};
