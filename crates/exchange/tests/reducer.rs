//! The reducer: contributions by slot in, one update out.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Numbers;
use proptest::prelude::*;
use stentor_exchange::gtc::{decode_counts, encode};
use stentor_exchange::{Error, Reducer, Summation, Tau, WeightedMean, decode_dense, encode_dense};
use stentor_experiment::BmufWeights;

const TAU: f32 = 0.5;

fn threshold() -> Summation {
    Summation::Signs { tau: Tau::exact(TAU).unwrap() }
}

/// Returns a contribution that sends the signs of `signs`.
fn signs(signs: &[i32], tau: f32) -> Vec<u8> {
    let update: Vec<f32> = signs.iter().map(|&n| n as f32 * tau).collect();
    let (mut next, mut message) = (vec![0.0; signs.len()], Vec::new());
    encode(&update, &vec![0.0; signs.len()], Tau::exact(tau).unwrap(), None, &mut next, &mut message)
        .unwrap();
    message
}

fn finite() -> impl Strategy<Value = f32> {
    prop_oneof![any::<f32>().prop_filter("finite", |v| v.is_finite()), Just(-0.0f32)]
}

proptest! {
    #[test]
    fn the_mean_of_one_contribution_is_itself_bit_for_bit(
        values in prop::collection::vec(finite(), 0..100),
        frames in 1u64..,
    ) {
        let specs = [
            Summation::mean(BmufWeights::Frames),
            Summation::mean(BmufWeights::Equal),
            Summation::mean(BmufWeights::Frames),
        ];
        for spec in specs {
            let mut reducer = Reducer::new(&spec, values.len());
            reducer.add(0, frames, &encode_dense(&values)).unwrap();
            prop_assert_eq!(reducer.finish().unwrap().payload, encode_dense(&values));
        }
    }

    #[test]
    fn random_bytes_leave_the_round_unchanged(
        payload in prop::collection::vec(any::<u8>(), 0..60),
        block in any::<bool>(),
    ) {
        let spec = if block { Summation::mean(BmufWeights::Frames) } else { threshold() };
        let good = if block { encode_dense(&[1.0; 9]) } else { signs(&[1; 9], TAU) };
        let mut reducer = Reducer::new(&spec, 9);
        reducer.add(0, 5, &good).unwrap();
        let before = reducer.finish().unwrap();
        if reducer.add(1, 7, &payload).is_err() {
            prop_assert_eq!(reducer.finish().unwrap(), before);
            // The slot was not used: its member may send again, or be dropped.
            reducer.add(1, 5, &good).unwrap();
        }
    }
}

#[test]
fn gradients_are_weighted_by_frames() {
    let mut reducer = Reducer::new(&Summation::mean(BmufWeights::Frames), 2);
    reducer.add(0, 100, &encode_dense(&[1.0, -3.0])).unwrap();
    reducer.add(1, 300, &encode_dense(&[5.0, 1.0])).unwrap();
    let reduction = reducer.finish().unwrap();
    assert_eq!(decode_dense(&reduction.payload, 2).unwrap(), [4.0, 0.0]);
    assert_eq!((reduction.contributors, reduction.frames, reduction.nonzero), (2, 400, 2));
    assert_eq!(reduction.residual_norm, None);
}

#[test]
fn models_are_weighted_by_frames_or_equally() {
    for (weights, expected) in [(BmufWeights::Frames, 4.0), (BmufWeights::Equal, 3.0)] {
        let mut reducer = Reducer::new(&Summation::mean(weights), 1);
        reducer.add(0, 100, &encode_dense(&[1.0])).unwrap();
        reducer.add(1, 300, &encode_dense(&[5.0])).unwrap();
        assert_eq!(decode_dense(&reducer.finish().unwrap().payload, 1).unwrap(), [expected], "{weights:?}");
    }
}

#[test]
fn signs_are_summed_and_their_contributors_counted() {
    let mut reducer = Reducer::new(&threshold(), 4);
    reducer.add(0, 10, &signs(&[1, 1, 0, -1], TAU)).unwrap();
    reducer.add(3, 1000, &signs(&[1, -1, 0, 0], TAU)).unwrap();
    let reduction = reducer.finish().unwrap();
    let (header, counts) = decode_counts(&reduction.payload, 4).unwrap();
    assert_eq!(counts, [2, 0, 0, -1]);
    assert_eq!((header.divisor, header.tau.get(), reduction.nonzero), (2, TAU, 2));
}

#[test]
fn a_slot_without_frames_counts_for_nothing() {
    for spec in [Summation::mean(BmufWeights::Frames), Summation::mean(BmufWeights::Equal)] {
        let mut reducer = Reducer::new(&spec, 1);
        reducer.add(0, 7, &encode_dense(&[2.0])).unwrap();
        reducer.add(1, 0, &encode_dense(&[9.0])).unwrap();
        reducer.add(2, 0, &[]).unwrap();
        let reduction = reducer.finish().unwrap();
        assert_eq!(decode_dense(&reduction.payload, 1).unwrap(), [2.0]);
        assert_eq!((reduction.contributors, reduction.frames), (1, 7));
    }
    let mut reducer = Reducer::new(&threshold(), 1);
    reducer.add(0, 7, &signs(&[1], TAU)).unwrap();
    reducer.add(1, 0, &signs(&[1], TAU)).unwrap();
    let (header, counts) = decode_counts(&reducer.finish().unwrap().payload, 1).unwrap();
    assert_eq!((header.divisor, counts), (1, vec![1]), "c is 1: the mean is not halved");
}

