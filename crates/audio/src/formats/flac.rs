//! Corrections to FLAC files before symphonia reads them.

use super::packets::Packets;
use crate::Error;
use crate::source::Source;

const FLAC: &str = "FLAC";

/// The shortest block that the format allows.
const SHORTEST_BLOCK: u16 = 16;

/// Opens a FLAC file. The block lengths in the header are corrected to match the frames: some encoders write 0 as the
/// minimum, others the length of the last block, and symphonia skips all frames that do not match.
///
/// # Errors
/// [`Error::Malformed`] and [`Error::Reading`].
pub(super) fn open(mut source: Source) -> Result<Packets, Error> {
    let malformed = || Error::Malformed { format: FLAC, reason: "its metadata have no end".to_owned() };
    let (mut at, mut info) = (4, None);
    loop {
        let head = source.bytes_at(at, 4)?;
        let &[kind, high, middle, low] = &head[..] else { return Err(malformed()) };
        if kind & 0x7f == 0 {
            info = info.or(Some(at + 4));
        }
        at += 4 + (u64::from(high) << 16 | u64::from(middle) << 8 | u64::from(low));
        if kind & 0x80 != 0 {
            break;
        }
    }
    if let Some(info) = info {
        let lengths = source.bytes_at(info, 4)?;
        let first_frame = source.bytes_at(at, 2)?;
        let &[a, b, c, d] = &lengths[..] else { return Err(malformed()) };
        let (shortest, longest) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let shortest = match first_frame[..] {
            // Frames are numbered in blocks of one length, or in samples.
            [0xff, 0xf8] => longest,
            [0xff, 0xf9] if shortest == longest => SHORTEST_BLOCK,
            _ if shortest < SHORTEST_BLOCK => longest,
            _ => shortest,
        };
        source.patch(info, shortest.to_be_bytes().to_vec());
    }
    let sound = source.len().saturating_sub(at);
    source.go_to(0)?;
    Ok(Packets::open(source, FLAC)?.of_contiguous_bytes(sound))
}
