use super::files::{flac, noise};
use crate::{Audio, Decoder, Error, FULL_SCALE, Resampler, cut, decode};
use proptest::prelude::*;

/// A WAV file of 16-bit samples, interleaved.
pub(crate) fn wav(rate_hz: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let data = samples.len() as u32 * 2;
    let block = channels * 2;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((rate_hz * u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(16u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    samples.iter().for_each(|s| bytes.extend(s.to_le_bytes()));
    bytes
}

pub(super) const FLAC: &[u8] = include_bytes!("data/tone.flac");
pub(super) const OGG: &[u8] = include_bytes!("data/tone.ogg");
pub(super) const MP3: &[u8] = include_bytes!("data/tone.mp3");

/// Returns the largest difference from the tone that the three files contain: 440 Hz, half of full scale, 16 kHz.
fn distance_from_the_tone(audio: &Audio) -> f32 {
    let angle = |i: usize| std::f64::consts::TAU * 440.0 * i as f64 / 16_000.0;
    let tone = |i: usize| 0.5 * FULL_SCALE * angle(i).sin() as f32;
    let inner = 1_000..7_000;
    inner.map(|i| (audio.samples[i] - tone(i)).abs()).fold(0.0, f32::max)
}

#[test]
fn wav_samples_come_out_as_the_integers_they_were() {
    let samples = [0i16, 1, -1, 32_767, -32_768, 1234];
    let audio = decode(wav(8_000, 1, &samples)).unwrap();
    assert_eq!(audio.samples, samples.map(f32::from));
    assert_eq!((audio.rate_hz, audio.report.damaged_packets), (8_000, 0));
}

#[test]
fn two_channels_become_their_mean() {
    let audio = decode(wav(44_100, 2, &[100, 200, -300, 300, 32_767, 32_767])).unwrap();
    assert_eq!(audio.samples, [150.0, 0.0, 32_767.0]);
}

#[test]
fn flac_ogg_and_mp3_give_back_the_tone_they_were_made_from() {
    for (name, bytes, tolerance) in [("flac", FLAC, 1.0), ("ogg", OGG, 600.0), ("mp3", MP3, 600.0)] {
        let audio = decode(bytes).unwrap();
        assert_eq!(audio.rate_hz, 16_000, "{name}");
        // Without delay: the encoder's padding is removed.
        assert_eq!(audio.samples.len(), 8_000, "{name}");
        let distance = distance_from_the_tone(&audio);
        assert!(distance < tolerance, "{name} is off by {distance}");
    }
}

#[test]
fn a_file_that_is_no_audio_is_refused() {
    for bytes in [&b""[..], b"RIFF", b"hello, this is a text file and no audio at all", &[0; 4096]] {
        let error = decode(bytes.to_vec()).unwrap_err();
        assert!(error.to_string().starts_with("expected WAV, FLAC, MP3, Ogg"), "{error}");
    }
}

#[test]
fn a_wav_without_samples_has_its_own_error() {
    assert!(matches!(decode(wav(8_000, 1, &[])), Err(Error::NoSamples)));
}

#[test]
fn an_impossible_rate_is_refused() {
    assert!(matches!(decode(wav(7, 1, &[1, 2, 3])), Err(Error::Rate(7))));
}

#[test]
fn a_file_without_an_intact_packet_is_refused() {
    let (mut bytes, frames) = flac(&noise(20_000));
    for frame in frames {
        bytes[frame + 10..frame + 200].fill(0x55);
    }
    let refused = decode(bytes).map(|audio| audio.report);
    assert!(matches!(refused, Err(Error::Damaged { .. } | Error::NoSamples)), "{refused:?}");
}

#[test]
fn the_length_is_known_without_decoding() {
    let decoder = Decoder::from_bytes(wav(16_000, 2, &[0; 640])).unwrap();
    assert_eq!(decoder.count_samples().unwrap(), 320);
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(!matches!(decode(bytes), Err(Error::DecoderPanicked(_))));
    }

    #[test]
    fn no_damage_makes_the_decoder_panic(
        which in 0usize..3,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut bytes = [FLAC, OGG, MP3][which].to_vec();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        prop_assert!(!matches!(decode(bytes), Err(Error::DecoderPanicked(_))));
    }

    #[test]
    fn segments_are_the_same_samples_as_slices_of_the_whole(
        segments in prop::collection::vec((0u64..6_000, 0u64..3_000), 0..12),
    ) {
        let samples: Vec<i16> = (0..5_000).collect();
        let segments: Vec<(u64, u64)> = segments.into_iter().map(|(start, length)| (start, start + length)).collect();
        let mut decoder = Decoder::from_bytes(wav(8_000, 1, &samples)).unwrap();
        let mut found: Vec<Option<Vec<f32>>> = vec![None; segments.len()];
        cut(&mut decoder, &segments, |i, samples| {
            prop_assert!(found[i].replace(samples).is_none(), "segment {} was passed on twice", i);
            Ok(())
        })?;
        for (&(start, end), found) in segments.iter().zip(found) {
            let slice = start.min(5_000) as usize..end.min(5_000) as usize;
            let expected: Vec<f32> = samples[slice].iter().map(|&s| f32::from(s)).collect();
            prop_assert_eq!(found, Some(expected));
        }
    }
}

#[test]
fn decoding_and_resampling_to_16_khz_keep_the_duration() {
    let audio = decode(wav(11_025, 1, &[500; 11_025])).unwrap();
    let samples = Resampler::new(audio.rate_hz, 16_000).unwrap().resample(audio.samples).unwrap();
    assert_eq!(samples.len(), 16_000);
}
