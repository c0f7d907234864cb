//! Where sound comes from.

use crate::error::Error;
use std::io::Read;
use std::path::Path;
use stentor_audio::{Decoder, RawEncoding, RawStream};

/// Bytes that are read at once, at most: a tenth of a second of 16-bit sound at 16 kHz is 3,200.
const PIECE: usize = 1 << 14;

/// What raw audio is like: nothing in it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw {
    /// Samples per second.
    pub rate_hz: u32,
    /// How samples are written.
    pub encoding: RawEncoding,
    /// Number of channels.
    pub channels: usize,
}

/// A file, or a stream of raw audio.
pub struct Source<'r> {
    kind: Kind<'r>,
    name: String,
    rate_hz: u32,
    samples: u64,
    buffer: Vec<f32>,
    /// What ends the sound after the samples that have been returned.
    failed: Option<Error>,
}

enum Kind<'r> {
    File(Decoder),
    Raw { from: Box<dyn Read + 'r>, stream: RawStream, bytes: Vec<u8> },
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("samples", &self.samples)
            .finish_non_exhaustive()
    }
}

impl<'r> Source<'r> {
    /// A file: WAV, FLAC, MP3, Ogg Vorbis or SPHERE. Of several channels, this one, counted from 1, or the mean of all.
    ///
    /// # Errors
    /// [`Error::Audio`].
    pub fn file(path: &Path, channel: Option<usize>) -> Result<Self, Error> {
        let decoder = Decoder::open(path)?.choosing(channel)?;
        let (rate_hz, name) = (decoder.rate_hz(), path.display().to_string());
        Ok(Self { kind: Kind::File(decoder), name, rate_hz, samples: 0, buffer: Vec::new(), failed: None })
    }

    /// Raw audio as it comes.
    ///
    /// # Errors
    /// [`Error::Audio`].
    pub fn raw(from: impl Read + 'r, name: &str, raw: Raw, channel: Option<usize>) -> Result<Self, Error> {
        let stream = RawStream::new(raw.encoding, raw.channels, channel)?;
        let kind = Kind::Raw { from: Box::new(from), stream, bytes: vec![0; PIECE] };
        Ok(Self {
            kind,
            name: name.to_owned(),
            rate_hz: raw.rate_hz,
            samples: 0,
            buffer: Vec::new(),
            failed: None,
        })
    }

    /// Samples per second.
    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Samples so far.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Seconds so far.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.rate_hz.max(1))
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next samples, mono, ±32768, as soon as there are any; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Audio`], [`Error::Stream`]; at the end [`Error::CutShort`] if sound is missing, [`Error::NoSound`] if there was none. Samples that came before an error
    /// have been returned.
    pub fn next_samples(&mut self) -> Result<Option<&[f32]>, Error> {
        let after_s = self.seconds();
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let cut = |why: String| Error::CutShort { after_s, why };
        self.buffer.clear();
        match &mut self.kind {
            Kind::File(decoder) => match decoder.next_block()? {
                Some(block) => self.buffer.extend_from_slice(block),
                None => {
                    let report = decoder.report()?;
                    if !report.is_cut_short {
                        let lost_s = report.seconds(report.lost_samples);
                        return match report.damaged_packets {
                            0 => Ok(None),
                            packets => {
                                Err(Error::Damaged { packets, lost_s, of_s: report.seconds(report.samples) })
                            }
                        };
                    }
                    return Err(cut(match report.stated {
                        Some(stated) if stated <= report.samples => "within a sample".to_owned(),
                        Some(stated) => {
                            format!("before the end of its sound of {:.3} s", report.seconds(stated))
                        }
                        None => "before the end of its sound".to_owned(),
                    }));
                }
            },
            Kind::Raw { from, stream, bytes } => {
                while self.buffer.is_empty() {
                    match from.read(bytes) {
                        Ok(0) => {
                            return match stream.finish() {
                                Ok(()) if self.samples == 0 => Err(Error::NoSound),
                                Ok(()) => Ok(None),
                                Err(error @ stentor_audio::Error::EndsWithinSample { .. }) => {
                                    Err(cut(error.to_string()))
                                }
                                Err(error) => Err(error.into()),
                            };
                        }
                        Ok(count) => {
                            let pushed = stream.push(&bytes[..count], &mut self.buffer).map_err(Error::from);
                            match pushed {
                                Err(error) if self.buffer.is_empty() => return Err(error),
                                // After the samples that came before it.
                                pushed => self.failed = pushed.err(),
                            }
                        }
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(source) => return Err(Error::Stream { after_s, source }),
                    }
                }
            }
        }
        self.samples += self.buffer.len() as u64;
        Ok(Some(&self.buffer))
    }
}
