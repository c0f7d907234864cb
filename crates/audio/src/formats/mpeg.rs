//! MP3: frames one after the other, found here and decoded by symphonia. Nothing is taken from a header but delay and
//! padding of a part whose frames are all there; lengths are counted. Files that were joined have several parts, each with
//! a tag of its own.

use super::identify::id3v2_length;
use super::packets::decoder_for;
use super::{Piece, Stream, guarded};
use crate::Error;
use crate::source::Source;
use std::collections::VecDeque;
use symphonia::core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

/// Bytes in which the first frame must begin.
pub(super) const SEARCHED: usize = 1 << 16;

/// Frames that must follow each other before bytes are taken for MP3.
const CONSECUTIVE: usize = 3;

/// Longest frame: 320 kbit/s at 32 kHz.
const LONGEST: usize = 1_441;

/// Shortest frame: 8 kbit/s at 24 kHz.
const SHORTEST: u64 = 24;

/// The first four bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    /// Of the frame with its header.
    bytes: usize,
    /// Of each channel.
    samples: u32,
    rate_hz: u32,
    channels: usize,
    /// Bytes between header and sound.
    side: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        /// kbit/s of layer III, MPEG-1 and the later two.
        const KBITS: [[u32; 15]; 2] = [
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let &[0xff, second, third, fourth, ..] = bytes else { return None };
        let (version, is_layer_3) = (second >> 3 & 3, second & 0xe6 == 0xe2);
        let rate_hz = *[44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))?;
        let (rate_hz, later) = match version {
            3 => (rate_hz, 0),
            2 => (rate_hz / 2, 1),
            0 => (rate_hz / 4, 1),
            _ => return None,
        };
        let kbits = *KBITS[later].get(usize::from(third >> 4))?;
        // Without a rate of its own a frame has no length.
        if !is_layer_3 || kbits == 0 {
            return None;
        }
        let samples = [1_152, 576][later];
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        let side = [[17, 32], [9, 17]][later][channels - 1];
        let length = samples / 8 * kbits * 1_000 / rate_hz + u32::from(third >> 1 & 1);
        Some(Self { bytes: length as usize, samples, rate_hz, channels, side })
    }

    /// Whether both can be of one stream.
    fn fits(&self, other: &Header) -> bool {
        (self.samples, self.rate_hz) == (other.samples, other.rate_hz)
    }
}

/// The place of the first frame that others follow; `is_all`: the file ends with these bytes.
pub(super) fn search(bytes: &[u8], is_all: bool) -> Option<usize> {
    (0..bytes.len()).find(|&at| is_followed(&bytes[at..], is_all, CONSECUTIVE))
}

/// Whether so many frames of one stream follow each other here, or as many as there is room for.
fn is_followed(bytes: &[u8], is_all: bool, frames: usize) -> bool {
    let Some(first) = Header::read(bytes) else { return false };
    let mut at = 0;
    for found in 0..frames {
        match bytes.get(at..).and_then(Header::read) {
            Some(header) if header.fits(&first) => at += header.bytes,
            // Behind a whole frame the file may end, or hold a tag; behind two it may end within the last.
            _ if found == 0 => return false,
            _ => {
                let ends = is_all && (at == bytes.len() || at > bytes.len() && found > 1);
                return ends || bytes.get(at..).is_some_and(is_tag);
            }
        }
    }
    true
}

fn is_tag(bytes: &[u8]) -> bool {
    [&b"ID3"[..], b"TAG", b"APETAGEX"].iter().any(|magic| bytes.starts_with(magic))
}

/// What the first frame of a part says instead of sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tag {
    /// Frames that follow.
    frames: Option<u32>,
    /// Samples that the encoder put before the sound, and behind it.
    delay: u32,
    padding: u32,
}

impl Tag {
    fn read(frame: &[u8], header: &Header) -> Option<Self> {
        /// Samples that a decoder adds before the first.
        const DECODER_DELAY: u32 = 529;
        let word = |at: usize| frame.get(at..at + 4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
        let at = 4 + header.side;
        if frame.get(36..40) == Some(b"VBRI") {
            return Some(Self { frames: word(50), ..Self::default() });
        }
        if !matches!(frame.get(at..at + 4)?, b"Xing" | b"Info") {
            return None;
        }
        let flags = word(at + 4)?;
        let frames = if flags & 1 != 0 { word(at + 8) } else { None };
        let fields = [(1, 4), (2, 4), (4, 100), (8, 4)];
        let encoder =
            at + 8 + fields.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, n)| n).sum::<usize>();
        let name = frame.get(encoder..encoder + 4);
        let (delay, padding) = match (name, word(encoder + 20)) {
            (Some(b"LAME" | b"Lavf" | b"Lavc"), Some(word)) => {
                let (delay, padding) = (word >> 12 & 0xfff, word & 0xfff);
                // `word` begins a byte before the three that hold both.
                (delay + DECODER_DELAY, padding.saturating_sub(DECODER_DELAY))
            }
            _ => (0, 0),
        };
        Some(Self { frames, delay, padding })
    }
}

/// What comes next in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A frame of sound, at the head of what was read.
    Frame(Header),
    /// A new part begins.
    Part(Tag),
    /// Bytes that are no frames, where there were so many.
    Lost {
        frames: u64,
        samples: u64,
    },
    End,
}

/// Frames one after the other.
struct Frames {
    source: Source,
    /// Read and not yet used.
    ahead: VecDeque<u8>,
    first: Header,
    /// Bytes of the frame given last, which are still ahead.
    used: usize,
    in_step: bool,
    /// Bytes since the last frame that are none.
    junk: u64,
    /// Frames given, and their bytes.
    given: (u64, u64),
    /// The file ends within a frame.
    is_cut: bool,
}

