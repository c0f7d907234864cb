//! MP3: consecutive frames, found here and decoded by symphonia. Only delay and padding are taken from a tag, and only
//! for a part whose frames are all present; lengths are counted. Concatenated files have several parts, each with its
//! own tag.

mod frames;
mod header;

pub(super) use header::{SEARCHED, search};

use super::packets::decoder_for;
use super::{Piece, Stream, guarded};
use crate::Error;
use crate::source::Source;
use frames::{Event, Frames};
use header::{Header, Tag};
use std::collections::VecDeque;
use symphonia::core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

/// A part of a file: from one tag to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Part {
    tag: Option<Tag>,
    /// Frames that are present or were lost in the middle.
    frames: u64,
}

impl Part {
    /// Returns the samples that the encoder added at both ends. Those at the end are known only if the tag's number of
    /// frames is right.
    fn trims(&self) -> (u64, u64) {
        let Some(tag) = self.tag else { return (0, 0) };
        let is_whole = tag.frames.is_some_and(|frames| u64::from(frames) == self.frames);
        (u64::from(tag.delay), if is_whole { u64::from(tag.padding) } else { 0 })
    }

    fn samples(&self, per_frame: u64) -> u64 {
        let (delay, padding) = self.trims();
        (self.frames * per_frame).saturating_sub(delay + padding)
    }

    fn stated(&self, per_frame: u64) -> Option<u64> {
        let tag = self.tag?;
        Some((u64::from(tag.frames?) * per_frame).saturating_sub(u64::from(tag.delay + tag.padding)))
    }
}

/// A decoder of MP3.
pub(super) struct Reader {
    frames: Frames,
    decoder: Box<dyn AudioDecoder>,
    parts: VecDeque<Part>,
    stated: Option<u64>,
    there: u64,
    joined: usize,
    is_cut: bool,
    /// Position in the current part, in samples from its first frame.
    position: u64,
}

impl Reader {
    pub(super) fn new(source: Source) -> Result<Self, Error> {
        let mut frames = Frames::new(source)?;
        let mut parts = VecDeque::from([Part::default()]);
        loop {
            let last = parts.back_mut().expect("there is a first part");
            match frames.next()? {
                Event::Frame(_) => last.frames += 1,
                Event::Lost { frames, .. } => last.frames += frames,
                Event::Part(tag) if last.frames == 0 => last.tag = Some(tag),
                Event::Part(tag) => parts.push_back(Part { tag: Some(tag), frames: 0 }),
                Event::End => break,
            }
        }
        let per_frame = u64::from(frames.first.samples);
        let there = parts.iter().map(|part| part.samples(per_frame)).sum();
        let stated = parts.iter().map(|part| part.stated(per_frame)).sum();
        let (is_cut, joined) = (frames.is_cut, parts.len());
        let frames = frames.again()?;
        let decoder = new_decoder(frames.first)?;
        Ok(Self { frames, decoder, parts, stated, there, joined, is_cut, position: 0 })
    }

    /// Returns which of `length` samples from the current position are sound, without the encoder's, and advances the
    /// position.
    fn trim(&mut self, length: u64) -> std::ops::Range<u64> {
        let part = self.parts.front().copied().unwrap_or_default();
        let (delay, padding) = part.trims();
        let end = (part.frames * u64::from(self.frames.first.samples)).saturating_sub(padding);
        let at = self.position;
        self.position += length;
        delay.clamp(at, at + length) - at..end.clamp(at, at + length) - at
    }
}

fn new_decoder(header: Header) -> Result<Box<dyn AudioDecoder>, Error> {
    let mut parameters = AudioCodecParameters::new();
    parameters.for_codec(CODEC_ID_MP3).with_sample_rate(header.rate_hz);
    decoder_for(&parameters, "MP3")
}

impl Stream for Reader {
    fn rate_hz(&self) -> u32 {
        self.frames.first.rate_hz
    }

    fn channels(&self) -> usize {
        self.frames.first.channels
    }

    fn stated(&self) -> Option<u64> {
        self.stated
    }

    fn next(&mut self, samples: &mut Vec<f32>) -> Result<Piece, Error> {
        loop {
            let header = match self.frames.next()? {
                Event::End => return Ok(Piece::End),
                Event::Frame(header) => header,
                Event::Lost { frames, samples } => {
                    let kept = self.trim(samples);
                    return Ok(Piece::Lost { samples: kept.end.saturating_sub(kept.start), packets: frames });
                }
                Event::Part(_) => {
                    // A part without frames is ignored, and the first one may begin without a tag.
                    if self.position > 0 {
                        self.parts.pop_front();
                        self.position = 0;
                    }
                    self.decoder = new_decoder(self.frames.first)?;
                    continue;
                }
            };
            let kept = self.trim(u64::from(header.samples));
            let (start, end) = (kept.start as usize, kept.end.max(kept.start) as usize);
            let (frame, _) = self.frames.look(header.bytes)?;
            let packet =
                Packet::new(0, Timestamp::ZERO, Duration::from(header.samples), &frame[..header.bytes]);
            match guarded(|| self.decoder.decode(&packet))? {
                Ok(buffer) => {
                    let channels = buffer.spec().channels().count().max(1);
                    buffer.copy_to_vec_interleaved(samples);
                    samples.truncate(end * channels);
                    samples.drain(..(start * channels).min(samples.len()));
                    return Ok(Piece::Sound { channels });
                }
                // The first frames of a clip that was cut out of a longer file depend on missing ones.
                Err(_) => return Ok(Piece::Lost { samples: (end - start) as u64, packets: 1 }),
            }
        }
    }

    fn count(&mut self) -> Result<u64, Error> {
        Ok(self.there)
    }

    fn ends_early(&self) -> bool {
        self.is_cut
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.joined > 1 {
            remarks.push(format!("{} concatenated MP3 files: all of them are read", self.joined));
        } else if let Some(stated) = self.stated.filter(|&stated| stated < self.there) {
            let seconds = |samples: u64| samples as f64 / f64::from(self.rate_hz());
            remarks.push(format!(
                "{:.3} s of sound, {:.3} s by its header: all of it is read",
                seconds(self.there),
                seconds(stated)
            ));
        }
        remarks
    }
}
