//! Supported formats, and how each is decoded to samples.
//!
//! WAV, SPHERE and the frames of MP3 are parsed here: libraries trust lengths in headers and thereby lose sound. Here,
//! lengths are those of the data present. symphonia reads FLAC and Ogg Vorbis; what it skips is found by comparison.

mod flac;
mod format;
mod identify;
mod mpeg;
mod ogg;
mod packets;
mod pcm;
mod sphere;
mod tags;
mod wav;

pub(crate) use pcm::Encoding;

use crate::Error;
use crate::source::Source;
use format::Format;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A piece of a file, in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Samples, interleaved, full scale 1.
    Sound {
        /// Number of channels.
        channels: usize,
    },
    /// Sound that could not be decoded.
    Lost {
        /// Samples of each channel.
        samples: u64,
        /// Packets that contained them; estimated if the packets themselves are lost.
        packets: u64,
    },
    /// The end of the file.
    End,
}

/// A file as a sequence of samples.
pub(crate) trait Stream: Send {
    /// Returns the samples per second.
    fn rate_hz(&self) -> u32;

    /// Returns the number of channels of the first samples.
    fn channels(&self) -> usize;

    /// Returns the number of samples of each channel in the header, if it states one that can be exact.
    fn stated(&self) -> Option<u64>;

    /// Returns the next piece; its samples, if any, replace those in `samples`.
    ///
    /// # Errors
    /// [`Error::Reading`], [`Error::RateChange`], [`Error::FloatScale`], [`Error::Joined`], [`Error::Format`].
    fn next(&mut self, samples: &mut Vec<f32>) -> Result<Piece, Error>;

    /// Returns the number of samples of each channel that are present, whatever the header states; nothing is decoded.
    /// [`Stream::next`] must not be called afterwards.
    ///
    /// # Errors
    /// As [`Stream::next`].
    fn count(&mut self) -> Result<u64, Error>;

    /// Returns, at the end, whether sound is missing, although its length is unknown.
    fn ends_early(&self) -> bool;

    /// Returns other findings about the file, a sentence each.
    fn remarks(&self) -> Vec<String>;
}

/// Identifies the format and opens the file.
///
/// # Errors
/// [`Error::Format`] for a format that is not supported, [`Error::Malformed`] for a malformed file, and
/// [`Error::Reading`].
pub(crate) fn open(mut source: Source) -> Result<Box<dyn Stream>, Error> {
    Ok(match identify::identify(&mut source)? {
        Format::Wav => Box::new(pcm::Reader::new(wav::layout(&mut source)?, source)),
        Format::Sphere => Box::new(pcm::Reader::new(sphere::layout(&mut source)?, source)),
        Format::Flac => Box::new(flac::open(source)?),
        Format::Vorbis => Box::new(ogg::open(source)?),
        Format::Mpeg => Box::new(mpeg::Reader::new(source)?),
    })
}

/// Runs a step of symphonia, which may panic on malformed input; a panic must not end a run over millions of files. The
/// objects that a panicking step used are discarded.
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
