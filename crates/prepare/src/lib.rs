//! Prepares feature sets from audio, texts and alignments: the library behind `stentor prepare`.
//!
//! [`prepare`] runs in stages, each of them streaming and on all cores:
//!
//! 1. *scan*: rate and length of every recording, measured rather than taken from its header;
//! 2. *split*: groups (or speakers, or utterances) are assigned to the sets by time, with a recorded seed;
//! 3. *align*: the aligner runs on annotated, dev and test. The unannotated part is never aligned, and its texts are
//!    never read;
//! 4. *features*: decode, resample, filter bank, stack, label, write; mean and variance of the training audio are
//!    computed on the way.
//!
//! Memory contains the corpus's tables, one shard per set, and the frames of a bounded number of recordings, but never
//! the audio. The output is a function of corpus, [`Options`] and seed, whatever the number of threads. An interrupted
//! run can be repeated: the aligner's answers are kept, and complete output is recognised.
//!
//! `decide` contains the decisions and is pure; the other modules read, run the aligner, and write. The crate prints
//! nothing: it reports [`Progress`] to a callback and returns a [`Summary`].

mod aligner;
mod alignments;
mod answer;
mod bad;
mod clips;
mod decide;
mod digests;
mod error;
mod features;
mod fingerprint;
mod held_out;
mod interrupt;
mod lock;
mod memo;
mod options;
mod ordered;
mod output;
mod pdfs;
mod progress;
mod scan;
mod sound;
mod stages;
mod summary;
mod words;

#[cfg(test)]
mod tests;

pub use decide::left_out::{LeftOut, Named, Reason};
pub use decide::set::{Fractions, Set, SplitBy};
pub use error::Error;
pub use held_out::{Fold, TrainingTexts, fold, training_texts};
pub use options::{Options, PdfNumbers, Source};
pub use progress::{Progress, Stage};
pub use sound::{CutShort, Damage, Sound};
pub use stages::{Prepared, prepare};
pub use summary::{PdfFrames, SetSummary, Summary};
