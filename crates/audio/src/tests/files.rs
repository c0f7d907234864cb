//! Files made for tests: short writers for each format, and damage to others.

use super::decode::MP3;

/// Returns a RIFF chunk with its padding.
pub(super) fn chunk(id: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = [&id[..], &(data.len() as u32).to_le_bytes(), data].concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

/// Returns a WAV file of these chunks.
pub(super) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WAVE", &body].concat()
}

/// The first 16 bytes of a `fmt ` chunk.
pub(super) fn fmt(tag: u16, channels: u16, rate_hz: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let rate = rate_hz * u32::from(block);
    [
        &tag.to_le_bytes()[..],
        &channels.to_le_bytes(),
        &rate_hz.to_le_bytes(),
        &rate.to_le_bytes(),
        &block.to_le_bytes(),
        &bits.to_le_bytes(),
    ]
    .concat()
}

/// Returns a `fmt ` chunk of the extensible kind with an extension of `extra` bytes.
pub(super) fn extensible(tag: u16, channels: u16, rate_hz: u32, bits: u16, extra: u16) -> Vec<u8> {
    let mut bytes = fmt(0xfffe, channels, rate_hz, bits);
    bytes.extend([extra.to_le_bytes(), bits.to_le_bytes(), [4, 0], [0, 0], tag.to_le_bytes()].concat());
    bytes.extend(b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71");
    bytes.resize(18 + usize::from(extra), 0);
    bytes
}

pub(super) fn little_endian(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Returns samples that stand for speech: never silent, never periodic.
pub(super) fn noise(samples: usize) -> Vec<i16> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16 / 4
    };
    (0..samples).map(next).collect()
}

/// Samples of each block of [`flac`].
pub(super) const BLOCK: usize = 1_000;

/// Returns a FLAC file of 16 kHz, uncompressed, in blocks of [`BLOCK`] samples, and where each frame begins.
pub(super) fn flac(samples: &[i16]) -> (Vec<u8>, Vec<usize>) {
    let longest = (BLOCK as u16).to_be_bytes();
    let mut bytes = b"fLaC\x80\x00\x00\x22".to_vec();
    bytes.extend([longest, longest].concat());
    bytes.extend([0; 6]);
    // Rate, channels less 1, bits less 1, samples: 20, 3, 5 and 36 bits.
    bytes.extend((16_000u64 << 44 | 15 << 36 | samples.len() as u64).to_be_bytes());
    bytes.extend([0; 16]);
    let mut frames = Vec::new();
    for (number, block) in samples.chunks(BLOCK).enumerate() {
        assert!(number < 128, "frame numbers of one byte only");
        let mut frame = vec![0xff, 0xf8, 0x75, 0x08, number as u8];
        frame.extend((block.len() as u16 - 1).to_be_bytes());
        frame.push(crc(&frame, 0x07, 8) as u8);
        frame.push(2);
        frame.extend(block.iter().flat_map(|sample| sample.to_be_bytes()));
        frame.extend(crc(&frame, 0x8005, 16).to_be_bytes());
        frames.push(bytes.len());
        bytes.extend(frame);
    }
    (bytes, frames)
}

fn crc(bytes: &[u8], polynomial: u16, bits: u32) -> u16 {
    let (top, mask) = (1u32 << (bits - 1), (1u32 << bits) - 1);
    let step = |crc: u32| if crc & top != 0 { crc << 1 ^ u32::from(polynomial) } else { crc << 1 };
    let byte =
        |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte) << (bits - 8), |crc, _| step(crc) & mask);
    bytes.iter().fold(0, byte) as u16
}

/// Returns where the frames of the MP3 clip begin; the first contains no sound.
pub(super) fn mp3_frames() -> Vec<usize> {
    let header = [MP3[0], MP3[1]];
    let mut frames = vec![0];
    while let Some(&last) = frames.last() {
        // Layer III of 16 kHz: 576 samples, rates of MPEG-2.
        let kbits =
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160][usize::from(MP3[last + 2] >> 4)];
        let next = last + 72 * kbits * 1_000 / 16_000 + usize::from(MP3[last + 2] >> 1 & 1);
        if MP3.get(next..next + 2) != Some(&header[..]) {
            break;
        }
        frames.push(next);
    }
    frames
}

/// Returns an Ogg file with another serial number.
pub(super) fn with_serial(ogg: &[u8], serial: u32) -> Vec<u8> {
    let mut bytes = ogg.to_vec();
    let pages: Vec<usize> = (0..ogg.len()).filter(|&at| ogg[at..].starts_with(b"OggS\0")).collect();
    for (i, &page) in pages.iter().enumerate() {
        let end = pages.get(i + 1).copied().unwrap_or(ogg.len());
        let page = &mut bytes[page..end];
        page[14..18].copy_from_slice(&serial.to_le_bytes());
        seal(page);
    }
    bytes
}

/// Returns an Ogg page with one packet; `flags`: 2 for a stream's first page, 4 for its last.
pub(super) fn ogg_page(flags: u8, serial: u32, number: u32, samples: u64, packet: &[u8]) -> Vec<u8> {
    let mut page = [&b"OggS\0"[..], &[flags], &samples.to_le_bytes(), &serial.to_le_bytes()].concat();
    page.extend([&number.to_le_bytes()[..], &[0; 4], &[1, packet.len() as u8], packet].concat());
    seal(&mut page);
    page
}

/// Writes a page's checksum.
fn seal(page: &mut [u8]) {
    page[22..26].fill(0);
    let step = |crc: u32| if crc >> 31 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| step(crc));
    let crc = page.iter().fold(0, byte);
    page[22..26].copy_from_slice(&crc.to_le_bytes());
}
