//! Douillard et al. 2023, "DiLoCo: distributed low-communication training of language models", algorithm 1 with
//! Nesterov's momentum as the outer optimiser: what `preset = "diloco"` has in common with it, and what differs.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Numbers;
use stentor_exchange::{BlockMomentum, WeightedMean};
use stentor_experiment::{BlockMoments, BlockPreset, BmufMomentum, BmufWeights};

/// The outer optimiser as PyTorch's SGD with `nesterov=True` computes it, in `f64`.
struct Outer {
    theta: f64,
    b: f64,
}

impl Outer {
    fn step(&mut self, g: f64, mu: f64, lambda: f64) {
        self.b = mu * self.b + g;
        self.theta -= lambda * (g + mu * self.b);
    }
}

#[test]
fn the_preset_has_the_papers_settings() {
    let preset = BlockPreset::Diloco.settings();
    assert_eq!((preset.momentum, preset.learning_rate, preset.block), (Some(0.9), 0.7, 500), "μ, λ and H");
    assert_eq!((preset.kind, preset.moments), (BmufMomentum::Nesterov, BlockMoments::Keep));
    assert_eq!(preset.weights, BmufWeights::Equal, "an unweighted mean");
}

#[test]
fn workers_start_every_block_where_diloco_starts_them() {
    let preset = BlockPreset::Diloco.settings();
    let (mu, lambda) = (preset.momentum.unwrap(), preset.learning_rate);
    let mut numbers = Numbers::new(4);
    let mut paper = Outer { theta: 0.0, b: 0.0 };
    let mut block = BlockMomentum::new(vec![0.0], preset.kind);
    for _ in 0..60 {
        // Eight workers, each moving from θ to another point.
        let moves: Vec<f64> = (0..8).map(|_| numbers.uniform() - 0.3).collect();
        let g = -moves.iter().sum::<f64>() / 8.0;
        let mut mean = WeightedMean::new(1);
        for moved in moves {
            mean.add(1, &[block.start()[0] + moved as f32]).unwrap();
        }
        paper.step(g, mu, lambda);
        block.close(&mean.finish().unwrap(), mu, lambda).unwrap();
        assert!((f64::from(block.start()[0]) - paper.theta).abs() < 1e-4, "S is θ");
        assert!((f64::from(block.delta()[0]) + lambda * paper.b).abs() < 1e-4, "Δ is −λb");
        // The deployed model is not θ but the point behind it.
        let behind = paper.theta + mu * lambda * paper.b;
        assert!((f64::from(block.deployed()[0]) - behind).abs() < 1e-4, "W is θ − ηΔ");
    }
}
