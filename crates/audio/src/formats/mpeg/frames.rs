//! Iteration over frames: tags between concatenated files and bytes that are no frames are skipped.

use super::header::{CONSECUTIVE, Header, Tag, is_followed};
use crate::Error;
use crate::formats::tags::id3v2_length;
use crate::source::Source;
use std::collections::VecDeque;

/// Longest frame: 320 kbit/s at 32 kHz.
const LONGEST: usize = 1_441;

/// Shortest frame: 8 kbit/s at 24 kHz.
const SHORTEST: u64 = 24;

/// The next part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A frame of sound, at the front of the bytes read.
    Frame(Header),
    /// A new part begins.
    Part(Tag),
    /// Bytes that are no frames, as a number of frames.
    Lost {
        frames: u64,
        samples: u64,
    },
    End,
}

/// An iterator over consecutive frames.
pub(super) struct Frames {
    source: Source,
    /// Bytes that were read and not yet used.
    ahead: VecDeque<u8>,
    pub(super) first: Header,
    /// Length of the frame returned last, which is still at the front of `ahead`.
    used: usize,
    in_step: bool,
    /// Bytes since the last frame that belong to no frame.
    junk: u64,
    /// Number of frames returned, and their bytes.
    given: (u64, u64),
    /// Whether the file ends within a frame.
    pub(super) is_cut: bool,
}

impl Frames {
    pub(super) fn new(mut source: Source) -> Result<Self, Error> {
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

    /// Starts again from the beginning.
    pub(super) fn again(mut self) -> Result<Self, Error> {
        self.source.go_to(0)?;
        Self::new(self.source)
    }

    /// Returns the next bytes: at least `bytes`, fewer at the end of the file.
    pub(super) fn look(&mut self, bytes: usize) -> Result<(&[u8], bool), Error> {
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

    pub(super) fn next(&mut self) -> Result<Event, Error> {
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

    /// Returns the bytes since the last frame as a number of frames of average length: at least one, if one fits.
    fn lost(&mut self) -> Option<Event> {
        let (frames, bytes) = self.given;
        let junk = std::mem::take(&mut self.junk);
        let least = u64::from(junk >= SHORTEST && frames > 0);
        let frames = (junk * frames + bytes / 2).checked_div(bytes).unwrap_or(0).max(least);
        (frames > 0).then(|| Event::Lost { frames, samples: frames * u64::from(self.first.samples) })
    }
}

/// Returns the length in bytes of a tag between concatenated files.
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