impl Frames {
    fn new(mut source: Source) -> Result<Self, Error> {
        let head = source.bytes_at(0, 4)?;
        let first = Header::read(&head);
        let first = first.ok_or_else(|| Error::Malformed {
            format: "MP3",
            reason: "there is no first frame".to_owned(),
        })?;
        source.go_to(0)?;
        Ok(Self {
            source,
            ahead: VecDeque::new(),
            first,
            used: 0,
            in_step: true,
            junk: 0,
            given: (0, 0),
            is_cut: false,
        })
    }

    /// From the start.
    fn again(mut self) -> Result<Self, Error> {
        self.source.go_to(0)?;
        Self::new(self.source)
    }

    /// What is ahead: at least `bytes`, fewer at the end of the file.
    fn look(&mut self, bytes: usize) -> Result<(&[u8], bool), Error> {
        let mut ends = false;
        if self.ahead.len() < bytes {
            let mut more = vec![0; bytes.max(1 << 14)];
            let read = self.source.fill(&mut more)?;
            ends = read < more.len();
            self.ahead.extend(&more[..read]);
        }
        Ok((self.ahead.make_contiguous(), ends))
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Error> {
        let here = self.ahead.len() as u64;
        self.ahead.drain(..bytes.min(here) as usize);
        let mut left = bytes.saturating_sub(here);
        let mut scratch = vec![0; left.min(1 << 16) as usize];
        while left > 0 {
            let wanted = left.min(scratch.len() as u64) as usize;
            let read = self.source.fill(&mut scratch[..wanted])?;
            if read == 0 {
                break;
            }
            left -= read as u64;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Event, Error> {
        let used = std::mem::take(&mut self.used);
        self.skip(used as u64)?;
        loop {
            let (first, in_step) = (self.first, self.in_step);
            let (ahead, ends) = self.look(CONSECUTIVE * LONGEST + 4)?;
            if ahead.is_empty() {
                return Ok(self.lost().unwrap_or(Event::End));
            }
            if let Some(length) = tag_length(ahead) {
                self.skip(length)?;
                continue;
            }
            let header = Header::read(ahead);
            if let Some(header) =
                header.filter(|h| h.fits(&first) && (in_step || is_followed(ahead, ends, 2)))
            {
                if ahead.len() < header.bytes {
                    self.is_cut = true;
                    self.ahead.clear();
                    continue;
                }
                let tag = Tag::read(&ahead[..header.bytes], &header);
                self.in_step = true;
                if let Some(lost) = self.lost() {
                    return Ok(lost);
                }
                self.used = header.bytes;
                if let Some(tag) = tag {
                    return Ok(Event::Part(tag));
                }
                self.given = (self.given.0 + 1, self.given.1 + header.bytes as u64);
                return Ok(Event::Frame(header));
            }
            if let Some(header) = header
                && header.rate_hz != first.rate_hz
                && is_followed(ahead, ends, CONSECUTIVE)
            {
                return Err(Error::RateChange { before_hz: first.rate_hz, after_hz: header.rate_hz });
            }
            self.in_step = false;
            self.junk += 1;
            self.skip(1)?;
        }
    }

    /// What the bytes since the last frame were, in frames of the length that others have: one at least, where one can be.
    fn lost(&mut self) -> Option<Event> {
        let (frames, bytes) = self.given;
        let junk = std::mem::take(&mut self.junk);
        let least = u64::from(junk >= SHORTEST && frames > 0);
        let frames = (junk * frames + bytes / 2).checked_div(bytes).unwrap_or(0).max(least);
        (frames > 0).then(|| Event::Lost { frames, samples: frames * u64::from(self.first.samples) })
    }
}

/// Bytes of a tag between joined files.
fn tag_length(ahead: &[u8]) -> Option<u64> {
    let ape = || {
        ahead.get(12..16).map(|size| 32 + u64::from(u32::from_le_bytes([size[0], size[1], size[2], size[3]])))
    };
    match ahead {
        [b'T', b'A', b'G', ..] => Some(128),
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', ..] => ape(),
        _ => id3v2_length(ahead),
    }
}

/// A file's part: from one tag to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Part {
    tag: Option<Tag>,
    /// Frames that are there or were lost in the middle.
    frames: u64,
}

impl Part {
    /// Samples at both ends that are the encoder's. Those behind the sound are known only where the tag tells the truth.
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

/// Decodes an MP3.
pub(super) struct Reader {
    frames: Frames,
    decoder: Box<dyn AudioDecoder>,
    parts: VecDeque<Part>,
    stated: Option<u64>,
    there: u64,
    joined: usize,
    is_cut: bool,
    /// Samples of the part that is being read, from its first frame.
    position: u64,
}

impl Reader {
    pub(super) fn new(source: Source) -> Result<Self, Error> {
        let mut frames = Frames::new(source)?;
        let mut parts = VecDeque::from([Part::default()]);
        loop {
            let last = parts.back_mut().expect("there is a part from the start");
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

    /// Trims what is the encoder's from samples that begin at the position, and goes on behind them.
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
                    // A part without frames is none, and the first one may begin without a tag.
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
                // The first frames of a clip that was cut out of a longer file lean on what is not there.
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
            remarks.push(format!("{} MP3 files one behind the other: all of them are read", self.joined));
        } else if let Some(stated) = self.stated.filter(|&stated| stated < self.there) {
            let seconds = |samples: u64| samples as f64 / f64::from(self.rate_hz());
            remarks.push(format!(
                "{:.3} s, of which its header knows {:.3}: all of them are read",
                seconds(self.there),
                seconds(stated)
            ));
        }
        remarks
    }
}
