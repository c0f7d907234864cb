//! Transcription: from sound as it comes to words with times and confidences, with nothing but a model folder.
//!
//! 1. A [`Bundle`] is a folder with all that a trained model needs to recognise words: parameters, normalisation, senones, tying
//!    tree, lexicon, language model, settings. Each part has a digest, and parts of different models are refused.
//! 2. A [`Transcriber`] takes samples and gives [`Event`]s: words that may still change, words that are final, and ends of
//!    utterances. Its memory does not grow with the stream.
//! 3. An end of an utterance is first a guess, made soon, and then final; in between, a guess may be taken back
//!    ([`EndSettings`]).
//! 4. [`Format`]s write events as text, JSON lines, CTM or SRT.
//! 5. [`command`] is the command line, of `stentor transcribe` and of the program `stentor-transcribe`, which has nothing else and
//!    so is small.

mod bundle;
pub mod command;
mod ends;
mod error;
mod event;
mod input;
mod output;
mod stop;
pub mod text;
mod transcriber;

pub use bundle::{BUNDLE, Bundle, Contents, Description, Parts, TrainedModel};
pub use ends::EndSettings;
pub use error::Error;
pub use event::{Event, Utterance, Word};
pub use input::{Raw, Source};
pub use output::{Format, Writer};
pub use transcriber::{Options, Transcriber};
