//! Tags before and after the sound of a file.

use crate::Error;
use crate::source::Source;

/// Returns where the sound begins after ID3v2 tags.
pub(super) fn leading_tags(source: &mut Source) -> Result<u64, Error> {
    let mut at = 0;
    loop {
        let head = source.bytes_at(at, 10)?;
        match id3v2_length(&head) {
            Some(length) if at + length < source.len() => at += length,
            _ => return Ok(at),
        }
    }
}

/// Returns the length in bytes of the ID3v2 tag that begins here.
pub(super) fn id3v2_length(head: &[u8]) -> Option<u64> {
    let tag = head.get(..10)?;
    if !tag.starts_with(b"ID3") || tag[6..].iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let size = tag[6..].iter().fold(0, |size, &byte| size << 7 | u64::from(byte));
    let footer = if tag[5] & 0x10 != 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

/// Returns where the sound ends before ID3v1 and APE tags.
pub(super) fn before_trailing_tags(source: &mut Source) -> Result<u64, Error> {
    let mut end = source.len();
    loop {
        let tail = end.min(128);
        let last = source.bytes_at(end - tail, tail as usize)?;
        let length =
            if last.len() == 128 && last.starts_with(b"TAG") { Some(128) } else { ape_length(&last) };
        match length {
            Some(length) if length <= end => end -= length,
            _ => return Ok(end),
        }
    }
}

/// Returns the length in bytes of the APE tag that ends here.
fn ape_length(last: &[u8]) -> Option<u64> {
    let footer = last.len().checked_sub(32).map(|at| &last[at..])?;
    if !footer.starts_with(b"APETAGEX") {
        return None;
    }
    let word = |at: usize| footer[at..at + 4].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    let header = if word(20) & 0x8000_0000 != 0 { 32 } else { 0 };
    Some(word(12) + header)
}
