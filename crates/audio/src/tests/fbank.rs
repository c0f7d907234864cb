use crate::mel::mel_bins;
use crate::{Error, Fbank, stacked_frames};
use proptest::prelude::*;
use std::f64::consts::TAU;
use stentor_experiment::Features;

fn mel(hz: f64) -> f64 {
    1127.0 * (1.0 + hz / 700.0).ln()
}

/// The filter bank computed from its definition, term by term: a plain Fourier sum in f64 and weights from the mel
/// formula.
fn by_definition(samples: &[f32], bins: usize, low_hz: f64, high_hz: f64) -> Vec<f64> {
    let (length, size) = (400, 512);
    let mean = samples[..length].iter().map(|&s| f64::from(s)).sum::<f64>() / length as f64;
    let centred: Vec<f64> = samples[..length].iter().map(|&s| f64::from(s) - mean).collect();
    let windowed: Vec<f64> = (0..length)
        .map(|i| {
            let emphasised = centred[i] - 0.97 * centred[i.max(1) - 1];
            emphasised * (0.5 - 0.5 * (TAU * i as f64 / 399.0).cos()).powf(0.85)
        })
        .collect();
    let power: Vec<f64> = (0..size / 2)
        .map(|k| {
            let turn = |i: usize| TAU * (i * k % size) as f64 / size as f64;
            let re: f64 = windowed.iter().enumerate().map(|(i, x)| x * turn(i).cos()).sum();
            let im: f64 = windowed.iter().enumerate().map(|(i, x)| x * turn(i).sin()).sum();
            re * re + im * im
        })
        .collect();
    let step = (mel(high_hz) - mel(low_hz)) / (bins + 1) as f64;
    (0..bins)
        .map(|bin| {
            let centre = mel(low_hz) + (bin + 1) as f64 * step;
            let weight = |k: usize| (1.0 - (mel(k as f64 * 31.25) - centre).abs() / step).max(0.0);
            (0..size / 2).map(|k| weight(k) * power[k]).sum::<f64>().max(f64::from(f32::EPSILON)).ln()
        })
        .collect()
}

fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as f32 / 8.0 - 4_096.0
    };
    (0..samples).map(|i| next() + 3_000.0 * (i as f32 * 0.13).sin() + 700.0).collect()
}

#[test]
fn a_frame_is_what_the_definition_says() {
    let samples = noise(400 + 160 * 3);
    let mut frames = Vec::new();
    for (bins, high_hz) in [(64, 8_000.0), (64, 5_512.5), (23, 4_000.0), (80, 7_600.0)] {
        let features = Features { mel_bins: bins, ..Features::default() };
        frames.clear();
        assert_eq!(Fbank::new(&features, high_hz).unwrap().compute(&samples, &mut frames), 4);
        for (j, frame) in frames.chunks_exact(bins as usize).enumerate() {
            let expected = by_definition(&samples[j * 160..], bins as usize, 20.0, f64::from(high_hz));
            for (found, expected) in frame.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} against {expected}");
            }
        }
    }
}

#[test]
fn silence_is_the_logarithm_of_the_floor() {
    let mut frames = Vec::new();
    Fbank::new(&Features::default(), 8_000.0).unwrap().compute(&[0.0; 560], &mut frames);
    assert_eq!(frames, vec![f32::EPSILON.ln(); 128]);
}

#[test]
fn a_constant_offset_does_not_change_the_features() {
    let mut fbank = Fbank::new(&Features::default(), 8_000.0).unwrap();
    let (mut plain, mut offset) = (Vec::new(), Vec::new());
    let samples = noise(2_000);
    fbank.compute(&samples, &mut plain);
    fbank.compute(&samples.iter().map(|s| s + 1_000.0).collect::<Vec<_>>(), &mut offset);
    let apart = plain.iter().zip(&offset).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 0.01, "{apart}");
}

#[test]
fn a_tone_is_loudest_in_the_bin_around_it() {
    let samples: Vec<f32> =
        (0..400).map(|i| (10_000.0 * (TAU * 1_000.0 * i as f64 / 16_000.0).sin()) as f32).collect();
    let mut frame = Vec::new();
    Fbank::new(&Features::default(), 8_000.0).unwrap().compute(&samples, &mut frame);
    let loudest = (0..64).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap();
    let step = (mel(8_000.0) - mel(20.0)) / 65.0;
    let expected = ((mel(1_000.0) - mel(20.0)) / step - 1.0).round() as usize;
    assert_eq!(loudest, expected);
}

#[test]
fn the_upper_edge_is_the_corpus_s_nyquist_frequency_but_not_above_half_the_rate() {
    let features = Features::default();
    assert_eq!(Fbank::new(&features, 5_512.5).unwrap().high_hz(), 5_512.5);
    assert_eq!(Fbank::new(&features, 22_050.0).unwrap().high_hz(), 8_000.0);
    let fixed = Features { high_hz: 7_600.0, ..features };
    assert_eq!(Fbank::new(&fixed, 5_512.5).unwrap().high_hz(), 7_600.0);
}

#[test]
fn a_source_below_the_lower_edge_is_an_error() {
    let features = Features { low_hz: 4_500.0, ..Features::default() };
    assert!(matches!(Fbank::new(&features, 4_000.0), Err(Error::MelRange { .. })));
}

#[test]
fn bins_too_narrow_for_the_transform_are_named() {
    assert!(Fbank::new(&Features::default(), 4_000.0).unwrap().empty_bins().is_empty());
    let crowded = Features { mel_bins: 256, ..Features::default() };
    assert!(!Fbank::new(&crowded, 4_000.0).unwrap().empty_bins().is_empty());
}

#[test]
fn triangles_cover_each_line_between_the_outer_centres_with_weight_one() {
    let bins = mel_bins(40, 0.0, 8_000.0, 16_000.0, 512);
    for line in 10..230 {
        let mut spectrum = vec![0.0; 257];
        spectrum[line] = 1.0;
        let total: f32 = bins.iter().map(|bin| bin.energy(&spectrum)).sum();
        assert!((total - 1.0).abs() < 1e-4, "line {line} counts {total}");
    }
}

proptest! {
    #[test]
    fn only_whole_windows_make_frames(samples in 0usize..5_000) {
        let mut fbank = Fbank::new(&Features::default(), 8_000.0).unwrap();
        let mut frames = Vec::new();
        let count = fbank.compute(&vec![1.0; samples], &mut frames);
        prop_assert_eq!(count, fbank.frames(samples));
        prop_assert_eq!(frames.len(), count * 64);
        let needed = |frames: usize| 400 + (frames - 1) * 160;
        prop_assert!(count == 0 && samples < 400 || count > 0 && needed(count) <= samples && samples < needed(count + 1));
        prop_assert_eq!(stacked_frames(count, 3), count / 3);
    }
}
