//! Strom 2015, "Scalable distributed DNN training using commodity GPU cloud computing": tests of its equations and
//! limits.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Numbers, entropy_bits};
use proptest::prelude::*;
use stentor_exchange::gtc::{
    self, add_scaled, decode_add, decode_counts, decode_mean, encode, encode_counts,
};
use stentor_exchange::{Encoder, Error, Reducer, Summation, Tau, digest_f32};

const TAU: f32 = 0.75;

fn tau(value: f32) -> Tau {
    Tau::exact(value).unwrap()
}

/// Returns signs, next residual and message of one encoding.
fn encoded(update: &[f32], residual: &[f32], tau: Tau) -> (Vec<i32>, Vec<f32>, Vec<u8>) {
    let (mut next, mut message) = (vec![f32::NAN; update.len()], Vec::new());
    encode(update, residual, tau, None, &mut next, &mut message).unwrap();
    let (_, signs) = decode_counts(&message, update.len()).unwrap();
    (signs, next, message)
}

proptest! {
    #[test]
    fn sent_plus_residual_is_the_sum_bit_for_bit(
        tau in (128u32..256, -100i32..100).prop_map(|(m, e)| Tau::exact(m as f32 * (e as f32).exp2()).unwrap()),
        // From far below the threshold up to 2¹⁶ times it.
        multiples in prop::collection::vec((-16f32..16.0, any::<bool>(), -1.5f32..1.5), 1..300),
    ) {
        let (residual, update): (Vec<f32>, Vec<f32>) = multiples
            .iter()
            .map(|&(power, negative, update)| {
                let residual = power.exp2() * tau.get() * 0.9;
                (if negative { -residual } else { residual }, update * tau.get())
            })
            .unzip();
        let (signs, next, _) = encoded(&update, &residual, tau);
        for index in 0..update.len() {
            let sum = residual[index] + update[index];
            prop_assert!(sum.abs() < 65_536.0 * tau.get(), "the bound of this test");
            let expected = if sum >= tau.get() { 1 } else if sum <= -tau.get() { -1 } else { 0 };
            prop_assert_eq!(signs[index], expected);
            let together = if signs[index] == 0 { next[index] } else { tau.get() * signs[index] as f32 + next[index] };
            prop_assert_eq!(together.to_bits(), sum.to_bits());
        }
    }
}

#[test]
fn a_threshold_of_24_bits_would_lose_bits_and_is_refused() {
    let fine = 0.1f32;
    assert!(matches!(Tau::exact(fine), Err(Error::TauNotExact { .. })));
    let mut numbers = Numbers::new(1);
    let sums = numbers.gradient(1000, 1.0);
    let is_rounded = |v: f32, tau: f32| f64::from(v - tau) != f64::from(v) - f64::from(tau);
    let rounded = |tau: f32| sums.iter().filter(|v| v.abs() >= tau && is_rounded(v.abs(), tau)).count();
    assert!(rounded(fine) > 200, "{} of 1000", rounded(fine));
    assert_eq!(rounded(Tau::nearest(fine).unwrap().get()), 0);
}

#[test]
fn over_a_run_only_the_rounding_of_r_plus_g_is_lost() {
    const ROUNDS: usize = 500;
    let mut numbers = Numbers::new(2);
    let mut residual = vec![0f32; 1000];
    let (mut sent, mut given, mut largest) = (vec![0f64; 1000], vec![0f64; 1000], 0f32);
    for _ in 0..ROUNDS {
        let update = numbers.gradient(1000, 0.3);
        let (signs, next, _) = encoded(&update, &residual, tau(TAU));
        for index in 0..1000 {
            sent[index] += f64::from(TAU) * f64::from(signs[index]);
            given[index] += f64::from(update[index]);
            largest = largest.max((residual[index] + update[index]).abs());
        }
        residual = next;
    }
    // Each round rounds r + g once, by half a unit in the last place of at most the largest sum.
    let bound = ROUNDS as f64 * f64::from(largest) * 2f64.powi(-24);
    for index in 0..1000 {
        let gap = (sent[index] + f64::from(residual[index]) - given[index]).abs();
        assert!(gap <= bound, "index {index}: {gap} above {bound}");
    }
    assert!(sent.iter().any(|&s| s.abs() > 10.0 * f64::from(TAU)), "much was sent");
}

#[test]
fn the_threshold_is_subtracted_and_the_residual_never_zeroed() {
    // 0.375 τ a round, 80 rounds: 30 thresholds. Zeroing the residual at each send would send 26 (every third
    // round).
    let (mut residual, mut sent) = (vec![0f32], 0);
    for _ in 0..80 {
        let (signs, next, _) = encoded(&[0.375 * TAU], &residual, tau(TAU));
        sent += signs[0];
        residual = next;
    }
    assert_eq!((sent, residual[0]), (30, 0.0));
}

