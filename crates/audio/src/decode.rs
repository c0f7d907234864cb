use crate::Error;
use crate::formats::{self, Piece, Stream};
use crate::mix::Mixer;
use crate::source::{Fault, ReadSeek, Source, open_regular};
use std::io::Cursor;
use std::path::Path;

/// The largest sample: features are computed on the range of a 16-bit integer.
pub const FULL_SCALE: f32 = 32_768.0;

/// Silence that is given at once.
const SILENT_BLOCK: u64 = 1 << 14;

/// Samples that may be lost whatever the length: the first two frames of a clip that was cut out of a longer MP3.
const EDGES: u64 = 2 * 1_152;

/// A whole clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Mono, ±[`FULL_SCALE`].
    pub samples: Vec<f32>,
    /// Samples per second.
    pub rate_hz: u32,
    /// What else is to be said.
    pub heard: Heard,
}

/// What is to be said of a file besides its samples, as far as it was decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Samples per second.
    pub rate_hz: u32,
    /// Given so far.
    pub samples: u64,
    /// As many as the header states; none where it does not, or cannot know.
    pub stated: Option<u64>,
    /// The file ends before its sound does: there are fewer samples than stated, or the last packet is not whole.
    pub is_cut_short: bool,
    /// Those that did not decode and are silence of their length, so that what follows keeps its time.
    pub lost_samples: u64,
    /// Packets that held them.
    pub damaged_packets: u64,
    /// Channels that the samples are the mean of; 1 where there was one, or one was chosen.
    pub averaged_channels: usize,
    /// Whatever else somebody who made the file would want to know, a sentence each.
    pub remarks: Vec<String>,
}

impl Heard {
    /// Seconds of so many samples.
    #[must_use]
    pub fn seconds(&self, samples: u64) -> f64 {
        samples as f64 / f64::from(self.rate_hz.max(1))
    }
}

/// Decodes a whole file held in memory: WAV, NIST SPHERE, FLAC, MP3 or Ogg Vorbis, told apart by content.
///
/// # Errors
/// As [`Decoder::from_source`] and [`Decoder::next_block`].
pub fn decode<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Result<Audio, Error> {
    let mut decoder = Decoder::from_bytes(bytes)?;
    let mut samples = Vec::new();
    while let Some(block) = decoder.next_block()? {
        samples.extend_from_slice(block);
    }
    Ok(Audio { samples, rate_hz: decoder.rate_hz(), heard: decoder.heard()? })
}

/// Decodes a file block by block, so that hours of audio need no hours of memory.
pub struct Decoder {
    stream: Box<dyn Stream>,
    fault: Fault,
    mixer: Mixer,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
    /// Silence that is still to be given.
    silence: u64,
    heard: Heard,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("rate_hz", &self.rate_hz())
            .field("heard", &self.heard)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Reads from memory.
    ///
    /// # Errors
    /// As [`Decoder::from_source`].
    pub fn from_bytes<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Result<Self, Error> {
        Self::from_source(Cursor::new(bytes))
    }

