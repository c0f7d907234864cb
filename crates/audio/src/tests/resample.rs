use crate::resample::transform;
use crate::{Error, Resampler, resampled_length};
use proptest::prelude::*;

fn sine(hz: f64, rate_hz: u32, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|i| (10_000.0 * (std::f64::consts::TAU * hz * i as f64 / f64::from(rate_hz)).sin()) as f32)
        .collect()
}

#[test]
fn a_tone_is_the_same_tone_at_the_new_rate_without_delay() {
    for from_hz in [8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
        for tone_hz in [100.0, 1_000.0, 3_000.0] {
            let output =
                Resampler::new(from_hz, 16_000).unwrap().resample(sine(tone_hz, from_hz, from_hz as usize));
            let output = output.unwrap();
            let expected = sine(tone_hz, 16_000, 16_000);
            assert_eq!(output.len(), expected.len());
            let inner = 2_000..14_000;
            let worst = inner.map(|i| (output[i] - expected[i]).abs()).fold(0.0, f32::max);
            // A delay of a tenth of a sample would show as 100 at 1 kHz.
            assert!(worst < 5.0, "{tone_hz} Hz at {from_hz} Hz: off by {worst} of 10000");
        }
    }
}

#[test]
fn frequencies_above_the_new_nyquist_frequency_are_removed() {
    let output = Resampler::new(48_000, 16_000).unwrap().resample(sine(9_000.0, 48_000, 48_000)).unwrap();
    let worst = output[2_000..14_000].iter().fold(0.0f32, |a, b| a.max(b.abs()));
    assert!(worst < 1.0, "{worst} of 10000 is left");
}

#[test]
fn equal_rates_change_nothing() {
    let samples = sine(300.0, 16_000, 777);
    assert_eq!(Resampler::new(16_000, 16_000).unwrap().resample(samples.clone()).unwrap(), samples);
}

#[test]
fn a_clip_does_not_depend_on_the_one_before_it() {
    let mut used = Resampler::new(11_025, 16_000).unwrap();
    used.resample(sine(500.0, 11_025, 5_000)).unwrap();
    let clip = sine(200.0, 11_025, 3_000);
    let fresh = Resampler::new(11_025, 16_000).unwrap().resample(clip.clone()).unwrap();
    assert_eq!(used.resample(clip).unwrap(), fresh);
}

#[test]
fn impossible_rates_are_refused() {
    assert!(matches!(Resampler::new(0, 16_000), Err(Error::Rate(0))));
    assert!(matches!(Resampler::new(16_000, 3_000_000), Err(Error::Rate(3_000_000))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_clip_in_pieces_has_the_bits_of_the_whole_clip(
        from_hz in prop::sample::select(vec![8_000u32, 11_025, 16_000, 22_050, 44_100, 48_000]),
        pieces in prop::collection::vec(0usize..4_000, 0..6),
        clips in 1usize..3,
    ) {
        let samples: Vec<f32> = (0..pieces.iter().sum()).map(|n| (n * 7_919 % 20_011) as f32 - 10_000.0).collect();
        let mut resampler = Resampler::new(from_hz, 16_000).unwrap();
        let whole = Resampler::new(from_hz, 16_000).unwrap().resample(samples.clone()).unwrap();
        for _ in 0..clips {
            let (mut rest, mut output) = (samples.as_slice(), Vec::new());
            for piece in &pieces {
                let (now, later) = rest.split_at(*piece);
                resampler.push(now, &mut output).unwrap();
                prop_assert!(output.len() <= whole.len());
                rest = later;
            }
            resampler.finish(&mut output).unwrap();
            prop_assert_eq!(&output, &whole);
        }
    }

    #[test]
    fn a_whole_clip_has_the_bits_of_the_library_function_for_whole_clips(
        from_hz in prop::sample::select(vec![8_000u32, 11_025, 22_050, 44_100, 48_000]),
        length in 0usize..20_000,
    ) {
        use rubato::Resampler as _;
        let samples: Vec<f32> = (0..length).map(|n| (n * 7_919 % 20_011) as f32 - 10_000.0).collect();
        let found = Resampler::new(from_hz, 16_000).unwrap().resample(samples.clone()).unwrap();
        let samples: Vec<f64> = samples.into_iter().map(f64::from).collect();
        let input = rubato::audioadapter_buffers::direct::InterleavedSlice::new(&samples, 1, length).unwrap();
        let whole = transform(from_hz, 16_000).unwrap().process_all(&input, length, None);
        let mut expected: Vec<f32> = whole.unwrap().take_data().into_iter().map(|sample| sample as f32).collect();
        expected.resize(found.len(), 0.0);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_length_is_exact_for_any_rate(from_hz in 1_000u32..50_000, samples in 0usize..5_000) {
        let output = Resampler::new(from_hz, 16_000).unwrap().resample(vec![1.0; samples]).unwrap();
        prop_assert_eq!(output.len(), resampled_length(samples, from_hz, 16_000));
        let exact = samples as f64 * 16_000.0 / f64::from(from_hz);
        prop_assert!((output.len() as f64 - exact) > -1e-6 && (output.len() as f64 - exact) < 1.0);
    }
}
