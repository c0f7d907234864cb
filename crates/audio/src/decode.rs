use crate::Error;
use crate::source::{Fault, ReadSeek, Source, open_regular};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as Symphonia;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// The largest sample: features are computed on the range of a 16-bit integer.
pub const FULL_SCALE: f32 = 32_768.0;

/// Longest silence, in samples, that stands for one damaged packet: no codec here has longer packets.
const LONGEST_PACKET: u64 = 1 << 16;

/// A whole clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Mono, ±[`FULL_SCALE`].
    pub samples: Vec<f32>,
    /// Samples per second.
    pub rate_hz: u32,
    /// Packets that did not decode and are silent in `samples`.
    pub damaged_packets: u64,
}

/// Decodes a whole file held in memory: WAV, FLAC, MP3 or Ogg Vorbis, told apart by content.
///
/// # Errors
/// [`Error::NotAudio`], [`Error::Damaged`], [`Error::NoSamples`], [`Error::RateChange`] and [`Error::Rate`].
pub fn decode<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Result<Audio, Error> {
    let mut decoder = Decoder::from_bytes(bytes)?;
    let mut samples = Vec::with_capacity(decoder.expected_samples().unwrap_or(0).min(1 << 26) as usize);
    while let Some(block) = decoder.next_block()? {
        samples.extend_from_slice(block);
    }
    Ok(Audio { samples, rate_hz: decoder.rate_hz, damaged_packets: decoder.damaged })
}

/// Decodes a file block by block, so that hours of audio need no hours of memory.
pub struct Decoder {
    format: Box<dyn FormatReader>,
    codec: Box<dyn AudioDecoder>,
    fault: Fault,
    track: u32,
    rate_hz: u32,
    expected_samples: Option<u64>,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
    packets: u64,
    damaged: u64,
    samples: u64,
    /// Timestamp at which the next packet should start; only FLAC's are exact enough to tell a gap.
    next_start: Option<i64>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("rate_hz", &self.rate_hz)
            .field("samples", &self.samples)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Reads from memory.
    ///
    /// # Errors
    /// [`Error::NotAudio`] and [`Error::Rate`].
    pub fn from_bytes<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Result<Self, Error> {
        Self::from_source(Cursor::new(bytes))
    }

    /// Reads from a file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFile`], [`Error::Reading`], [`Error::NotAudio`] and [`Error::Rate`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::from_source(open_regular(path)?)
    }

    /// Reads from whatever can be read and has a length.
    ///
    /// # Errors
    /// [`Error::Reading`], [`Error::NotAudio`] and [`Error::Rate`].
    pub fn from_source<S: ReadSeek + 'static>(source: S) -> Result<Self, Error> {
        let source = Source::new(Box::new(source))?;
        let fault = source.fault();
        let opened = guarded(|| Self::probe(source))?;
        fault.check()?;
        opened
    }

    fn probe(source: Source) -> Result<Self, Error> {
        let not_audio = |e: Symphonia| Error::NotAudio(e.to_string());
        let fault = source.fault();
        let stream = MediaSourceStream::new(Box::new(source), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(not_audio)?;
        let track = format
            .default_track(TrackType::Audio)
            .ok_or_else(|| Error::NotAudio("no audio track of a known codec".to_owned()))?;
        let parameters = track
            .codec_params
            .as_ref()
            .and_then(|p| p.audio())
            .ok_or_else(|| Error::NotAudio("no parameters for the audio track".to_owned()))?;
        let rate_hz = parameters.sample_rate.ok_or_else(|| Error::NotAudio("no sample rate".to_owned()))?;
        if !(1_000..=768_000).contains(&rate_hz) {
            return Err(Error::Rate(rate_hz));
        }
        let codec = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(not_audio)?;
        let next_start = (parameters.codec == CODEC_ID_FLAC).then_some(0);
        let (track, expected_samples) = (track.id, track.num_frames);
        Ok(Self {
            format,
            codec,
            fault,
            track,
            rate_hz,
            expected_samples,
            interleaved: Vec::new(),
            mono: Vec::new(),
            packets: 0,
            damaged: 0,
            samples: 0,
            next_start,
        })
    }

    /// Samples per second.
    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Number of samples as the header tells or implies it, without decoding; an estimate for MP3 without such a header.
    #[must_use]
    pub fn expected_samples(&self) -> Option<u64> {
        self.expected_samples
    }

    /// Packets so far that did not decode and were given as silence of their length, so that what follows keeps its time.
    #[must_use]
    pub fn damaged_packets(&self) -> u64 {
        self.damaged
    }

    /// The next samples, mono, ±[`FULL_SCALE`]: the mean of the channels. `None` at the end of the file; a file that
    /// was cut short ends where its last whole packet ends.
    ///
    /// # Errors
    /// [`Error::Reading`] where the file cannot be read to its end, [`Error::Damaged`] and [`Error::NoSamples`] once the
    /// end is reached, [`Error::RateChange`], [`Error::DecoderPanicked`].
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, Error> {
        loop {
            let read = guarded(|| self.format.next_packet())?;
            // Whatever became of it: the library takes some errors for the end, and reads ahead.
            self.fault.check()?;
            let packet = match read {
                Ok(Some(packet)) if packet.track_id == self.track => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return self.end(),
                Err(Symphonia::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return self.end();
                }
                Err(_) => {
                    self.packets += 1;
                    self.damaged += 1;
                    return self.end();
                }
            };
            self.packets += 1;
            self.mono.clear();
            // The demuxer skips what it cannot read and leaves a gap in the timestamps, which count samples.
            if let Some(expected) = &mut self.next_start {
                let start = packet.pts.get();
                let gap = start.saturating_sub(*expected).max(0) as u64;
                *expected = start.saturating_add_unsigned(packet.dur.get());
                if gap > 0 {
                    self.packets += 1;
                    self.damaged += 1;
                    self.mono.resize(gap.min(LONGEST_PACKET) as usize, 0.0);
                }
            }
            match guarded(|| self.codec.decode(&packet))? {
                Ok(buffer) => {
                    let (rate_hz, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
                    if rate_hz != self.rate_hz {
                        return Err(Error::RateChange { before_hz: self.rate_hz, after_hz: rate_hz });
                    }
                    buffer.copy_to_vec_interleaved(&mut self.interleaved);
                    let scale = FULL_SCALE / channels.max(1) as f32;
                    let frames = self.interleaved.chunks_exact(channels.max(1));
                    self.mono.extend(frames.map(|frame| frame.iter().sum::<f32>() * scale));
                }
                Err(_) => {
                    self.damaged += 1;
                    let silence = packet.dur.get().min(LONGEST_PACKET) as usize;
                    self.mono.resize(self.mono.len() + silence, 0.0);
                }
            }
            if !self.mono.is_empty() {
                self.samples += self.mono.len() as u64;
                return Ok(Some(&self.mono));
            }
        }
    }

    /// One or two damaged packets are normal at the edges of clips that were cut out of a longer MP3.
    fn end(&self) -> Result<Option<&[f32]>, Error> {
        if self.damaged > 2 && self.damaged * 10 > self.packets
            || self.damaged > 0 && self.damaged == self.packets
        {
            return Err(Error::Damaged { damaged: self.damaged, packets: self.packets });
        }
        if self.samples == 0 { Err(Error::NoSamples) } else { Ok(None) }
    }
}

/// Runs a step of the decoder's library, whose panics on malformed input must not end a run over millions of files.
/// The decoder is not used again after one.
fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Error::DecoderPanicked(text.unwrap_or("no message").to_owned())
    })
}
