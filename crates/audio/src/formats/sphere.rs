//! NIST SPHERE: a text header, then samples.

use super::pcm::{Encoding, Layout};
use crate::Error;
use crate::source::Source;
use std::collections::HashMap;

const SPHERE: &str = "NIST SPHERE";

/// Upper bound of a header's length; most have 1,024 bytes.
const LONGEST_HEADER: usize = 1 << 16;

/// Parses the header and returns the layout of the samples.
///
/// # Errors
/// [`Error::Format`] for compressed samples, [`Error::Malformed`] and [`Error::Reading`].
pub(super) fn layout(source: &mut Source) -> Result<Layout, Error> {
    let malformed = |reason: String| Error::Malformed { format: SPHERE, reason };
    let head = source.bytes_at(0, 16)?;
    let length = head.get(8..16).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let length: usize = length
        .and_then(|text| text.trim().parse().ok())
        .filter(|length| (16..=LONGEST_HEADER).contains(length))
        .ok_or_else(|| malformed("its second line is not the header's length".to_owned()))?;
    let header = source.bytes_at(0, length)?;
    let header = String::from_utf8_lossy(&header);
    // `name -i 16000`, `name -s4 text`.
    let fields: HashMap<&str, &str> = header
        .lines()
        .skip(2)
        .take_while(|line| line.trim() != "end_head")
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(' ')?;
            Some((name, rest.trim_start().split_once(' ')?.1.trim()))
        })
        .collect();
    let number = |name: &str| fields.get(name).and_then(|text| text.parse::<u64>().ok());
    let needed = |name: &str| number(name).ok_or_else(|| malformed(format!("it has no number `{name}`")));
    let channels = number("channel_count").unwrap_or(1);
    let channels = u16::try_from(channels).ok().filter(|&channels| channels > 0);
    let channels =
        channels.ok_or_else(|| malformed("its `channel_count` is not a number of channels".to_owned()))?;
    let rate_hz = u32::try_from(needed("sample_rate")?).unwrap_or(u32::MAX);
    let coding = fields.get("sample_coding").copied().unwrap_or("pcm");
    let encoding = match (coding, number("sample_n_bytes").unwrap_or(2)) {
        ("pcm", bytes @ 2..=4) => Encoding::Signed(bytes as u8),
        ("ulaw" | "mu-law", 1) => Encoding::MuLaw,
        ("alaw", 1) => Encoding::ALaw,
        (coding, bytes) => {
            let found = format!("NIST SPHERE with `{coding}` samples of {bytes} bytes");
            return Err(Error::Format {
                found,
                remedy: "convert it (for example `sph2pipe -f wav FILE FILE.wav`)",
            });
        }
    };
    let start = length as u64;
    let room = source.len().saturating_sub(start);
    let mut layout = Layout {
        encoding,
        // `01`: the least significant byte first; `10`: the most significant first.
        is_big_endian: fields.get("sample_byte_format").is_some_and(|order| !order.starts_with('0')),
        channels,
        rate_hz,
        start,
        bytes: room,
        stated: None,
        remarks: Vec::new(),
    };
    layout.stated = number("sample_count").map(|count| count.saturating_mul(layout.frame() as u64));
    layout.bytes = layout.stated.unwrap_or(room).min(room);
    let behind = room - layout.bytes;
    if behind > 1_024 {
        layout.remarks.push(format!(
            "{behind} bytes after the sound are not read: the header's sample_count excludes them"
        ));
    }
    Ok(layout)
}
