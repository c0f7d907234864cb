//! Packets that symphonia finds in a container and decodes. It skips silently what it cannot read; the times and bytes
//! of the packets that it finds show what is missing.

use super::format::CONVERT;
use super::{Piece, Stream, guarded};
use crate::Error;
use crate::source::{Fault, Source};
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as Symphonia;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

/// Number of consecutive errors after which a file is given up.
const ERRORS_IN_A_ROW: u64 = 64;

/// Upper bound of the samples in a packet.
const LONGEST_PACKET: u64 = 1 << 16;

/// Creates a decoder for a track.
///
/// # Errors
/// [`Error::Malformed`] if its setup is malformed, [`Error::DecoderPanicked`].
pub(super) fn decoder_for(
    parameters: &AudioCodecParameters,
    format: &'static str,
) -> Result<Box<dyn AudioDecoder>, Error> {
    guarded(|| {
        symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default())
    })?
    .map_err(|error| Error::Malformed { format, reason: error.to_string() })
}

/// A FLAC or Ogg Vorbis file.
pub(super) struct Packets {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    fault: Fault,
    name: &'static str,
    track: u32,
    rate_hz: u32,
    channels: usize,
    stated: Option<u64>,
    /// Bytes of the file; bounds the number of missing samples.
    bytes: u64,
    /// Bytes that packets must fill without a gap, and bytes that they filled.
    contiguous: Option<u64>,
    filled: u64,
    /// Whether the container counts samples from 0; if not, its first packet says where it begins.
    from_zero: bool,
    /// Where the next packet must begin, in samples.
    next_start: Option<i64>,
    /// Samples of the longest packet so far.
    usual: u64,
    /// A packet that was read, but is returned only after what was lost before it.
    waiting: Option<Packet>,
    errors_in_a_row: u64,
    last_error: Option<String>,
    lost: bool,
    links: usize,
    audio_tracks: usize,
    ends_early: bool,
}

impl Packets {
    pub(super) fn open(source: Source, name: &'static str) -> Result<Self, Error> {
        let (fault, bytes) = (source.fault(), source.len());
        let opened = guarded(|| {
            let stream = MediaSourceStream::new(Box::new(source), Default::default());
            let options = (FormatOptions::default(), MetadataOptions::default());
            symphonia::default::get_probe().probe(&Hint::new(), stream, options.0, options.1)
        })?;
        fault.check()?;
        let malformed = |reason: String| Error::Malformed { format: name, reason };
        let format = opened.map_err(|error| malformed(error.to_string()))?;
        let (track, parameters) =
            audio_track(&*format).ok_or_else(|| malformed("it has no audio track".to_owned()))?;
        let rate_hz = parameters.sample_rate.ok_or_else(|| malformed("it has no sample rate".to_owned()))?;
        let from_zero = parameters.codec == CODEC_ID_FLAC;
        Ok(Self {
            decoder: decoder_for(parameters, name)?,
            fault,
            name,
            track: track.id,
            rate_hz,
            channels: parameters.channels.as_ref().map_or(1, |channels| channels.count()),
            // Ogg states where its last packet ends, not its length.
            stated: track.num_frames.filter(|_| from_zero),
            bytes,
            contiguous: None,
            filled: 0,
            from_zero,
            next_start: from_zero.then_some(0),
            usual: 1,
            waiting: None,
            errors_in_a_row: 0,
            last_error: None,
            lost: false,
            links: 1,
            audio_tracks: format.tracks().iter().filter(|track| is_audio(track)).count(),
            ends_early: false,
            format,
        })
    }

    /// Sets the bytes of a container whose packets follow each other without a gap.
    pub(super) fn of_contiguous_bytes(mut self, bytes: u64) -> Self {
        self.contiguous = Some(bytes);
        self
    }

    /// Marks a file that lacks its last packets, whether or not the library notices.
    pub(super) fn without_end(mut self) -> Self {
        self.ends_early = true;
        self
    }

    /// Returns the next packet of the track, or what was lost before it.
    fn read(&mut self) -> Result<Step, Error> {
        if let Some(packet) = self.waiting.take() {
            return Ok(Step::Packet(packet));
        }
        loop {
            let read = guarded(|| self.format.next_packet())?;
            // Checked even after success: the library takes some errors for the end, and reads ahead.
            self.fault.check()?;
            match read {
                Ok(Some(packet)) if packet.track_id == self.track => return self.accept(packet),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(self.end()),
                Err(Symphonia::ResetRequired) => self.next_link()?,
                Err(Symphonia::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    self.ends_early = true;
                    return Ok(self.end());
                }
                Err(error) => {
                    self.errors_in_a_row += 1;
                    self.last_error = Some(error.to_string());
                    if self.errors_in_a_row == ERRORS_IN_A_ROW {
                        self.ends_early = true;
                        return Ok(self.end());
                    }
                    return Ok(Step::Lost { samples: 0, packets: 1 });
                }
            }
        }
    }