#[test]
fn one_threshold_at_most_is_sent_of_each_value_in_a_round() {
    let (signs, next, _) = encoded(&[5.0 * TAU, -5.0 * TAU], &[0.0, 0.0], tau(TAU));
    assert_eq!((signs, next), (vec![1, -1], vec![4.0 * TAU, -4.0 * TAU]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_order_of_arrival_does_not_matter(seed in any::<u64>(), rotation in 1usize..8) {
        let mut numbers = Numbers::new(seed);
        let mut messages: Vec<Vec<u8>> =
            (0..8).map(|_| encoded(&numbers.gradient(5000, 0.3), &vec![0.0; 5000], tau(TAU)).2).collect();
        let sum = |messages: &[Vec<u8>]| {
            let mut counts = vec![0; 5000];
            messages.iter().for_each(|m| { decode_add(m, &mut counts).unwrap(); });
            counts
        };
        let in_order = sum(&messages);
        messages.rotate_left(rotation);
        messages.swap(0, 5);
        prop_assert_eq!(sum(&messages), in_order);
    }
}

/// A worker of a least-squares problem with its own noisy gradients.
struct Worker {
    numbers: Numbers,
    parameters: Vec<f32>,
    residual: Vec<f32>,
    next_residual: Vec<f32>,
}

#[test]
fn replicas_have_the_same_bits_after_every_round_with_1_2_3_and_8_workers() {
    const LEN: usize = 777;
    let target = Numbers::new(99).gradient(LEN, 1.0);
    for members in [1usize, 2, 3, 8] {
        let mut workers: Vec<Worker> = (0..members)
            .map(|member| Worker {
                numbers: Numbers::new(member as u64),
                parameters: vec![0.0; LEN],
                residual: vec![0.0; LEN],
                next_residual: vec![0.0; LEN],
            })
            .collect();
        let distance = |w: &Worker| w.parameters.iter().zip(&target).map(|(p, t)| (p - t).abs()).sum::<f32>();
        let at_first = distance(&workers[0]);
        let spec = Summation::Signs { tau: tau(0.5) };
        let mut reducer = Reducer::new(&spec, LEN);
        for _round in 0..200 {
            reducer.restart(&spec);
            for (slot, worker) in workers.iter_mut().enumerate() {
                let noise = worker.numbers.gradient(LEN, 0.05);
                let gradient: Vec<f32> =
                    (0..LEN).map(|i| worker.parameters[i] - target[i] + noise[i]).collect();
                let mut message = Vec::new();
                let next = &mut worker.next_residual;
                encode(&gradient, &worker.residual, tau(0.5), None, next, &mut message).unwrap();
                reducer.add(slot as u32, 32, &message).unwrap();
            }
            let update = reducer.finish().unwrap().payload;
            for worker in &mut workers {
                add_scaled(&update, &mut worker.parameters, -0.1).unwrap();
                std::mem::swap(&mut worker.residual, &mut worker.next_residual);
            }
            let digests: Vec<u64> = workers.iter().map(|w| digest_f32(&w.parameters)).collect();
            assert!(digests.iter().all(|&d| d == digests[0]), "{members} workers: {digests:x?}");
        }
        let at_last = distance(&workers[0]);
        assert!(at_last < 0.2 * at_first, "{members} workers: {at_first} to {at_last}");
    }
}

#[test]
fn a_worker_that_was_not_counted_keeps_its_residual_and_no_batch_counts_twice() {
    let mut numbers = Numbers::new(5);
    let (update, residual) = (numbers.gradient(400, 0.5), numbers.gradient(400, 0.2));
    let kept = residual.clone();
    let (first_signs, _discarded, _) = encoded(&update, &residual, tau(TAU));
    assert_eq!(residual, kept, "encoding leaves the residual alone");
    // The round closed without this worker. It computes its batch again, and gets the same signs.
    let (second_signs, _, _) = encoded(&update, &residual, tau(TAU));
    assert_eq!(first_signs, second_signs);
}

#[test]
fn sizes_stay_within_2_percent_of_entropy_from_a_hundredth_of_a_percent_to_one() {
    const VALUES: usize = 6_000_000;
    let update = Numbers::new(6).gradient(VALUES, 1.0);
    let (residual, mut next) = (vec![0.0; VALUES], vec![0.0; VALUES]);
    let mut encoder = Encoder::new();
    for density in [0.0001f64, 0.001, 0.01, 0.05] {
        let tau = Tau::nearest((-density.ln()) as f32).unwrap();
        let mut message = Vec::new();
        let stats = encoder.encode(&update, &residual, tau, None, &mut next, &mut message).unwrap();
        assert!((stats.sent as f64 / VALUES as f64 / density - 1.0).abs() < 0.1, "{stats:?}");
        let over = message.len() as f64 * 8.0 / entropy_bits(VALUES, stats.sent);
        assert!((1.0..1.02).contains(&over), "density {density}: {over} of entropy");
    }
}

#[test]
fn the_published_model_takes_less_than_a_third_of_the_published_210_kilobytes() {
    // 14.6 M parameters at a density of 0.36 %: 0.21 MB as words of 32 bits, "another 3×" by entropy coding.
    const VALUES: usize = 14_600_000;
    let update = Numbers::new(7).gradient(VALUES, 1.0);
    let (residual, mut next, mut message) = (vec![0.0; VALUES], vec![0.0; VALUES], Vec::new());
    let tau = Tau::nearest((-0.0036f32.ln()).abs()).unwrap();
    let stats = encode(&update, &residual, tau, None, &mut next, &mut message).unwrap();
    let words = stats.sent * 4;
    assert!((200_000..220_000).contains(&words), "{words} bytes as words");
    assert!((message.len() as f64) < words as f64 / 2.95, "{} bytes of {words}", message.len());
}

#[test]
fn the_mean_of_contributors_is_tau_over_c_times_the_sum_of_signs() {
    let counts = [3, -2, 0, 1];
    let mut message = Vec::new();
    encode_counts(&counts, tau(TAU), 3, &mut message).unwrap();
    let mut mean = [f32::NAN; 4];
    let header = decode_mean(&message, &mut mean).unwrap();
    assert_eq!((header.tau, header.divisor, header.nonzero), (tau(TAU), 3, 3));
    assert_eq!(mean, [TAU, -2.0 * (TAU / 3.0), 0.0, TAU / 3.0]);
    assert_eq!(mean.to_vec(), gtc::counts_to_mean(&counts, tau(TAU), 3));
    // Plain SGD changes only the indices in the message, and gives the same bits.
    let (mut sparse, mut whole) = ([0.3f32, -0.7, 0.1, 1e-3], [0.3f32, -0.7, 0.1, 1e-3]);
    add_scaled(&message, &mut sparse, -0.05).unwrap();
    whole.iter_mut().zip(mean).for_each(|(p, m)| *p += -0.05 * m);
    assert_eq!(sparse, whole);
}

#[test]
fn a_value_that_is_not_finite_is_named_and_nothing_is_sent() {
    for (len, index) in [(10, 3), (100_000, 77_777), (64, 63), (65, 64)] {
        for clip in [None, Some(4.0)] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut update = vec![0.1; len];
                update[index] = bad;
                let (mut next, mut message) = (vec![0.0; len], vec![42]);
                let refused =
                    encode(&update, &vec![0.0; len], tau(TAU), clip, &mut next, &mut message).unwrap_err();
                assert!(
                    matches!(refused, Error::NonFinite { index: found, .. } if found == index),
                    "{refused}"
                );
                assert_eq!(message, [42], "what was there before stays");
            }
        }
    }
    // Two finite values whose sum is not finite.
    let mut next = [0.0];
    let refused = encode(&[f32::MAX], &[f32::MAX], tau(TAU), None, &mut next, &mut Vec::new()).unwrap_err();
    assert!(refused.to_string().contains("index 0"), "{refused}");
}

