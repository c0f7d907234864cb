//! Frame headers: four bytes before the sound; the first frame of a part contains a tag in place of sound.

/// The first frame must begin within this number of bytes.
pub(crate) const SEARCHED: usize = 1 << 16;

/// Number of consecutive frames that identify MP3.
pub(super) const CONSECUTIVE: usize = 3;

/// The first four bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the frame, header included.
    pub(super) bytes: usize,
    /// Samples of each channel.
    pub(super) samples: u32,
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
    /// Bytes between header and sound.
    side: usize,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
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
        // With a free bit rate a frame has no known length.
        if !is_layer_3 || kbits == 0 {
            return None;
        }
        let samples = [1_152, 576][later];
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        let side = [[17, 32], [9, 17]][later][channels - 1];
        let length = samples / 8 * kbits * 1_000 / rate_hz + u32::from(third >> 1 & 1);
        Some(Self { bytes: length as usize, samples, rate_hz, channels, side })
    }

    /// Returns whether both can belong to one stream.
    pub(super) fn fits(&self, other: &Header) -> bool {
        (self.samples, self.rate_hz) == (other.samples, other.rate_hz)
    }
}

/// Returns where the first frame begins that others follow; `is_all`: the file ends with these bytes.
pub(crate) fn search(bytes: &[u8], is_all: bool) -> Option<usize> {
    (0..bytes.len()).find(|&at| is_followed(&bytes[at..], is_all, CONSECUTIVE))
}

/// Returns whether this many frames of one stream follow each other here, or as many as there is room for.
pub(super) fn is_followed(bytes: &[u8], is_all: bool, frames: usize) -> bool {
    let Some(first) = Header::read(bytes) else { return false };
    let mut at = 0;
    for found in 0..frames {
        match bytes.get(at..).and_then(Header::read) {
            Some(header) if header.fits(&first) => at += header.bytes,
            // After one whole frame the file may end, or a tag may follow; after two it may end within the third.
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

/// Contents of the tag in the first frame of a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tag {
    /// Number of frames that follow.
    pub(super) frames: Option<u32>,
    /// Samples that the encoder added before and after the sound.
    pub(super) delay: u32,
    pub(super) padding: u32,
}

impl Tag {
    pub(super) fn read(frame: &[u8], header: &Header) -> Option<Self> {
        /// Samples that a decoder adds before the first one.
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
                // `word` begins one byte before the three bytes that contain both.
                (delay + DECODER_DELAY, padding.saturating_sub(DECODER_DELAY))
            }
            _ => (0, 0),
        };
        Some(Self { frames, delay, padding })
    }
}