    /// Reads from a file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFile`], and as [`Decoder::from_source`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::from_source(open_regular(path)?)
    }

    /// Reads from whatever can be read and has a length.
    ///
    /// # Errors
    /// [`Error::Reading`], [`Error::Format`] for what is not read, [`Error::Malformed`] for what is but not so,
    /// [`Error::Rate`] and [`Error::DecoderPanicked`].
    pub fn from_source<S: ReadSeek + 'static>(source: S) -> Result<Self, Error> {
        let source = Source::new(Box::new(source))?;
        let fault = source.fault();
        let opened = formats::open(source);
        fault.check()?;
        let stream = opened?;
        let rate_hz = stream.rate_hz();
        if !(1_000..=768_000).contains(&rate_hz) {
            return Err(Error::Rate(rate_hz));
        }
        let heard = Heard { rate_hz, stated: stream.stated(), ..Heard::default() };
        let (interleaved, mono) = (Vec::new(), Vec::new());
        Ok(Self { stream, fault, mixer: Mixer::default(), interleaved, mono, silence: 0, heard })
    }

    /// Takes one channel of several instead of their mean: the one with this number, from 1. A file with one channel is read
    /// as it is. To be called before anything is read.
    ///
    /// # Errors
    /// [`Error::NoSuchChannel`].
    pub fn choosing(mut self, channel: Option<usize>) -> Result<Self, Error> {
        let channels = self.stream.channels();
        match channel {
            Some(asked) if channels > 1 && !(1..=channels).contains(&asked) => {
                Err(Error::NoSuchChannel { asked, channels })
            }
            _ => {
                self.mixer = Mixer::choosing(channel);
                Ok(self)
            }
        }
    }

    /// Samples per second.
    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        self.stream.rate_hz()
    }

    /// Number of samples that are there, whatever the header states. Of MP3, Ogg Vorbis and FLAC that was cut short the
    /// packets are counted; nothing is decoded.
    ///
    /// # Errors
    /// [`Error::Reading`], [`Error::RateChange`], [`Error::Joined`], [`Error::Format`], [`Error::DecoderPanicked`].
    pub fn count_samples(mut self) -> Result<u64, Error> {
        let counted = self.stream.count();
        self.fault.check()?;
        counted
    }

    /// The next samples, mono, ±[`FULL_SCALE`]: the mean of the channels, or the one that was chosen. `None` at the end of
    /// the file; a file that was cut short ends where its last whole packet ends, and [`Decoder::heard`] says so.
    ///
    /// # Errors
    /// [`Error::Reading`] where the file cannot be read to its end, [`Error::RateChange`], [`Error::FloatScale`],
    /// [`Error::Joined`], [`Error::Format`] for a stream of another codec behind the first, [`Error::NoSuchChannel`],
    /// [`Error::DecoderPanicked`]; once the end is reached, [`Error::NoSamples`] and those of [`Decoder::heard`].
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, Error> {
        self.mono.clear();
        while self.mono.is_empty() {
            if self.silence > 0 {
                let block = self.silence.min(SILENT_BLOCK);
                self.silence -= block;
                self.mono.resize(block as usize, 0.0);
                break;
            }
            let piece = self.stream.next(&mut self.interleaved);
            self.fault.check()?;
            match piece? {
                Piece::Sound { channels } => {
                    self.mixer.mix(&self.interleaved, channels, FULL_SCALE, &mut self.mono)?;
                }
                Piece::Lost { samples, packets } => {
                    self.silence = samples;
                    self.heard.lost_samples += samples;
                    self.heard.damaged_packets += packets;
                }
                Piece::End => return self.end(),
            }
        }
        self.heard.samples += self.mono.len() as u64;
        Ok(Some(&self.mono))
    }

    fn end(&mut self) -> Result<Option<&[f32]>, Error> {
        let falls_short = self.heard.stated.is_some_and(|stated| self.heard.samples < stated);
        self.heard.is_cut_short = falls_short || self.stream.ends_early();
        if self.heard.samples == 0 {
            return Err(Error::NoSamples);
        }
        self.heard()?;
        Ok(None)
    }

    /// What is to be said of the file as far as it was decoded.
    ///
    /// # Errors
    /// [`Error::Damaged`] where too much was lost, [`Error::Cancelled`] where the channels cancel.
    pub fn heard(&self) -> Result<Heard, Error> {
        let Heard { samples, lost_samples: lost, .. } = self.heard;
        if lost > 0 && lost >= samples || lost > EDGES && lost * 10 > samples {
            return Err(Error::Damaged {
                lost_s: self.heard.seconds(lost),
                of_s: self.heard.seconds(samples),
            });
        }
        self.mixer.check()?;
        Ok(Heard {
            averaged_channels: self.mixer.averaged(),
            remarks: self.stream.remarks(),
            ..self.heard.clone()
        })
    }
}
