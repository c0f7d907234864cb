//! Audio files in, feature frames out: decoding, resampling, filter bank, stacking, normalisation, and Kaldi's corpus
//! formats.
//!
//! Everything between an audio file and the input of a model. Samples are mono `f32` in the range of a 16-bit integer
//! (±32768), on which Kaldi computes features; times are whole microseconds, so that the edges of alignments compare
//! exactly. The crate depends on no network, store or model.
//!
//! ```
//! use stentor_audio::{Fbank, stacked_frames};
//!
//! let features = stentor_experiment::Features::default();
//! let mut fbank = Fbank::new(&features, 8_000.0)?;
//! let mut frames = Vec::new();
//! let count = fbank.compute(&vec![0.0; 16_000], &mut frames);
//! assert_eq!((count, stacked_frames(count, features.stack)), (98, 32));
//! # Ok::<(), stentor_audio::Error>(())
//! ```

mod alignment;
mod ark;
mod ctm;
mod cut;
mod decode;
mod error;
mod fbank;
mod formats;
mod frames;
mod kaldi;
mod lines;
mod mel;
mod mix;
mod normalise;
mod raw;
mod resample;
mod source;

pub use alignment::{FrameClock, Micros, StateSpan, TOLERANCE_FRAMES, frame_labels, thirds};
pub use ark::IntegerArk;
pub use ctm::{Ctm, CtmKind};
pub use cut::cut;
pub use decode::{Audio, DecodeReport, Decoder, FULL_SCALE, decode};
pub use error::Error;
pub use fbank::{Fbank, stacked_frames};
pub use frames::FrameStream;
pub use kaldi::{DataDirectory, Extent, Recording, Unmatched, Utterance};
pub use normalise::{Moments, Normaliser, STD_FLOOR};
pub use raw::{RawEncoding, RawStream};
pub use resample::{Resampler, resampled_length};
pub use source::{ReadSeek, open_regular};

#[cfg(test)]
mod tests;
