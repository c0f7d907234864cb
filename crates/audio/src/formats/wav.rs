//! WAV and RF64: chunks, of which `fmt ` and `data` are read. The sizes in headers are checked against the file,
//! because recorders that are killed and programs that write to a pipe leave wrong ones; `fact` and the size of the
//! whole are ignored.

use super::format::CONVERT;
use super::pcm::{Encoding, Layout};
use crate::Error;
use crate::source::Source;

const WAV: &str = "WAV";

/// Bytes after the sound that are no chunk and are ignored without a remark: alignment, small tags.
const CRUMBS: u64 = 1_024;

/// Encodings that are not supported, by number.
const OTHERS: &[(u16, &str)] = &[
    (0x0002, "Microsoft ADPCM"),
    (0x0011, "IMA ADPCM"),
    (0x0022, "TrueSpeech"),
    (0x0031, "GSM 6.10"),
    (0x0040, "G.721 ADPCM"),
    (0x0045, "G.726 ADPCM"),
    (0x0050, "MPEG layer I or II"),
    (0x0055, "MP3"),
    (0x0064, "G.726 ADPCM"),
    (0x00ff, "AAC"),
    (0x0161, "Windows Media Audio"),
    (0x704f, "Opus"),
];

struct Chunk {
    id: [u8; 4],
    /// Offset of its content in bytes.
    start: u64,
    size: u32,
}

/// Parses the header and returns the layout of the samples.
///
/// # Errors
/// [`Error::Format`], [`Error::Malformed`] and [`Error::Reading`].
pub(super) fn layout(source: &mut Source) -> Result<Layout, Error> {
    let length = source.len();
    let (mut format, mut data, mut long_size) = (None, None, None);
    let (mut more_chunks, mut more_bytes) = (0, 0);
    let mut at = 12;
    while let Some(Chunk { id, start, size }) = chunk(source, at)? {
        let room = length - start;
        let mut size_there = u64::from(size).min(room);
        match &id {
            b"ds64" => long_size = source.bytes_at(start + 8, 8)?.try_into().ok().map(u64::from_le_bytes),
            b"fmt " if format.is_none() => {
                format = Some(read_format(&source.bytes_at(start, 40.min(size_there as usize))?)?)
            }
            b"data" if data.is_none() => {
                let stated = match size {
                    u32::MAX => long_size.filter(|&long| (1..=i64::MAX as u64).contains(&long)),
                    0 if room > 0 && !only_chunks_follow(source, start)? => None,
                    size if is_placeholder(size) => None,
                    size => Some(u64::from(size)),
                };
                size_there = stated.unwrap_or(room).min(room);
                data = Some((start, size_there, stated));
            }
            b"data" => {
                more_chunks += 1;
                more_bytes += size_there;
            }
            _ => {}
        }
        // Chunks begin at even offsets.
        at = start + size_there + size_there % 2;
    }
    let malformed = |reason: &str| Error::Malformed { format: WAV, reason: reason.to_owned() };
    let format = format.ok_or_else(|| malformed("there is no `fmt ` chunk before the end of the file"))?;
    let (start, bytes, stated) =
        data.ok_or_else(|| malformed("there is no `data` chunk before the end of the file"))?;
    let mut remarks = Vec::new();
    if more_chunks > 0 {
        let (chunks, are) = if more_chunks == 1 { ("chunk", "is") } else { ("chunks", "are") };
        remarks.push(format!(
            "{more_chunks} further `data` {chunks}, {more_bytes} bytes in all, {are} not read: the first has {bytes}"
        ));
    }
    let behind = length.saturating_sub(at);
    if behind > CRUMBS {
        remarks.push(format!(
            "{behind} bytes after the last chunk are not read: the header's sizes exclude them"
        ));
    }
    let Format { encoding, channels, rate_hz } = format;
    Ok(Layout { encoding, is_big_endian: false, channels, rate_hz, start, bytes, stated, remarks })
}

