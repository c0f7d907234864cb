//! The formats that are read, and how each becomes samples.
//!
//! WAV, SPHERE and the frames of MP3 are read here, because what libraries believe of their headers loses sound: lengths
//! are those of what is there. FLAC and Ogg Vorbis are read by symphonia, and what it passes over is found by comparing.

mod flac;
mod identify;
mod mpeg;
mod ogg;
mod packets;
mod pcm;
mod sphere;
mod wav;

use crate::Error;
use crate::source::Source;
use identify::Format;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A piece of a file, in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Samples, interleaved, full scale 1.
    Sound {
        /// Of each moment.
        channels: usize,
    },
    /// What did not decode.
    Lost {
        /// Of each channel.
        samples: u64,
        /// Packets that held them; estimated where the packets themselves are lost.
        packets: u64,
    },
    /// There is no more.
    End,
}

/// A file as a sequence of samples.
pub(crate) trait Stream: Send {
    /// Samples per second.
    fn rate_hz(&self) -> u32;

    /// Of the first samples.
    fn channels(&self) -> usize;

    /// Samples of each channel that the header states, where it states any that can be exact.
    fn stated(&self) -> Option<u64>;

    /// The next piece; the samples of one that sounds replace those in `samples`.
    ///
    /// # Errors
    /// [`Error::Reading`], [`Error::RateChange`], [`Error::FloatScale`], [`Error::Joined`], [`Error::Format`].
    fn next(&mut self, samples: &mut Vec<f32>) -> Result<Piece, Error>;

    /// Samples of each channel that are there, whatever the header states; nothing is decoded. Pieces cannot be asked for
    /// after it.
    ///
    /// # Errors
    /// As [`Stream::next`].
    fn count(&mut self) -> Result<u64, Error>;

    /// Once the end is reached: whether there should be more, although nobody can say how much.
    fn ends_early(&self) -> bool;

    /// What else is to be said of the file.
    fn remarks(&self) -> Vec<String>;
}

/// Finds out what the bytes are.
///
/// # Errors
/// [`Error::Format`] for a format that is not read, [`Error::Malformed`] for one that is, and [`Error::Reading`].
pub(crate) fn open(mut source: Source) -> Result<Box<dyn Stream>, Error> {
    Ok(match identify::identify(&mut source)? {
        Format::Wav => Box::new(pcm::Reader::new(wav::layout(&mut source)?, source)),
        Format::Sphere => Box::new(pcm::Reader::new(sphere::layout(&mut source)?, source)),
        Format::Flac => Box::new(flac::open(source)?),
        Format::Vorbis => Box::new(ogg::open(source)?),
        Format::Mpeg => Box::new(mpeg::Reader::new(source)?),
    })
}

/// Runs a step of symphonia, whose panics on malformed input must not end a run over millions of files. What it worked on
/// is not used again after one.
///
/// # Errors
/// [`Error::DecoderPanicked`].
fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Error::DecoderPanicked(text.unwrap_or("no message").to_owned())
    })
}
