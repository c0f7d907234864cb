use crate::{Error, Fbank, FrameStream, Resampler, stacked_frames};
use proptest::prelude::*;
use stentor_experiment::Features;

/// Noise of which every sample is used: whole numbers within 16 bits.
fn noise(count: usize) -> Vec<f32> {
    (0..count).map(|n| (n * 7_919 % 20_011) as f32 - 10_000.0).collect()
}

/// The frames of a clip as `stentor prepare` computes them.
fn whole(features: &Features, nyquist_hz: f32, source_hz: u32, samples: &[f32]) -> Vec<f32> {
    let samples =
        Resampler::new(source_hz, features.sample_rate_hz).unwrap().resample(samples.to_vec()).unwrap();
    let mut frames = Vec::new();
    let count = Fbank::new(features, nyquist_hz).unwrap().compute(&samples, &mut frames);
    frames.truncate(stacked_frames(count, features.stack) * features.dimension());
    frames
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn frames_of_audio_in_pieces_have_the_bits_of_those_of_the_whole_clip(
        source_hz in prop::sample::select(vec![8_000u32, 11_025, 16_000, 44_100]),
        (stack, hop_ms, window_ms) in (1u32..5, 1u32..13, 13u32..30),
        pieces in prop::collection::vec(0usize..9_000, 0..6),
        clips in 1usize..3,
    ) {
        let features = Features { stack, hop_ms, window_ms, mel_bins: 20, ..Features::default() };
        let samples = noise(pieces.iter().sum());
        let expected = whole(&features, 4_000.0, source_hz, &samples);
        let mut stream = FrameStream::new(&features, 4_000.0, source_hz).unwrap();
        for _ in 0..clips {
            let (mut rest, mut found) = (samples.as_slice(), Vec::new());
            for piece in &pieces {
                let (now, later) = rest.split_at(*piece);
                stream.push(now, &mut found).unwrap();
                rest = later;
            }
            stream.finish(&mut found).unwrap();
            prop_assert_eq!(found.len(), expected.len());
            let differ = found.iter().zip(&expected).any(|(a, b)| a.to_bits() != b.to_bits());
            prop_assert!(!differ);
        }
    }
}

#[test]
fn a_frame_is_there_as_soon_as_its_last_sample_is() {
    let features = Features::default();
    let mut stream = FrameStream::new(&features, 8_000.0, 16_000).unwrap();
    let samples = noise(2_000);
    let mut found = Vec::new();
    // Three windows of 400 samples, 160 apart.
    stream.push(&samples[..719], &mut found).unwrap();
    assert!(found.is_empty());
    stream.push(&samples[719..720], &mut found).unwrap();
    assert_eq!(found.len(), stream.dimension());
}

#[test]
fn a_sample_that_is_no_number_is_named_by_its_place_in_the_clip() {
    let mut stream = FrameStream::new(&Features::default(), 8_000.0, 16_000).unwrap();
    let mut found = Vec::new();
    stream.push(&noise(1_000), &mut found).unwrap();
    let error = stream.push(&[0.0, 1.0, f32::INFINITY], &mut found).unwrap_err();
    assert!(matches!(error, Error::NotFinite { sample: 1_002, .. }), "{error}");
}