#[test]
fn a_round_without_a_frame_has_no_update() {
    for spec in [Summation::mean(BmufWeights::Frames), threshold()] {
        let mut reducer = Reducer::new(&spec, 3);
        assert_eq!(reducer.finish(), Err(Error::NothingToReduce));
        reducer.add(0, 0, &[]).unwrap();
        assert_eq!(reducer.finish(), Err(Error::NothingToReduce));
    }
}

#[test]
fn slots_come_in_order_and_once() {
    let mut reducer = Reducer::new(&Summation::mean(BmufWeights::Frames), 1);
    reducer.add(2, 1, &encode_dense(&[1.0])).unwrap();
    for slot in [0, 1, 2] {
        let refused = reducer.add(slot, 1, &encode_dense(&[1.0]));
        assert_eq!(refused, Err(Error::SlotOrder { previous: 2, found: slot }));
    }
    assert_eq!(reducer.add(1, 0, &[]), Err(Error::SlotOrder { previous: 2, found: 1 }), "without frames too");
    reducer.add(3, 1, &encode_dense(&[1.0])).unwrap();
}

#[test]
fn a_gradient_that_is_not_finite_is_named_and_leaves_the_round_unchanged() {
    let mut reducer = Reducer::new(&Summation::mean(BmufWeights::Frames), 100_000);
    reducer.add(0, 1, &encode_dense(&vec![1.0; 100_000])).unwrap();
    let mut bad = vec![5.0; 100_000];
    bad[99_999] = f32::NAN;
    let refused = reducer.add(1, 1, &encode_dense(&bad)).unwrap_err();
    assert!(matches!(refused, Error::NonFinite { index: 99_999, .. }), "{refused}");
    assert_eq!(reducer.finish().unwrap().payload, encode_dense(&vec![1.0; 100_000]));
}

#[test]
fn a_contribution_with_another_threshold_or_that_is_a_sum_is_refused() {
    let mut reducer = Reducer::new(&threshold(), 2);
    let refused = reducer.add(4, 1, &signs(&[1, 0], 0.25));
    assert_eq!(refused, Err(Error::TauMismatch { slot: 4, expected: TAU, found: 0.25 }));
    let mut sum = Vec::new();
    stentor_exchange::gtc::encode_counts(&[2, 0], Tau::exact(TAU).unwrap(), 2, &mut sum).unwrap();
    assert!(matches!(reducer.add(4, 1, &sum), Err(Error::Header { field: "divisor", found: 2, .. })));
    assert!(matches!(reducer.add(4, 1, &signs(&[1, 0, 0], TAU)), Err(Error::Length { .. })));
}

#[test]
fn a_round_can_be_started_again_with_any_encoding() {
    let specs = [Summation::mean(BmufWeights::Frames), threshold(), Summation::mean(BmufWeights::Equal)];
    let payload = |spec: &Summation| match spec {
        Summation::Signs { .. } => signs(&[1, -1], TAU),
        _ => encode_dense(&[0.5, -0.0]),
    };
    for first in &specs {
        for second in &specs {
            let mut reused = Reducer::new(first, 2);
            reused.add(5, 3, &payload(first)).unwrap();
            reused.restart(second);
            assert_eq!(reused.finish(), Err(Error::NothingToReduce));
            reused.add(0, 3, &payload(second)).unwrap();
            let mut fresh = Reducer::new(second, 2);
            fresh.add(0, 3, &payload(second)).unwrap();
            assert_eq!(reused.finish().unwrap(), fresh.finish().unwrap(), "{first:?} then {second:?}");
        }
    }
}

#[test]
fn an_overflow_of_frames_is_refused() {
    let mut reducer = Reducer::new(&Summation::mean(BmufWeights::Frames), 1);
    reducer.add(0, u64::MAX, &encode_dense(&[1.0])).unwrap();
    assert!(matches!(reducer.add(1, 1, &encode_dense(&[1.0])), Err(Error::Overflow { .. })));
    assert_eq!(decode_dense(&reducer.finish().unwrap().payload, 1).unwrap(), [1.0]);
}

#[test]
fn sums_of_floats_in_slot_order_do_not_depend_on_threads() {
    const LEN: usize = 300_001;
    let mut numbers = Numbers::new(3);
    let vectors: Vec<Vec<f32>> = (0..5).map(|_| numbers.gradient(LEN, 1.0)).collect();
    let sum = || {
        let mut mean = WeightedMean::new(LEN);
        (1u64..).zip(&vectors).for_each(|(weight, v)| mean.add(weight, v).unwrap());
        encode_dense(&mean.finish().unwrap())
    };
    let with_threads = |threads| rayon_pool(threads).install(sum);
    assert_eq!(with_threads(1), with_threads(4));
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}
