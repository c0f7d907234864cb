//! BMUF with workers that send their differences in a block, G = θ − S, instead of whole models, as bfloat16 or
//! thresholded, without losing anything.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Numbers;
use proptest::prelude::*;
use stentor_exchange::gtc::{decode_mean, suggest_tau};
use stentor_exchange::{
    BlockMomentum, Encoder, Error, Precision, Reducer, Summation, Tau, decode_dense, digest_f32, encode_bf16,
    encode_dense,
};
use stentor_experiment::{BmufMomentum, BmufWeights};

const VALUES: usize = 2000;
const WORKERS: usize = 4;

/// A run in which each worker pulls its model towards its own target, and keeps what it cannot send.
struct Run {
    filter: BlockMomentum,
    targets: Vec<Vec<f32>>,
    kept: Vec<Vec<f32>>,
    eta: f64,
}

impl Run {
    fn new(seed: u64, kind: BmufMomentum) -> Self {
        let mut numbers = Numbers::new(seed);
        let centre = numbers.gradient(VALUES, 1.0);
        let mut target =
            || numbers.gradient(VALUES, 0.3).iter().zip(&centre).map(|(n, c)| n + c).collect::<Vec<f32>>();
        let targets = (0..WORKERS).map(|_| target()).collect();
        Self {
            filter: BlockMomentum::new(vec![0.0; VALUES], kind),
            targets,
            kept: vec![vec![0.0; VALUES]; WORKERS],
            eta: 0.5,
        }
    }

    /// Returns where a worker ends the block: a fifth of the way to its target.
    fn end(&self, worker: usize) -> Vec<f32> {
        let target = &self.targets[worker];
        self.filter.start().iter().zip(target).map(|(s, t)| s + 0.2 * (t - s)).collect()
    }

    fn close(&mut self, reducer: &mut Reducer) {
        let payload = reducer.finish().unwrap().payload;
        self.filter.close_delta(&decode_dense(&payload, VALUES).unwrap(), self.eta, 1.0).unwrap();
    }

    fn whole_models(&mut self) {
        let mut reducer = Reducer::new(&Summation::mean(BmufWeights::Equal), VALUES);
        for worker in 0..WORKERS {
            reducer.add(worker as u32, 9, &encode_dense(&self.end(worker))).unwrap();
        }
        let mean = decode_dense(&reducer.finish().unwrap().payload, VALUES).unwrap();
        self.filter.close(&mean, self.eta, 1.0).unwrap();
    }

    fn bf16(&mut self) {
        let spec = Summation::Mean { weights: BmufWeights::Frames, precision: Precision::Bf16 };
        let mut reducer = Reducer::new(&spec, VALUES);
        for worker in 0..WORKERS {
            let moved = self.filter.moved(&self.end(worker)).unwrap();
            let mut next = vec![0.0; VALUES];
            let payload = encode_bf16(&moved, &self.kept[worker], &mut next).unwrap();
            assert_eq!(payload.len(), 2 * VALUES);
            reducer.add(worker as u32, 9, &payload).unwrap();
            self.kept[worker] = next;
        }
        self.close(&mut reducer);
    }

    fn threshold(&mut self, density: f64) -> usize {
        let moved: Vec<Vec<f32>> = (0..WORKERS).map(|w| self.filter.moved(&self.end(w)).unwrap()).collect();
        let asked: Vec<f32> =
            moved.iter().zip(&self.kept).filter_map(|(m, k)| suggest_tau(m, k, density)).collect();
        let tau = Tau::agreed(&asked).unwrap();
        let mut reducer = Reducer::new(&Summation::Signs { tau }, VALUES);
        let mut bytes = 0;
        for (worker, moved) in moved.iter().enumerate() {
            let (mut next, mut payload) = (vec![0.0; VALUES], Vec::new());
            Encoder::new().encode(moved, &self.kept[worker], tau, None, &mut next, &mut payload).unwrap();
            bytes += payload.len();
            reducer.add(worker as u32, 9, &payload).unwrap();
            self.kept[worker] = next;
        }
        let mut mean = vec![0.0; VALUES];
        decode_mean(&reducer.finish().unwrap().payload, &mut mean).unwrap();
        self.filter.close_delta(&mean, self.eta, 1.0).unwrap();
        bytes
    }

    /// Returns the distance of W from the mean of the workers' targets.
    fn distance(&self) -> f64 {
        let mean = |i: usize| self.targets.iter().map(|t| f64::from(t[i])).sum::<f64>() / WORKERS as f64;
        let square = |(i, &w): (usize, &f32)| (f64::from(w) - mean(i)).powi(2);
        (self.filter.deployed().iter().enumerate().map(square).sum::<f64>() / VALUES as f64).sqrt()
    }
}

const KINDS: [BmufMomentum; 2] = [BmufMomentum::Classical, BmufMomentum::Nesterov];

#[test]
fn half_the_bytes_lead_to_the_same_model() {
    for kind in KINDS {
        let (mut whole, mut half) = (Run::new(1, kind), Run::new(1, kind));
        for _ in 0..60 {
            whole.whole_models();
            half.bf16();
        }
        assert!(whole.distance() < 1e-4, "{kind:?}: {}", whole.distance());
        assert!(half.distance() < 5e-4, "{kind:?}: {}", half.distance());
    }
}

