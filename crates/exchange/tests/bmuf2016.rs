//! Chen & Huo 2016, "Scalable training of deep learning machines by incremental block training with intra-block
//! parallel optimization and blockwise model-update filtering": tests of its equations and limits.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Numbers;
use proptest::prelude::*;
use stentor_exchange::{BlockMomentum, Error, WeightedMean, digest_f32, short_block_momentum};
use stentor_experiment::{Bmuf, BmufMomentum};

const KINDS: [BmufMomentum; 2] = [BmufMomentum::Classical, BmufMomentum::Nesterov];

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn mean(models: &[Vec<f32>]) -> Vec<f32> {
    let mut mean = WeightedMean::new(models[0].len());
    models.iter().for_each(|m| mean.add(1, m).unwrap());
    mean.finish().unwrap()
}

/// One batch of SGD with momentum on a noisy quadratic.
fn step(model: &mut [f32], velocity: &mut [f32], noise: &[f32]) {
    for ((w, v), n) in model.iter_mut().zip(velocity).zip(noise) {
        *v = 0.9 * *v - 0.01 * (*w - 1.0 + n);
        *w += *v;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn one_worker_without_block_momentum_is_plain_training_bit_for_bit(
        seed in any::<u64>(),
        nesterov in any::<bool>(),
        frames in 1u64..u64::from(u32::MAX),
    ) {
        let mut numbers = Numbers::new(seed);
        let mut plain = numbers.gradient(300, 1.0);
        let mut plain_velocity = vec![0.0; 300];
        // A parameter that never moves keeps even the sign of its zero.
        (plain[7], plain_velocity[7]) = (-0.0, -0.0);
        let mut block = BlockMomentum::new(plain.clone(), KINDS[usize::from(nesterov)]);
        // Momentum is kept: the local optimiser continues across the ends of blocks.
        let mut velocity = plain_velocity.clone();
        for _ in 0..5 {
            let mut model = block.start().to_vec();
            for _ in 0..10 {
                let mut noise = numbers.gradient(300, 1.0);
                noise[7] = 1.0;
                step(&mut plain, &mut plain_velocity, &noise);
                step(&mut model, &mut velocity, &noise);
            }
            let mut average = WeightedMean::new(300);
            average.add(frames, &model).unwrap();
            block.close(&average.finish().unwrap(), 0.0, 1.0).unwrap();
            prop_assert_eq!(bits(block.deployed()), bits(&plain));
            prop_assert_eq!(bits(block.start()), bits(&plain));
            prop_assert_eq!(plain[7].to_bits(), (-0.0f32).to_bits());
        }
    }
}

#[test]
fn without_block_momentum_and_with_a_rate_of_1_it_is_plain_model_averaging() {
    let mut numbers = Numbers::new(1);
    for kind in KINDS {
        let mut block = BlockMomentum::new(numbers.gradient(100, 1.0), kind);
        for _ in 0..3 {
            let models: Vec<Vec<f32>> = (0..4).map(|_| numbers.gradient(100, 1.0)).collect();
            block.close(&mean(&models), 0.0, 1.0).unwrap();
            assert_eq!(bits(block.deployed()), bits(&mean(&models)));
        }
    }
}

/// Returns the gain of W in a block once the filter is steady, in units of what one worker moves.
fn steady_gain(kind: BmufMomentum, workers: usize) -> f64 {
    let eta = Bmuf::default().momentum_for(workers, 0.5);
    let moved = 1.0 / 1024.0;
    let mut block = BlockMomentum::new(vec![0.0; 3], kind);
    let mut last = 0.0;
    for _ in 0..60 * workers {
        last = block.deployed()[0];
        // A constant gradient: every worker moves by the same amount, wherever it starts.
        let models: Vec<Vec<f32>> =
            (0..workers).map(|_| block.start().iter().map(|s| s + moved).collect()).collect();
        block.close(&mean(&models), eta, 1.0).unwrap();
    }
    f64::from(block.deployed()[0] - last) / f64::from(moved)
}

#[test]
fn under_a_constant_gradient_the_steady_gain_is_n() {
    for kind in KINDS {
        for workers in [1, 2, 4, 8, 16] {
            let gain = steady_gain(kind, workers);
            assert!((gain / workers as f64 - 1.0).abs() < 0.01, "{kind:?}, N = {workers}: gain {gain}");
        }
    }
}

#[test]
fn the_look_ahead_point_used_as_the_model_would_gain_1_plus_eta_times_n() {
    // Reproduces the mistake of several public versions by hand, to show that the test above distinguishes the two.
    let (workers, eta) = (8.0, 1.0 - 1.0 / 8.0);
    let (mut w, mut delta, mut gained) = (0f64, 0f64, 0f64);
    for _ in 0..500 {
        let filtered = eta * delta + 1.0;
        gained = filtered + eta * filtered;
        w += gained;
        delta = filtered;
    }
    assert!(w > 0.0 && (gained / workers - (1.0 + eta)).abs() < 1e-6, "gain {gained}");
}

#[test]
fn the_model_and_the_look_ahead_point_are_separate() {
    let close_all = |kind| {
        let mut block = BlockMomentum::new(vec![0.0], kind);
        for _ in 0..2 {
            let model = [block.start()[0] + 1.0];
            block.close(&model, 0.5, 1.0).unwrap();
        }
        (block.deployed()[0], block.delta()[0], block.start()[0])
    };
    // Δ: 1, then 1.5. Classical: W = 1, then 2.5, where the next block starts. Nesterov: W is the same, because G is
    // measured from where the workers started; the next block starts 0.5 · 1.5 ahead of it.
    assert_eq!(close_all(BmufMomentum::Classical), (2.5, 1.5, 2.5));
    assert_eq!(close_all(BmufMomentum::Nesterov), (2.5, 1.5, 3.25));
}

#[test]
fn movement_is_measured_from_where_the_workers_started() {
    for kind in KINDS {
        let mut block = BlockMomentum::new(vec![0.0], kind);
        block.close(&[1.0], 0.75, 1.0).unwrap();
        // Workers that do not move: only the momentum is left.
        let start = block.start().to_vec();
        block.close(&start, 0.75, 1.0).unwrap();
        assert_eq!((block.deployed()[0], block.delta()[0]), (1.75, 0.75), "{kind:?}");
    }
}

#[test]
fn when_members_leave_the_next_block_looks_ahead_with_their_new_momentum() {
    let settings = Bmuf::default();
    let mut block = BlockMomentum::new(vec![0.0], BmufMomentum::Nesterov);
    block.close(&[1.0], settings.momentum_for(4, 0.5), 1.0).unwrap();
    assert_eq!(block.start(), [1.75]);
    block.look_ahead(settings.momentum_for(2, 0.5)).unwrap();
    assert_eq!((block.start(), block.deployed()), ([1.5].as_slice(), [1.0].as_slice()));
    // Δ = 0.5 · 1 + 0.25, W = 1 + Δ.
    block.close(&[1.75], settings.momentum_for(2, 0.5), 1.0).unwrap();
    assert_eq!((block.delta()[0], block.deployed()[0]), (0.75, 1.75));
}

#[test]
fn a_shorter_last_block_is_filtered_with_less_momentum() {
    assert_eq!(short_block_momentum(0.75, 50, 100), 0.375);
    assert_eq!(short_block_momentum(0.75, 100, 100), 0.75);
    assert_eq!(short_block_momentum(0.75, 300, 100), 0.75);
    assert_eq!(short_block_momentum(0.75, 0, 0), 0.75);
    // S was made with η = 0.75, the block is closed with 0.375: W = W + 0.375 Δ + G exactly.
    let mut block = BlockMomentum::new(vec![0.0], BmufMomentum::Nesterov);
    block.close(&[1.0], 0.75, 1.0).unwrap();
    block.close(&[1.75 + 0.25], 0.375, 1.0).unwrap();
    assert_eq!((block.delta()[0], block.deployed()[0]), (0.625, 1.625));
}

#[test]
fn a_block_learning_rate_scales_the_difference_of_the_block() {
    for kind in KINDS {
        let mut block = BlockMomentum::new(vec![2.0], kind);
        block.close(&[3.0], 0.0, 0.5).unwrap();
        assert_eq!((block.deployed()[0], block.delta()[0]), (2.5, 0.5), "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn replicas_and_a_restored_one_have_the_same_bits(
        seed in any::<u64>(),
        nesterov in any::<bool>(),
        saved_at in 0usize..6,
    ) {
        let kind = KINDS[usize::from(nesterov)];
        let mut numbers = Numbers::new(seed);
        let initial = numbers.gradient(40_000, 1.0);
        let mut replicas = [BlockMomentum::new(initial.clone(), kind), BlockMomentum::new(initial, kind)];
        for round in 0..6 {
            if round == saved_at {
                replicas[1] = BlockMomentum::from_parts(replicas[1].parts(), kind).unwrap();
            }
            let models: Vec<Vec<f32>> = (0..3).map(|_| {
                let moved = numbers.gradient(40_000, 0.1);
                replicas[0].start().iter().zip(moved).map(|(s, m)| s + m).collect()
            }).collect();
            let eta = [0.0, 0.5, 2.0 / 3.0][round % 3];
            let zeta = if round == 4 { 0.7 } else { 1.0 };
            for replica in &mut replicas {
                replica.close(&mean(&models), eta, zeta).unwrap();
                prop_assert_eq!(replica.start().len(), 40_000);
            }
            prop_assert_eq!(digest_f32(replicas[0].deployed()), digest_f32(replicas[1].deployed()));
            prop_assert_eq!(digest_f32(replicas[0].start()), digest_f32(replicas[1].start()));
            prop_assert_eq!(digest_f32(replicas[0].delta()), digest_f32(replicas[1].delta()));
        }
    }
}

#[test]
fn rates_out_of_bounds_and_wrong_lengths_are_refused_and_change_nothing() {
    let mut block = BlockMomentum::new(vec![1.0, 2.0], BmufMomentum::Nesterov);
    block.close(&[1.5, 2.5], 0.5, 1.0).unwrap();
    let before = (block.parts(), block.start().to_vec());
    for eta in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(block.close(&[0.0; 2], eta, 1.0), Err(Error::BlockRate { what: "momentum", .. })));
        assert!(matches!(block.look_ahead(eta), Err(Error::BlockRate { .. })));
    }
    for zeta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            block.close(&[0.0; 2], 0.5, zeta),
            Err(Error::BlockRate { what: "learning rate", .. })
        ));
    }
    assert!(matches!(block.close(&[0.0; 3], 0.5, 1.0), Err(Error::Length { expected: 2, found: 3, .. })));
    assert_eq!((block.parts(), block.start().to_vec()), before);
    let mut torn = block.parts();
    torn.delta.pop();
    assert!(matches!(BlockMomentum::from_parts(torn, BmufMomentum::Nesterov), Err(Error::Length { .. })));
}

#[test]
fn a_model_that_is_changed_after_a_block_is_looked_ahead_from_as_one_that_was_put_back() {
    for kind in [BmufMomentum::Classical, BmufMomentum::Nesterov] {
        let mut filter = BlockMomentum::new(vec![0.0, 1.0, -2.0], kind);
        filter.close(&[0.5, 1.25, -2.5], 0.5, 1.0).unwrap();
        filter.change_deployed(|w| w[1] = 0.0);
        assert_eq!(filter.deployed(), [0.5, 0.0, -2.5]);
        let restored = BlockMomentum::from_parts(filter.parts(), kind).unwrap();
        assert_eq!(filter.start(), restored.start(), "{kind:?}");
        let expected = if kind == BmufMomentum::Nesterov { [0.75, 0.125, -2.75] } else { [0.5, 0.0, -2.5] };
        assert_eq!(filter.start(), expected, "{kind:?}");
    }
}
