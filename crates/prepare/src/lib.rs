//! From audio, texts and alignments to feature sets: what `stentor prepare` does.
//!
//! [`prepare`] does it in stages, each of them streaming and on all cores:
//!
//! 1. *scan*: every recording's rate and length, of what is there and not of what its header states;
//! 2. *split*: groups (or speakers, or utterances) are dealt to the sets by time, with a recorded seed;
//! 3. *align*: the aligner runs over annotated, dev and test. The unannotated part is never aligned, its texts are
//!    never read;
//! 4. *features*: decode, resample, filter bank, stack, label, write; mean and variance of the training audio on the way.
//!
//! Memory holds the corpus's tables, one shard per set, and a bounded number of recordings' frames, never the audio.
//! Everything that comes out is a function of corpus, [`Options`] and seed, whatever the number of threads.
//! A run that was interrupted is run again: answers of the aligner are kept, finished output is recognised.
//!
//! `decide` holds the decisions and is pure; the other modules read, run the aligner, and write. The crate prints nothing: it
//! reports [`Progress`] to a callback and returns a [`Summary`].

mod aligner;
mod alignments;
mod bad;
mod clips;
mod decide;
mod digests;
mod error;
mod features;
mod fingerprint;
mod interrupt;
mod lock;
mod memo;
mod options;
mod ordered;
mod output;
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
pub use options::{Options, Source};
pub use progress::{Progress, Stage};
pub use sound::{CutShort, Damage, Sound};
pub use stages::{Prepared, prepare};
pub use summary::{SetSummary, Summary};