/// Returns the chunk at an offset, if there can be one.
fn chunk(source: &mut Source, at: u64) -> Result<Option<Chunk>, Error> {
    let head = source.bytes_at(at, 8)?;
    let Ok([a, b, c, d, size @ ..]) = <[u8; 8]>::try_from(head) else { return Ok(None) };
    let id = [a, b, c, d];
    let is_id = id.iter().all(|byte| (b' '..0x7f).contains(byte));
    Ok(is_id.then(|| Chunk { id, start: at + 8, size: u32::from_le_bytes(size) }))
}

/// Returns whether chunks fill the file from here to its end: only then does a size of 0 mean an empty chunk.
fn only_chunks_follow(source: &mut Source, mut at: u64) -> Result<bool, Error> {
    while at < source.len() {
        let Some(chunk) = chunk(source, at)? else { return Ok(false) };
        at = chunk.start + u64::from(chunk.size) + u64::from(chunk.size % 2);
    }
    // The last chunk may lack its padding byte.
    Ok(at <= source.len() + 1)
}

/// Returns whether a size stands for "not known": the largest number, with or without room for a header.
fn is_placeholder(size: u32) -> bool {
    const HEADER: u32 = 0x1000;
    (0x7fff_ffff - HEADER..=0x8000_0000 + HEADER).contains(&size) || size >= u32::MAX - HEADER
}

struct Format {
    encoding: Encoding,
    channels: u16,
    rate_hz: u32,
}

/// Parses a `fmt ` chunk. Bytes after its first 40, and missing ones among the last 24 if they are not needed, are
/// ignored.
fn read_format(bytes: &[u8]) -> Result<Format, Error> {
    /// The bytes after the two of the encoding in an extensible format.
    const SUBTYPE: [u8; 14] = *b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71";
    let malformed = |reason: String| Error::Malformed { format: WAV, reason };
    let number = |at: usize| bytes.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let fields = (number(0), number(2), number(4), number(6), number(12), number(14));
    let (Some(mut tag), Some(channels), Some(low), Some(high), Some(block), Some(bits)) = fields else {
        return Err(malformed(format!("its `fmt ` chunk has {} bytes, at least 16 are needed", bytes.len())));
    };
    let mut is_known = true;
    if tag == 0xfffe {
        tag = number(24).unwrap_or(0);
        is_known = bytes.get(26..40) == Some(&SUBTYPE[..]);
    }
    if channels == 0 {
        return Err(malformed("it has no channels".to_owned()));
    }
    // A sample may have more bytes than its bits need; the extra ones are below its value. Some writers set `block`
    // wrongly.
    let needed = bits.div_ceil(8);
    let padded = if block % channels == 0 { block / channels } else { 0 };
    let width = if (needed..=needed.max(4)).contains(&padded) { padded } else { needed };
    let encoding = match (tag, width) {
        _ if !is_known => None,
        (1, 1) => Some(Encoding::U8),
        (1, 2..=4) => Some(Encoding::Signed(width as u8)),
        (3, 4) => Some(Encoding::F32),
        (3, 8) => Some(Encoding::F64),
        (6, _) => Some(Encoding::ALaw),
        (7, _) => Some(Encoding::MuLaw),
        _ => None,
    };
    let encoding = encoding.ok_or_else(|| {
        let name =
            OTHERS.iter().find(|(number, _)| *number == tag && is_known).map(|(_, name)| (*name).to_owned());
        let name = name.unwrap_or_else(|| match tag {
            1 => format!("integers of {bits} bits"),
            3 => format!("floats of {bits} bits"),
            _ => format!("the encoding 0x{tag:04x}"),
        });
        Error::Format { found: format!("WAV with {name}"), remedy: CONVERT }
    })?;
    Ok(Format { encoding, channels, rate_hz: u32::from(low) | u32::from(high) << 16 })
}
