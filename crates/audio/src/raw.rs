use crate::Error;
use crate::decode::FULL_SCALE;
use crate::formats::Encoding;
use crate::mix::Mixer;

/// How the samples of raw audio are written, without a header that says so. Numbers are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RawEncoding {
    /// Signed integers of 16 bits.
    #[default]
    S16,
    /// Signed integers of 24 bits, in 3 bytes.
    S24,
    /// Signed integers of 32 bits.
    S32,
    /// Unsigned integers of 8 bits.
    U8,
    /// Floats of 32 bits, full scale 1.
    F32,
    /// A-law of 8 bits (G.711).
    ALaw,
    /// µ-law of 8 bits (G.711).
    MuLaw,
}

impl RawEncoding {
    fn encoding(self) -> Encoding {
        match self {
            RawEncoding::S16 => Encoding::Signed(2),
            RawEncoding::S24 => Encoding::Signed(3),
            RawEncoding::S32 => Encoding::Signed(4),
            RawEncoding::U8 => Encoding::U8,
            RawEncoding::F32 => Encoding::F32,
            RawEncoding::ALaw => Encoding::ALaw,
            RawEncoding::MuLaw => Encoding::MuLaw,
        }
    }
}

/// The most channels of raw audio.
const MAX_CHANNELS: usize = 256;

/// Bytes of a mark.
const MARK: usize = 4;

/// What audio files begin with. Raw audio practically never does.
const MARKS: [(&[u8; MARK], &str); 7] = [
    (b"RIFF", "WAV"),
    (b"fLaC", "FLAC"),
    (b"OggS", "Ogg"),
    (b"ID3\x02", "MP3"),
    (b"ID3\x03", "MP3"),
    (b"ID3\x04", "MP3"),
    (b"NIST", "SPHERE"),
];

/// Raw audio that comes in pieces of bytes, which may end anywhere.
#[derive(Debug)]
pub struct RawStream {
    encoding: Encoding,
    channels: usize,
    mixer: Mixer,
    /// The start of a sample of all channels whose end has not come.
    rest: Vec<u8>,
    interleaved: Vec<f32>,
    /// The first bytes of the stream.
    head: Vec<u8>,
}

impl RawStream {
    /// A stream before its first byte. Of several channels it takes this one, counted from 1, or the mean of all.
    ///
    /// # Errors
    /// [`Error::NoSuchChannel`]; [`Error::Channels`] for a number of channels that audio does not have.
    pub fn new(encoding: RawEncoding, channels: usize, channel: Option<usize>) -> Result<Self, Error> {
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(Error::Channels { found: channels, limit: MAX_CHANNELS });
        }
        if let Some(asked) = channel.filter(|asked| !(1..=channels).contains(asked)) {
            return Err(Error::NoSuchChannel { asked, channels });
        }
        let (encoding, mixer) = (encoding.encoding(), Mixer::choosing(channel));
        Ok(Self { encoding, channels, mixer, rest: Vec::new(), interleaved: Vec::new(), head: Vec::new() })
    }

    /// Appends to `mono` the samples, ±[`FULL_SCALE`], that the next bytes complete.
    ///
    /// # Errors
    /// [`Error::Container`] if the first bytes are those of an audio file; [`Error::FloatScale`], with the samples before that one
    /// in `mono`.
    pub fn push(&mut self, bytes: &[u8], mono: &mut Vec<f32>) -> Result<(), Error> {
        if self.head.len() < MARK {
            self.head.extend(bytes.iter().take(MARK - self.head.len()));
            if let Some((_, format)) = MARKS.iter().find(|(mark, _)| self.head == **mark) {
                return Err(Error::Container { format });
            }
        }
        self.rest.extend_from_slice(bytes);
        let frame = self.encoding.bytes() * self.channels;
        let whole = self.rest.len() / frame * frame;
        self.interleaved.clear();
        let read = self.encoding.samples(false, &mut self.rest[..whole], &mut self.interleaved);
        self.rest.drain(..whole);
        let complete = self.interleaved.len() / self.channels * self.channels;
        self.mixer.mix(&self.interleaved[..complete], self.channels, FULL_SCALE, mono)?;
        read
    }

    /// Checks that the stream ended after a sample.
    ///
    /// # Errors
    /// [`Error::EndsWithinSample`]; [`Error::Cancelled`] if the channels cancel each other.
    pub fn finish(&self) -> Result<(), Error> {
        match self.rest.len() {
            0 => self.mixer.check(),
            bytes => Err(Error::EndsWithinSample { bytes, expected: self.encoding.bytes() * self.channels }),
        }
    }
}