#[test]
fn a_clip_bounds_the_residual_and_says_how_often() {
    let (update, mut next, mut message) = ([10.0 * TAU, -10.0 * TAU, 0.5 * TAU], [0.0; 3], Vec::new());
    let stats = encode(&update, &[0.0; 3], tau(TAU), Some(2.0), &mut next, &mut message).unwrap();
    assert_eq!(next, [2.0 * TAU, -2.0 * TAU, 0.5 * TAU]);
    assert_eq!((stats.clipped, stats.sent, stats.positive), (2, 2, 1));
    for clip in [0.5, f32::NAN, -1.0] {
        let refused = encode(&update, &[0.0; 3], tau(TAU), Some(clip), &mut next, &mut message);
        assert!(matches!(refused, Err(Error::ClipOutOfRange { .. })));
    }
    let stats = encode(&update, &[0.0; 3], tau(TAU), Some(f32::INFINITY), &mut next, &mut message).unwrap();
    assert_eq!((stats.clipped, next[0]), (0, 9.0 * TAU));
}

#[test]
fn the_statistics_match_the_residual_and_the_signs() {
    let mut numbers = Numbers::new(8);
    for len in [0, 1, 63, 64, 65, 16_384, 16_385, 70_001] {
        let update = numbers.gradient(len, 0.5);
        let (residual, mut next, mut message) = (numbers.gradient(len, 0.1), vec![0.0; len], Vec::new());
        let stats = encode(&update, &residual, tau(TAU), None, &mut next, &mut message).unwrap();
        let (_, signs) = decode_counts(&message, len).unwrap();
        let norm = next.iter().map(|&r| f64::from(r) * f64::from(r)).sum::<f64>().sqrt();
        assert!((stats.residual_norm - norm).abs() <= 1e-12 * norm, "{} {norm}", stats.residual_norm);
        assert_eq!(stats.sent, signs.iter().filter(|&&n| n != 0).count() as u64);
        assert_eq!(stats.positive, signs.iter().filter(|&&n| n == 1).count() as u64);
        assert_eq!(stats.bytes, message.len());
    }
}
