//! A recogniser: from log posteriors of an acoustic model to words with times and confidences.
//!
//! It joins what the other crates know: which words there are and how they are said (`stentor-inventory`), which words follow
//! one another (`stentor-language`), which outputs of the acoustic model a phone has (`stentor-senones`), and how to search
//! (`stentor-decode`).
//!
//! 1. [`Vocabulary`] has the words that can be recognised: those that have both a pronunciation and a probability.
//! 2. [`Statistics`] of aligned speech give the prior of each output and how long phones last.
//! 3. [`Phones`] has the models of phones, with context from a tying tree or without.
//! 4. [`Settings`] has the scales and limits, and where each was tuned.
//! 5. A [`Recogniser`] is made of these. It decodes whole utterances, or a [`Stream`] frame by frame, with or without
//!    [`Phrases`] that are made more likely. [`tune`] chooses its scales on dev data.
//!
//! Where the words are known, a [`WordAligner`] says which senone and phone each frame has. Where they are not, [`Occupancy`] says how
//! probable each senone is, given what was probably said.
//!
//! The crate is pure: no file, no network, no clock. The same input gives the same words.

mod aligner;
mod error;
mod occupancy;
mod phones;
mod phrases;
mod recogniser;
mod settings;
mod states;
mod statistics;
mod stream;
mod tuning;
mod vocabulary;
mod word_costs;

pub use aligner::{AlignSettings, Aligned, SaidPhone, Unaligned, WordAligner};
pub use error::Error;
pub use occupancy::{Occupancy, Occupied, Unoccupied};
pub use phones::{Phones, pause_phone};
pub use phrases::Phrases;
pub use recogniser::{Found, Recogniser, Size, Words};
pub use settings::{SCHEMA_VERSION, Settings, Tuned};
pub use statistics::{PhoneFrames, Statistics};
pub use stream::Stream;
pub use tuning::{Choice, Steps, tune};
pub use vocabulary::Vocabulary;
