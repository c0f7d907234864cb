//! Uncompressed samples, as in WAV and SPHERE.

use super::{Piece, Stream};
use crate::Error;
use crate::source::Source;

/// Samples of each channel that are read at once.
const BLOCK: u64 = 1 << 14;

/// Largest plausible sample at full scale 1, 24 dB over: a larger one is not sound, however badly it was mixed.
const LOUDEST: f32 = 16.0;

/// Encoding of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Unsigned, one byte.
    U8,
    /// Signed, of this many bytes, 2 to 4.
    Signed(u8),
    F32,
    F64,
    ALaw,
    MuLaw,
}

impl Encoding {
    /// Bytes of a sample.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Encoding::U8 | Encoding::ALaw | Encoding::MuLaw => 1,
            Encoding::Signed(bytes) => usize::from(bytes),
            Encoding::F32 => 4,
            Encoding::F64 => 8,
        }
    }

    /// Appends the values of whole samples; their bytes are reordered if they are big-endian.
    ///
    /// # Errors
    /// [`Error::FloatScale`]; the samples before that one have been appended.
    pub(crate) fn samples(
        self,
        is_big_endian: bool,
        bytes: &mut [u8],
        samples: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let first = samples.len();
        samples.extend(bytes.chunks_exact_mut(self.bytes()).map(|sample| {
            if is_big_endian {
                sample.reverse();
            }
            self.value(sample)
        }));
        let is_none = |sample: &f32| sample.abs() > LOUDEST && sample.is_finite();
        let Some(place) = samples[first..].iter().position(is_none) else { return Ok(()) };
        let found = samples[first + place];
        samples.truncate(first + place);
        Err(Error::FloatScale { found })
    }

    /// Returns the value of a sample whose bytes are little-endian; full scale 1.
    fn value(self, bytes: &[u8]) -> f32 {
        let mut wide = [0; 8];
        match self {
            Encoding::U8 => (f32::from(bytes[0]) - 128.0) / 128.0,
            Encoding::Signed(_) => {
                // In the upper bytes, so that the sign bit is in its place.
                wide[4 - bytes.len()..4].copy_from_slice(bytes);
                i32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]]) as f32 / 2_147_483_648.0
            }
            Encoding::F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            Encoding::F64 => {
                wide.copy_from_slice(bytes);
                f64::from_le_bytes(wide) as f32
            }
            Encoding::ALaw => f32::from(a_law(bytes[0])) / 32_768.0,
            Encoding::MuLaw => f32::from(mu_law(bytes[0])) / 32_768.0,
        }
    }
}

/// ITU-T G.711, A-law: sign, exponent of 3 bits, mantissa of 4; even bits inverted.
fn a_law(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let (exponent, mantissa) = (code >> 4 & 7, i16::from(code & 0xf) << 4);
    let magnitude = if exponent == 0 { mantissa + 8 } else { (mantissa + 0x108) << (exponent - 1) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// ITU-T G.711, µ-law: sign, exponent of 3 bits, mantissa of 4; all bits inverted, a bias of 132.
fn mu_law(byte: u8) -> i16 {
    let code = !byte;
    let magnitude = ((i16::from(code & 0xf) << 3 | 0x84) << (code >> 4 & 7)) - 0x84;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

/// Position and encoding of the samples in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) encoding: Encoding,
    pub(super) is_big_endian: bool,
    /// Number of channels, at least one.
    pub(super) channels: u16,
    pub(super) rate_hz: u32,
    /// Offset of the first sample in bytes.
    pub(super) start: u64,
    /// Bytes of samples that are present.
    pub(super) bytes: u64,
    /// Bytes of samples that the header states; `None` if its writer did not know.
    pub(super) stated: Option<u64>,
    pub(super) remarks: Vec<String>,
}

impl Layout {
    /// Returns the bytes of one sample of every channel.
    pub(super) fn frame(&self) -> usize {
        self.encoding.bytes() * usize::from(self.channels)
    }
}

/// A reader of samples.
pub(super) struct Reader {
    layout: Layout,
    source: Source,
    /// Samples of each channel that are still to be read.
    left: u64,
    begun: bool,
    bytes: Vec<u8>,
    /// What ends the sound after the samples that have been returned.
    failed: Option<Error>,
}

impl Reader {
    pub(super) fn new(layout: Layout, source: Source) -> Self {
        let left = layout.bytes / layout.frame() as u64;
        Self { layout, source, left, begun: false, bytes: Vec::new(), failed: None }
    }
}

impl Stream for Reader {
    fn rate_hz(&self) -> u32 {
        self.layout.rate_hz
    }

    fn channels(&self) -> usize {
        usize::from(self.layout.channels)
    }

    fn stated(&self) -> Option<u64> {
        self.layout.stated.map(|bytes| bytes / self.layout.frame() as u64)
    }

    fn next(&mut self, samples: &mut Vec<f32>) -> Result<Piece, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.source.go_to(self.layout.start)?;
        }
        let frame = self.layout.frame();
        self.bytes.resize(self.left.min(BLOCK) as usize * frame, 0);
        let whole = self.source.fill(&mut self.bytes)? / frame;
        if whole == 0 {
            return Ok(Piece::End);
        }
        self.left -= whole as u64;
        samples.clear();
        let Layout { encoding, is_big_endian, channels, .. } = self.layout;
        let read = encoding.samples(is_big_endian, &mut self.bytes[..whole * frame], samples);
        samples.truncate(samples.len() / usize::from(channels) * usize::from(channels));
        match read {
            Err(error) if samples.is_empty() => return Err(error),
            read => self.failed = read.err(),
        }
        Ok(Piece::Sound { channels: usize::from(channels) })
    }

    fn count(&mut self) -> Result<u64, Error> {
        Ok(self.left)
    }

    /// Whether the sound ends within a sample, by its header: the file itself is compared with the header elsewhere.
    fn ends_early(&self) -> bool {
        self.layout.stated.is_some_and(|bytes| !bytes.is_multiple_of(self.layout.frame() as u64))
    }

    fn remarks(&self) -> Vec<String> {
        self.layout.remarks.clone()
    }
}
