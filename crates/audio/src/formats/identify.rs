//! Recognition of file formats by their first bytes; file names are ignored.

use super::format::{CONVERT, Format};
use super::tags::{before_trailing_tags, leading_tags};
use super::{mpeg, ogg};
use crate::Error;
use crate::source::Source;

const EXTRACT: &str = "extract its sound (for example `ffmpeg -i FILE -vn FILE.wav`)";
const UNPACK: &str = "unpack it first";
const NO_SOUND: &str = "is the path the right one?";

/// Number of bytes that identify a format.
const HEAD: usize = 64;

/// Formats that are recognised, but not supported: offset, bytes, name and remedy.
const OTHERS: &[(usize, &[u8], &str, &str)] = &[
    (4, b"ftyp", "MP4 or M4A", EXTRACT),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM", EXTRACT),
    (0, b"\x30\x26\xb2\x75", "Windows Media (ASF)", EXTRACT),
    (0, b"FLV", "Flash video", EXTRACT),
    (8, b"AVI ", "AVI", EXTRACT),
    (8, b"AIFF", "AIFF", CONVERT),
    (8, b"AIFC", "AIFF-C", CONVERT),
    (0, b"RIFX", "WAV of big-endian numbers (RIFX)", CONVERT),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64", CONVERT),
    (0, b".snd", "Sun AU", CONVERT),
    (0, b"caff", "Core Audio (CAF)", CONVERT),
    (0, b"#!AMR", "AMR", CONVERT),
    (0, b"#!SILK", "SILK", CONVERT),
    (0, b"\x02#!SILK", "SILK", CONVERT),
    (0, b"wvpk", "WavPack", CONVERT),
    (0, b"MAC ", "Monkey's Audio", CONVERT),
    (0, b"TTA1", "True Audio", CONVERT),
    (0, b"MPCK", "Musepack", CONVERT),
    (0, b"MP+", "Musepack", CONVERT),
    (0, b"ajkg", "Shorten", CONVERT),
    (0, b"DSD ", "DSD", CONVERT),
    (0, b"ADIF", "AAC (ADIF)", CONVERT),
    (0, b"MThd", "MIDI", NO_SOUND),
    (0, b"\x1f\x8b", "gzip", UNPACK),
    (0, b"PK\x03\x04", "a ZIP archive", UNPACK),
    (0, b"BZh", "bzip2", UNPACK),
    (0, b"\xfd7zXZ", "xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "zstd", UNPACK),
    (0, b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself (`git lfs pull`)"),
    (0, b"<!DOCTYPE", "an HTML page", "download the file itself"),
    (0, b"<html", "an HTML page", "download the file itself"),
    (0, b"%PDF", "PDF", NO_SOUND),
];

/// Identifies a file's format; removes tags before the sound, and after that of FLAC and MP3, from the source.
///
/// # Errors
/// [`Error::Format`] and [`Error::Reading`].
pub(super) fn identify(source: &mut Source) -> Result<Format, Error> {
    let start = leading_tags(source)?;
    source.narrow(start..source.len())?;
    let head = source.bytes_at(0, HEAD)?;
    if head.starts_with(b"RIFF") || head.starts_with(b"RF64") || head.starts_with(b"BW64") {
        if head.get(8..12) == Some(b"WAVE") {
            return Ok(Format::Wav);
        }
    } else if head.starts_with(b"NIST_1A\n") {
        return Ok(Format::Sphere);
    } else if head.starts_with(b"OggS") {
        return ogg::identify(&source.bytes_at(0, 1 << 16)?);
    } else if head.starts_with(b"fLaC") {
        let end = before_trailing_tags(source)?;
        source.narrow(0..end)?;
        return Ok(Format::Flac);
    }
    if let Some((_, _, name, remedy)) = OTHERS.iter().find(|(at, magic, ..)| starts_with(&head, *at, magic)) {
        return Err(Error::Format { found: (*name).to_owned(), remedy });
    }
    // MPEG has no magic number, only frames that follow each other.
    let end = before_trailing_tags(source)?;
    let first = source.bytes_at(0, mpeg::SEARCHED.min(end as usize))?;
    match mpeg::search(&first, end == first.len() as u64) {
        Some(at) => {
            source.narrow(at as u64..end)?;
            Ok(Format::Mpeg)
        }
        None => Err(unknown(source, &head)),
    }
}

fn starts_with(head: &[u8], at: usize, magic: &[u8]) -> bool {
    head.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

fn unknown(source: &Source, head: &[u8]) -> Error {
    let (found, remedy) = match head {
        [] => ("an empty file".to_owned(), NO_SOUND),
        [0xff, second, ..] if second & 0xf6 == 0xf0 => ("AAC (ADTS)".to_owned(), CONVERT),
        [0xff, second, ..] if matches!(second & 0xe6, 0xe4 | 0xe6) => {
            ("MPEG layer I or II".to_owned(), CONVERT)
        }
        _ if head.iter().all(|&byte| byte == 0) => {
            (format!("{} bytes that begin with zeros", source.len()), NO_SOUND)
        }
        _ if head.iter().all(|byte| (b' '..0x7f).contains(byte) || byte.is_ascii_whitespace()) => {
            let text: String = head.iter().take(20).map(|&byte| char::from(byte)).collect();
            (format!("text: {:?}", text), NO_SOUND)
        }
        _ => {
            let first: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            (format!("a file that begins with the bytes {}", first.join(" ")), CONVERT)
        }
    };
    Error::Format { found, remedy }
}
