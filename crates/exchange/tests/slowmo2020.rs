//! Wang et al. 2020, "SlowMo: improving communication-efficient distributed SGD with slow momentum", algorithm 1 with
//! local SGD: what `preset = "slowmo"` has in common with it, and what differs.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Numbers;
use stentor_exchange::BlockMomentum;
use stentor_experiment::{BlockMoments, BlockPreset, BmufMomentum, BmufWeights};

/// The paper's algorithm in its own notation: u is in units of gradients.
struct SlowMo {
    x: f64,
    u: f64,
}

impl SlowMo {
    fn close(&mut self, mean: f64, gamma: f64, beta: f64, alpha: f64) {
        self.u = beta * self.u + (self.x - mean) / gamma;
        self.x -= alpha * gamma * self.u;
    }
}

/// Returns the movement of a worker in a block: 12 steps of SGD at rate `gamma` towards 3, with noise.
fn trained(start: f64, gamma: f64, numbers: &mut Numbers) -> f64 {
    (0..12).fold(start, |x, _| x - gamma * (x - 3.0 + numbers.uniform() - 0.5))
}

#[test]
fn the_preset_has_the_papers_settings() {
    let preset = BlockPreset::Slowmo.settings();
    assert_eq!((preset.momentum, preset.learning_rate), (Some(0.7), 1.0), "β and α");
    assert_eq!((preset.kind, preset.moments), (BmufMomentum::Classical, BlockMoments::Reset));
    assert_eq!(preset.weights, BmufWeights::Equal, "an unweighted mean");
}

#[test]
fn with_a_constant_learning_rate_block_momentum_is_slow_momentum() {
    for alpha in [1.0, 0.5] {
        let beta = BlockPreset::Slowmo.settings().momentum.unwrap();
        let mut numbers = Numbers::new(1);
        let (mut paper, gamma) = (SlowMo { x: 0.0, u: 0.0 }, 0.02);
        let mut block = BlockMomentum::new(vec![0.0], BmufMomentum::Classical);
        for _ in 0..50 {
            let end = trained(f64::from(block.start()[0]), gamma, &mut numbers);
            let moved = end - f64::from(block.start()[0]);
            paper.close(paper.x + moved, gamma, beta, alpha);
            block.close(&[end as f32], beta, alpha).unwrap();
            assert!((f64::from(block.deployed()[0]) - paper.x).abs() < 1e-5, "W is x");
            assert!((f64::from(block.delta()[0]) + alpha * gamma * paper.u).abs() < 1e-5, "Δ is −αγu");
            assert_eq!(block.start(), block.deployed(), "workers start at x");
        }
    }
}

#[test]
fn when_the_learning_rate_changes_the_paper_rescales_its_momentum_and_block_momentum_does_not() {
    let beta = 0.7;
    let (mut paper, mut same, mut rescaled) = (
        SlowMo { x: 0.0, u: 0.0 },
        BlockMomentum::new(vec![0.0], BmufMomentum::Classical),
        BlockMomentum::new(vec![0.0], BmufMomentum::Classical),
    );
    let mut before = 0.1;
    let mut largest_gap = 0f64;
    for block in 0..30 {
        let gamma = if block < 15 { 0.1 } else { 0.05 };
        let moved = gamma * (1.0 + f64::from(block % 3));
        paper.close(paper.x + moved, gamma, beta, 1.0);
        same.close_delta(&[moved as f32], beta, 1.0).unwrap();
        // The paper's rule in the filter's notation: η = β·γ/γ′.
        rescaled.close_delta(&[moved as f32], beta * gamma / before, 1.0).unwrap();
        assert!((f64::from(rescaled.deployed()[0]) - paper.x).abs() < 1e-5);
        largest_gap = largest_gap.max((f64::from(same.deployed()[0]) - paper.x).abs());
        before = gamma;
    }
    // Half of the momentum's total effect β/(1 − β)·Δ at the drop, and not more.
    assert!((0.1..1.0).contains(&largest_gap), "{largest_gap}");
}
