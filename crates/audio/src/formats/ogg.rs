//! The pages of an Ogg file: its streams, and whether its last page is complete. symphonia reads their content.

use super::format::{CONVERT, Format};
use super::packets::Packets;
use crate::Error;
use crate::source::Source;

/// Largest length of a page in bytes.
const LONGEST_PAGE: u64 = 27 + 255 + 255 * 255;

/// Codecs by the first bytes of a stream's first packet.
const CODECS: &[(&[u8], &str)] = &[
    (b"OpusHead", "an Opus stream in Ogg"),
    (b"Speex   ", "a Speex stream in Ogg"),
    (b"\x7fFLAC", "a FLAC stream in Ogg"),
    (b"\x80theora", "a Theora video in Ogg"),
];

/// Identifies the content of an Ogg file by its first bytes.
///
/// # Errors
/// [`Error::Format`] if it contains no Vorbis stream.
pub(super) fn identify(mut bytes: &[u8]) -> Result<Format, Error> {
    let mut found = None;
    // The first pages each contain the first packet of one stream.
    while let Some(page) = Page::read(bytes).filter(|page| page.is_first) {
        if page.body.starts_with(b"\x01vorbis") {
            return Ok(Format::Vorbis);
        }
        found = found.or_else(|| CODECS.iter().find(|(magic, _)| page.body.starts_with(magic)));
        bytes = page.rest;
    }
    let found = found.map_or("Ogg of an unknown codec", |(_, name)| name);
    Err(Error::Format { found: found.to_owned(), remedy: CONVERT })
}

/// Opens an Ogg Vorbis file.
///
/// # Errors
/// As [`Packets::open`].
pub(super) fn open(mut source: Source) -> Result<Packets, Error> {
    let tail = source.len().min(LONGEST_PAGE);
    let last = source.bytes_at(source.len() - tail, tail as usize)?;
    let start = (0..last.len()).rev().find(|&at| last[at..].starts_with(b"OggS\0"));
    let is_whole = start.and_then(|at| Page::read(&last[at..])).is_some_and(|page| page.is_last);
    source.go_to(0)?;
    let packets = Packets::open(source, "Ogg Vorbis")?;
    Ok(if is_whole { packets } else { packets.without_end() })
}

struct Page<'a> {
    /// Whether it is the first page of a stream.
    is_first: bool,
    is_last: bool,
    body: &'a [u8],
    /// The bytes after it.
    rest: &'a [u8],
}

impl<'a> Page<'a> {
    /// Parses a page; `None` if it is incomplete.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.get(..27).filter(|head| head.starts_with(b"OggS"))?;
        let (lengths, behind) = bytes[27..].split_at_checked(usize::from(head[26]))?;
        let (body, rest) =
            behind.split_at_checked(lengths.iter().map(|&length| usize::from(length)).sum())?;
        Some(Self { is_first: head[5] & 2 != 0, is_last: head[5] & 4 != 0, body, rest })
    }
}