#[test]
fn a_tenth_of_the_values_comes_near_because_the_rest_is_kept() {
    for kind in KINDS {
        let mut run = Run::new(2, kind);
        let at_first = run.distance();
        let mut bytes = 0;
        for _ in 0..150 {
            bytes += run.threshold(0.1);
        }
        assert!(run.distance() < 0.1 * at_first, "{kind:?}: {} of {at_first}", run.distance());
        assert!(bytes < 150 * WORKERS * VALUES / 4, "{bytes} bytes, a sixteenth of whole models");
    }
}

#[test]
fn with_exact_numbers_differences_and_whole_models_agree() {
    // Sums of small powers of two are exact, so S + G is the mean of models.
    for kind in KINDS {
        let (mut models, mut moves) =
            (BlockMomentum::new(vec![1.0], kind), BlockMomentum::new(vec![1.0], kind));
        for moved in [0.5f32, -0.25, 2.0, 0.125] {
            let end = models.start()[0] + moved;
            assert_eq!(moves.moved(&[end]).unwrap(), [moved]);
            models.close(&[end], 0.5, 1.0).unwrap();
            moves.close_delta(&[moved], 0.5, 1.0).unwrap();
            assert_eq!(models.parts(), moves.parts());
            assert_eq!(models.start(), moves.start());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn replicas_have_the_same_bits(seed in any::<u64>(), nesterov in any::<bool>()) {
        let kind = KINDS[usize::from(nesterov)];
        let mut numbers = Numbers::new(seed);
        let initial = numbers.gradient(40_000, 1.0);
        let mut replicas = [BlockMomentum::new(initial.clone(), kind), BlockMomentum::new(initial, kind)];
        for eta in [0.0, 0.5, 0.75] {
            let moved = numbers.gradient(40_000, 0.1);
            for replica in &mut replicas {
                replica.close_delta(&moved, eta, 0.9).unwrap();
            }
            prop_assert_eq!(digest_f32(replicas[0].deployed()), digest_f32(replicas[1].deployed()));
            prop_assert_eq!(digest_f32(replicas[0].start()), digest_f32(replicas[1].start()));
            replicas[1] = BlockMomentum::from_parts(replicas[1].parts(), kind).unwrap();
        }
    }

    #[test]
    fn random_bytes_leave_the_block_unchanged(payload in prop::collection::vec(any::<u8>(), 0..30)) {
        let spec = Summation::Mean { weights: BmufWeights::Frames, precision: Precision::Bf16 };
        let mut reducer = Reducer::new(&spec, 9);
        let good = encode_bf16(&[1.5; 9], &[0.0; 9], &mut [0.0; 9]).unwrap();
        reducer.add(0, 5, &good).unwrap();
        let before = reducer.finish().unwrap();
        prop_assert_eq!(&before.payload, &encode_dense(&[1.5; 9]));
        if reducer.add(1, 7, &payload).is_err() {
            prop_assert_eq!(reducer.finish().unwrap(), before);
        } else {
            prop_assert_eq!(payload.len(), 18);
        }
    }
}

#[test]
fn differences_are_weighted_by_frames_or_equally() {
    for (weights, expected) in [(BmufWeights::Frames, 4.0), (BmufWeights::Equal, 3.0)] {
        for precision in [Precision::F32, Precision::Bf16] {
            let mut reducer = Reducer::new(&Summation::Mean { weights, precision }, 1);
            for (slot, frames, moved) in [(0, 100, 1.0), (1, 300, 5.0)] {
                let payload = match precision {
                    Precision::F32 => encode_dense(&[moved]),
                    Precision::Bf16 => encode_bf16(&[moved], &[0.0], &mut [0.0]).unwrap(),
                };
                reducer.add(slot, frames, &payload).unwrap();
            }
            let reduction = reducer.finish().unwrap();
            assert_eq!(decode_dense(&reduction.payload, 1).unwrap(), [expected], "{weights:?} {precision:?}");
        }
    }
}

#[test]
fn a_block_with_another_length_or_an_invalid_rate_is_refused_and_changes_nothing() {
    let mut block = BlockMomentum::new(vec![1.0, 2.0], BmufMomentum::Nesterov);
    block.close_delta(&[0.5, 0.5], 0.5, 1.0).unwrap();
    let before = (block.parts(), block.start().to_vec());
    assert!(matches!(
        block.close_delta(&[0.0; 3], 0.5, 1.0),
        Err(Error::Length { expected: 2, found: 3, .. })
    ));
    assert!(matches!(block.close_delta(&[0.0; 2], 1.0, 1.0), Err(Error::BlockRate { what: "momentum", .. })));
    assert!(matches!(
        block.close_delta(&[0.0; 2], 0.5, 0.0),
        Err(Error::BlockRate { what: "learning rate", .. })
    ));
    assert!(matches!(block.moved(&[0.0; 3]), Err(Error::Length { .. })));
    assert_eq!((block.parts(), block.start().to_vec()), before);
}
