//! The sound of utterances for the report: WAV, at most at the rate that models hear, and only of short utterances, so that the
//! page stays small.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use stentor_audio::{DataDirectory, Decoder, Resampler, cut};
use stentor_evaluate::report::{Clip, ClipFormat};

/// Features are computed at this rate: a model hears nothing above half of it.
const MOST_HZ: u32 = 16_000;
/// A longer utterance has no clip.
const MOST_SECONDS: u64 = 15;

/// The recordings of a corpus.
#[derive(Debug)]
pub(super) struct Clips {
    corpus: DataDirectory,
}

impl Clips {
    pub(super) fn of(corpus: &Path) -> Result<Self> {
        Ok(Self { corpus: DataDirectory::read(corpus)? })
    }

    /// The sound of an utterance; `None` for one that is too long for the page.
    pub(super) fn clip(&self, id: &str) -> Result<Option<Clip>> {
        let utterance = self.corpus.utterances.iter().find(|utterance| utterance.id == id);
        let utterance =
            utterance.with_context(|| format!("expected the utterance {id} in the corpus, found none"))?;
        let recording = &self.corpus.recordings[utterance.recording];
        let told = || format!("the sound of {id} in {}", recording.path.display());
        let decoder = Decoder::open(&recording.path).and_then(|decoder| decoder.choosing(recording.channel));
        let mut decoder = decoder.with_context(told)?;
        let rate_hz = decoder.rate_hz();
        let (start, end) = utterance.extent.samples(rate_hz);
        // One sample more than there may be says that it is too long.
        let most = MOST_SECONDS * u64::from(rate_hz);
        let mut samples = Vec::new();
        let bounded = (start, end.min(start.saturating_add(most + 1)));
        cut(&mut decoder, &[bounded], |_, found| {
            samples = found;
            Ok::<(), stentor_audio::Error>(())
        })
        .with_context(told)?;
        if samples.len() as u64 > most {
            return Ok(None);
        }
        let rate = rate_hz.min(MOST_HZ);
        let samples = Resampler::new(rate_hz, rate)
            .and_then(|mut resampler| resampler.resample(samples))
            .with_context(told)?;
        Ok(Some(Clip { format: ClipFormat::Wav, base64: STANDARD.encode(wav(&samples, rate)) }))
    }
}

/// A WAV file with one channel of 16-bit samples.
fn wav(samples: &[f32], rate_hz: u32) -> Vec<u8> {
    const BYTES: u32 = 2;
    let data = samples.len() as u32 * BYTES;
    let mut file = Vec::with_capacity(44 + data as usize);
    file.extend(b"RIFF");
    file.extend((36 + data).to_le_bytes());
    file.extend(b"WAVEfmt ");
    // Bytes of the description; PCM; channels.
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(rate_hz.to_le_bytes());
    file.extend((rate_hz * BYTES).to_le_bytes());
    file.extend((BYTES as u16).to_le_bytes());
    file.extend((8 * BYTES as u16).to_le_bytes());
    file.extend(b"data");
    file.extend(data.to_le_bytes());
    // A conversion from float keeps to the bounds of the integer.
    file.extend(samples.iter().flat_map(|sample| (sample.round() as i16).to_le_bytes()));
    file
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use stentor_audio::decode;

    /// A corpus of one recording at this rate, of `seconds`, whose sample at each whole second is 1000 and otherwise 0, with
    /// segments.
    fn corpus(rate_hz: u32, seconds: u32, segments: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let sample = |at: u32| if at.is_multiple_of(rate_hz) { 1000.0 } else { 0.0 };
        let samples: Vec<f32> = (0..seconds * rate_hz).map(sample).collect();
        std::fs::write(folder.path().join("a.wav"), wav(&samples, rate_hz)).unwrap();
        std::fs::write(folder.path().join("wav.scp"), "a a.wav\n").unwrap();
        if let Some(segments) = segments {
            std::fs::write(folder.path().join("segments"), segments).unwrap();
        }
        folder
    }

    /// A WAV file of a tenth of a second.
    pub(in super::super) fn tone() -> Vec<u8> {
        wav(&[1000.0; 800], 8_000)
    }

    fn heard(clip: &Clip) -> (u32, Vec<f32>) {
        let audio = decode(STANDARD.decode(&clip.base64).unwrap()).unwrap();
        (audio.rate_hz, audio.samples)
    }

    #[test]
    fn a_clip_is_the_segment_of_its_recording() {
        let corpus = corpus(8_000, 5, Some("a-1 a 0.5 1.5\na-2 a 2 2.25\n"));
        let clips = Clips::of(corpus.path()).unwrap();
        let (rate, samples) = heard(&clips.clip("a-1").unwrap().unwrap());
        assert_eq!((rate, samples.len()), (8_000, 8_000));
        assert_eq!((samples[3_999], samples[4_000]), (0.0, 1000.0));
        let (_, samples) = heard(&clips.clip("a-2").unwrap().unwrap());
        assert_eq!((samples.len(), samples[0]), (2_000, 1000.0));
        let error = clips.clip("b").unwrap_err().to_string();
        assert!(error.contains("expected the utterance b"), "{error}");
    }

    #[test]
    fn sound_above_the_rate_of_models_is_resampled_and_a_long_utterance_has_no_clip() {
        let corpus = corpus(44_100, 16, Some("a-1 a 1 2\na-2 a 0 15\na-3 a 0 15.01\na-4 a 0.5 -1\n"));
        let clips = Clips::of(corpus.path()).unwrap();
        let (rate, samples) = heard(&clips.clip("a-1").unwrap().unwrap());
        assert_eq!((rate, samples.len()), (16_000, 16_000));
        assert!(clips.clip("a-2").unwrap().is_some());
        assert_eq!((clips.clip("a-3").unwrap(), clips.clip("a-4").unwrap()), (None, None));
    }

    #[test]
    fn sound_beyond_full_scale_is_clipped() {
        let file = wav(&[40_000.0, -40_000.0, 0.4], 8_000);
        assert_eq!(file[44..], [0xff, 0x7f, 0x00, 0x80, 0, 0]);
    }
}
