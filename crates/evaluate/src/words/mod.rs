//! Word error rate: texts are normalised, aligned and counted, by speaker and by group, and two systems are compared.
//!
//! ```
//! use stentor_evaluate::words::{Labels, Transcripts, score};
//!
//! let of = |text: &str| Transcripts::from([("a-1".to_owned(), text.to_owned())]);
//! let scored = score(&of("Please hold the line."), &of("please hold a fine line"), Labels::default())?;
//! let words = scored.total().words;
//! assert_eq!((words.substitutions, words.deletions, words.insertions), (1, 0, 1));
//! assert_eq!(words.rate(), Some(50.0));
//! # Ok::<(), stentor_evaluate::Error>(())
//! ```

mod align;
mod draw;
mod errors;
mod figures;
pub mod files;
mod normalise;
mod printout;
mod score;
mod segments;
mod units;

pub use align::{Edit, MAX_CELLS, align, distance};
pub use draw::drawn_errors;
pub use errors::{WordErrors, WordScore};
pub use figures::{Interval, WORD_FIGURES_VERSION, WordFigures};
pub use normalise::{NORMALISER, Normalised, Tally, normalise};
pub use printout::printout;
pub use score::{Labels, Names, Scored, Transcripts, Utterance, score};
pub use segments::{assign, by_file, by_segment, segment_id};
pub use units::Unit;
