use crate::Error;
use crate::formats::{self, Piece, Stream};
use crate::mix::Mixer;
use crate::source::{Fault, ReadSeek, Source, open_regular};
use std::io::Cursor;
use std::path::Path;

/// The largest sample: features are computed on the range of a 16-bit integer.
pub const FULL_SCALE: f32 = 32_768.0;

/// Samples of silence that are returned at once.
const SILENT_BLOCK: u64 = 1 << 14;

/// Samples that may be lost in a file of any length: the first two frames of a clip that was cut out of a longer MP3.
const EDGES: u64 = 2 * 1_152;

/// A decoded clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Mono, ±[`FULL_SCALE`].
    pub samples: Vec<f32>,
    /// Samples per second.
    pub rate_hz: u32,
    /// Facts about the file besides its samples.
    pub report: DecodeReport,
}

/// What decoding found out about a file besides its samples, up to the current position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecodeReport {
    /// Samples per second.
    pub rate_hz: u32,
    /// Samples returned so far.
    pub samples: u64,
    /// Samples that the header states; `None` if it states none, or cannot know.
    pub stated: Option<u64>,
    /// Whether the file ends before its sound does: there are fewer samples than stated, or the last packet is
    /// incomplete.
    pub is_cut_short: bool,
    /// Samples that could not be decoded; silence of the same length replaces them, so that later sound keeps its time.
    pub lost_samples: u64,
    /// Packets that contained the lost samples.
    pub damaged_packets: u64,
    /// Number of channels that were averaged; 1 if there was only one, or one was chosen.
    pub averaged_channels: usize,
    /// Other findings that the file's creator should know, a sentence each.
    pub remarks: Vec<String>,
}

impl DecodeReport {
    /// Returns the duration of this many samples, in seconds.
    #[must_use]
    pub fn seconds(&self, samples: u64) -> f64 {
        samples as f64 / f64::from(self.rate_hz.max(1))
    }
}

/// Decodes a whole file held in memory: WAV, NIST SPHERE, FLAC, MP3 or Ogg Vorbis, recognised by content.
///
/// # Errors
/// As [`Decoder::from_source`] and [`Decoder::next_block`].
pub fn decode<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Result<Audio, Error> {
    let mut decoder = Decoder::from_bytes(bytes)?;
    let mut samples = Vec::new();
    while let Some(block) = decoder.next_block()? {
        samples.extend_from_slice(block);
    }
    Ok(Audio { samples, rate_hz: decoder.rate_hz(), report: decoder.report()? })
}

/// Decodes a file block by block, so that memory does not grow with the length of the audio.
pub struct Decoder {
    stream: Box<dyn Stream>,
    fault: Fault,
    mixer: Mixer,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
    /// Samples of silence that are still to be returned.
    silence: u64,
    report: DecodeReport,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("rate_hz", &self.rate_hz())
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Creates a decoder of bytes in memory.
    ///
    /// # Errors
    /// As [`Decoder::from_source`].
    pub fn from_bytes<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Result<Self, Error> {
        Self::from_source(Cursor::new(bytes))
    }

    /// Creates a decoder of a file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFile`], and as [`Decoder::from_source`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::from_source(open_regular(path)?)
    }

    /// Creates a decoder of any source that can be read and has a length.
    ///
    /// # Errors
    /// [`Error::Reading`], [`Error::Format`] for a format that is not supported, [`Error::Malformed`] for a malformed
    /// file of a supported format, [`Error::Rate`] and [`Error::DecoderPanicked`].
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
        let report = DecodeReport { rate_hz, stated: stream.stated(), ..DecodeReport::default() };
        let (interleaved, mono) = (Vec::new(), Vec::new());
        Ok(Self { stream, fault, mixer: Mixer::default(), interleaved, mono, silence: 0, report })
    }

    /// Selects one of several channels, counted from 1, in place of their mean. A file with one channel is read as it
    /// is. Must be called before anything is read.
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

    /// Returns the samples per second.
    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        self.stream.rate_hz()
    }

    /// Returns the number of samples that are present, whatever the header states. For MP3, Ogg Vorbis and truncated
    /// FLAC, packets are counted; nothing is decoded.
    ///
    /// # Errors
    /// [`Error::Reading`], [`Error::RateChange`], [`Error::Joined`], [`Error::Format`], [`Error::DecoderPanicked`].
    pub fn count_samples(mut self) -> Result<u64, Error> {
        let counted = self.stream.count();
        self.fault.check()?;
        counted
    }

    /// Returns the next samples, mono, ±[`FULL_SCALE`]: the mean of the channels, or the chosen one. `None` at the end
    /// of the file; a truncated file ends with its last complete packet, and [`Decoder::report`] reports that.
    ///
    /// # Errors
    /// [`Error::Reading`] if the file cannot be read to its end, [`Error::RateChange`], [`Error::FloatScale`],
    /// [`Error::Joined`], [`Error::Format`] for a second stream with another codec, [`Error::NoSuchChannel`],
    /// [`Error::DecoderPanicked`]; at the end, [`Error::NoSamples`] and the errors of [`Decoder::report`].
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
                    self.report.lost_samples += samples;
                    self.report.damaged_packets += packets;
                }
                Piece::End => return self.end(),
            }
        }
        self.report.samples += self.mono.len() as u64;
        Ok(Some(&self.mono))
    }

    fn end(&mut self) -> Result<Option<&[f32]>, Error> {
        let falls_short = self.report.stated.is_some_and(|stated| self.report.samples < stated);
        self.report.is_cut_short = falls_short || self.stream.ends_early();
        if self.report.samples == 0 {
            return Err(Error::NoSamples);
        }
        self.report()?;
        Ok(None)
    }

    /// Returns what is known about the file up to the current position.
    ///
    /// # Errors
    /// [`Error::Damaged`] if too much was lost, [`Error::Cancelled`] if the channels cancel each other.
    pub fn report(&self) -> Result<DecodeReport, Error> {
        let DecodeReport { samples, lost_samples: lost, .. } = self.report;
        if lost > 0 && lost >= samples || lost > EDGES && lost * 10 > samples {
            return Err(Error::Damaged {
                lost_s: self.report.seconds(lost),
                of_s: self.report.seconds(samples),
            });
        }
        self.mixer.check()?;
        Ok(DecodeReport {
            averaged_channels: self.mixer.averaged(),
            remarks: self.stream.remarks(),
            ..self.report.clone()
        })
    }
}
