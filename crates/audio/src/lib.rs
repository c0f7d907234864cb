//! Sound in, frames out: decode, resample, filter bank, stacking, normalisation, and the corpus formats of Kaldi.
//!
//! Everything between an audio file and the numbers a model sees. Samples are mono `f32` in the range of a 16-bit
//! integer (±32768), as Kaldi computes features on; times are whole microseconds, so that the edges of alignments
//! compare exactly. Nothing here knows a network, a store or a model.
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
mod ctm;
mod cut;
mod decode;
mod error;
mod fbank;
mod formats;
mod kaldi;
mod lines;
mod mel;
mod mix;
mod normalise;
mod resample;
mod source;

pub use alignment::{FrameClock, Micros, StateSpan, TOLERANCE_FRAMES, frame_labels, thirds};
pub use ctm::{Ctm, CtmKind};
pub use cut::cut;
pub use decode::{Audio, Decoder, FULL_SCALE, Heard, decode};
pub use error::Error;
pub use fbank::{Fbank, stacked_frames};
pub use kaldi::{DataDirectory, Extent, Recording, Unmatched, Utterance};
pub use normalise::{Moments, Normaliser, STD_FLOOR};
pub use resample::{Resampler, resampled_length};
pub use source::{ReadSeek, open_regular};

#[cfg(test)]
mod tests;