    fn accept(&mut self, packet: Packet) -> Result<Step, Error> {
        self.errors_in_a_row = 0;
        self.filled += packet.data.len() as u64;
        let length = packet.block_dur().get();
        self.usual = self.usual.max(length.min(LONGEST_PACKET));
        let start = packet.pts.get();
        let expected = self.next_start.unwrap_or(start);
        if self.from_zero && start < expected {
            let at_s = expected as f64 / f64::from(self.rate_hz);
            return Err(Error::Joined { format: self.name, at_s });
        }
        self.next_start = Some(start.saturating_add_unsigned(length));
        let gap = start.saturating_sub(expected).max(0) as u64;
        // A damaged time must not produce days of silence.
        let room = match self.stated {
            Some(stated) => stated.saturating_sub(expected.max(0) as u64),
            None => self.bytes.saturating_mul(LONGEST_PACKET / 8),
        };
        let samples = gap.min(room);
        if samples == 0 {
            return Ok(Step::Packet(packet));
        }
        self.lost = true;
        self.waiting = Some(packet);
        Ok(Step::Lost { samples, packets: samples.div_ceil(self.usual) })
    }

    fn end(&mut self) -> Step {
        let is_filled = self.contiguous.is_none_or(|bytes| bytes <= self.filled);
        self.ends_early |= self.stated.is_none() && !is_filled && !self.lost;
        Step::End
    }

    /// Continues with the next stream, as in chained Ogg.
    fn next_link(&mut self) -> Result<(), Error> {
        let other = || Error::Format {
            found: format!("{} followed by a stream of another codec", self.name),
            remedy: CONVERT,
        };
        let (track, parameters) = audio_track(&*self.format).ok_or_else(other)?;
        let decoder = decoder_for(parameters, self.name).map_err(|_| other())?;
        let rate_hz = parameters.sample_rate.unwrap_or(self.rate_hz);
        if rate_hz != self.rate_hz {
            return Err(Error::RateChange { before_hz: self.rate_hz, after_hz: rate_hz });
        }
        self.track = track.id;
        self.decoder = decoder;
        self.next_start = None;
        self.links += 1;
        Ok(())
    }

    /// Seeks to a sample; returns whether the file contains it.
    fn seek(&mut self, sample: u64) -> Result<bool, Error> {
        let to = SeekTo::Timestamp { ts: (sample as i64).into(), track_id: self.track };
        let found = guarded(|| self.format.seek(SeekMode::Accurate, to))?.is_ok();
        self.fault.check()?;
        Ok(found)
    }
}

enum Step {
    Packet(Packet),
    Lost { samples: u64, packets: u64 },
    End,
}

fn is_audio(track: &Track) -> bool {
    track.codec_params.as_ref().is_some_and(|parameters| parameters.audio().is_some())
}

fn audio_track(format: &dyn FormatReader) -> Option<(&Track, &AudioCodecParameters)> {
    let track = format.default_track(TrackType::Audio)?;
    Some((track, track.codec_params.as_ref()?.audio()?))
}

impl Stream for Packets {
    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn stated(&self) -> Option<u64> {
        self.stated
    }

    fn next(&mut self, samples: &mut Vec<f32>) -> Result<Piece, Error> {
        let packet = match self.read()? {
            Step::End => return Ok(Piece::End),
            Step::Lost { samples, packets } => return Ok(Piece::Lost { samples, packets }),
            Step::Packet(packet) => packet,
        };
        match guarded(|| self.decoder.decode(&packet))? {
            Ok(buffer) => {
                let (rate_hz, channels) = (buffer.spec().rate(), buffer.spec().channels().count().max(1));
                if rate_hz != self.rate_hz {
                    return Err(Error::RateChange { before_hz: self.rate_hz, after_hz: rate_hz });
                }
                buffer.copy_to_vec_interleaved(samples);
                Ok(Piece::Sound { channels })
            }
            Err(error) => {
                self.last_error = Some(error.to_string());
                Ok(Piece::Lost { samples: packet.dur.get().min(LONGEST_PACKET), packets: 1 })
            }
        }
    }

    fn count(&mut self) -> Result<u64, Error> {
        // If the last sample can be reached, the header's number is right.
        if let Some(stated) = self.stated.filter(|&stated| stated > 0) {
            if self.seek(stated - 1)? {
                return Ok(stated);
            }
            self.seek(0)?;
        }
        let mut samples = 0;
        loop {
            match self.read()? {
                Step::Packet(packet) => samples += packet.dur.get(),
                Step::Lost { samples: lost, .. } => samples += lost,
                Step::End => return Ok(samples),
            }
        }
    }

    fn ends_early(&self) -> bool {
        self.ends_early
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.links > 1 {
            remarks.push(format!("{} consecutive streams: all of them are read", self.links));
        }
        if self.audio_tracks > 1 {
            remarks.push(format!("{} audio tracks: only the first is read", self.audio_tracks));
        }
        remarks.extend(self.last_error.as_ref().map(|error| format!("damaged: {error}")));
        remarks
    }
}
