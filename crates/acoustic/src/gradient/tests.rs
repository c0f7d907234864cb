use super::*;
use crate::batch::{Chunk, Labels, SoftLabels};
use crate::families::build;
use crate::objective::{HardLabels, machine_labeled_objective};
use crate::optimizer::{build_optimizer, clip_to_norm};
use crate::random::Stream;
use crate::shape::ModelShape;
use stentor_experiment::{Lstm, Optimizer};
use stentor_inventory::SenoneId;
use tch::Device;

const INPUTS: usize = 3;
const LENGTHS: [usize; 4] = [9, 4, 9, 6];

fn shape(bidirectional: bool) -> ModelShape {
    let lstm = Lstm { layers: 2, width: 16, bidirectional, ..Lstm::default() };
    ModelShape::new(&lstm.into(), INPUTS, 4).unwrap()
}

/// Features, and labels that depend on them: the senone is the index of the largest feature two frames earlier.
fn example(shape: &ModelShape, seed: u64) -> Batch {
    let stream = Stream::new(seed, "example");
    let features: Vec<Vec<f32>> = LENGTHS
        .iter()
        .zip(0u64..)
        .map(|(&len, u)| (0..(len * INPUTS) as u64).map(|n| stream.uniform(u * 1000 + n, 1.0)).collect())
        .collect();
    let largest = |frame: &[f32]| (0..INPUTS).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap() as u16;
    let hard: Vec<Vec<u16>> = features
        .iter()
        .map(|f| {
            [3, 3].into_iter().chain(f.chunks_exact(INPUTS).map(largest)).take(f.len() / INPUTS).collect()
        })
        .collect();
    let ids: Vec<Vec<u16>> =
        hard.iter().map(|h| h.iter().flat_map(|&s| [s, (s + 1) % 4]).collect()).collect();
    let probabilities: Vec<Vec<f32>> = hard.iter().map(|h| [0.8, 0.1].repeat(h.len())).collect();
    let chunks: Vec<Chunk<'_>> = (0..LENGTHS.len())
        .map(|n| {
            let ids = SenoneId::of_column(&ids[n]);
            let soft = SoftLabels { k: 2, ids, probabilities: &probabilities[n] };
            let labels = Labels::HardAndSoft { hard: SenoneId::of_column(&hard[n]), soft };
            Chunk { features: &features[n], left: 0, right: 0, labels }
        })
        .collect();
    Batch::pack(&chunks, shape.frames(), Device::Cpu).unwrap()
}

/// Trains a fresh model; returns its parameters and the last batch's score.
fn train(shape: &ModelShape, steps: u64) -> (Vec<f32>, Score) {
    let model = build(shape, 1, Device::Cpu).unwrap();
    let settings = Optimizer::default();
    let mut optimizer = build_optimizer(&settings, model.parameters().len(), Device::Cpu);
    let objective = machine_labeled_objective(&stentor_experiment::Objective::default());
    let mut last = None;
    for step in 0..steps {
        let batch = example(shape, step % 8);
        last =
            Some(mean_gradient(model.as_ref(), &batch, objective.as_ref(), &Conditions::default()).unwrap());
        clip_to_norm(model.parameters().gradient(), settings.clip_norm).unwrap();
        let step = optimizer.update(model.parameters().gradient(), 0.02).unwrap();
        model.parameters().add(&step).unwrap();
    }
    (model.parameters().to_host(), last.unwrap())
}

#[test]
fn two_models_with_one_seed_have_the_same_bits_after_the_same_steps() {
    crate::set_threads(1).unwrap();
    for bidirectional in [false, true] {
        let shape = shape(bidirectional);
        let (first, second) = (train(&shape, 20), train(&shape, 20));
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&first.0), bits(&second.0));
        assert_eq!(first.1, second.1);
    }
}

#[test]
fn a_student_learns_labels_that_depend_on_its_input() {
    let (_, score) = train(&shape(false), 300);
    assert_eq!(score.frames, LENGTHS.iter().sum::<usize>() as i64);
    assert!(score.correct as f64 / score.frames as f64 > 0.9, "{score:?}");
}

#[test]
fn the_gradient_is_that_of_the_mean_and_replaces_the_previous_one() {
    let shape = shape(false);
    let model = build(&shape, 1, Device::Cpu).unwrap();
    let batch = example(&shape, 1);
    let first = mean_gradient(model.as_ref(), &batch, &HardLabels, &Conditions::default()).unwrap();
    let gradient = model.parameters().gradient_host();
    assert_eq!(mean_gradient(model.as_ref(), &batch, &HardLabels, &Conditions::default()).unwrap(), first);
    assert_eq!(model.parameters().gradient_host(), gradient);
    // A small step along the negative gradient lowers the mean loss by the gradient's squared norm times the step.
    let rate = 1e-2;
    model.parameters().add(&(model.parameters().gradient() * -rate)).unwrap();
    let after = mean_gradient(model.as_ref(), &batch, &HardLabels, &Conditions::default()).unwrap();
    let square: f64 = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
    let ratio = (first.mean_loss() - after.mean_loss()) / (rate * square);
    assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
}

#[test]
fn a_model_that_has_diverged_gives_a_score_that_is_not_finite() {
    let shape = shape(false);
    let model = build(&shape, 1, Device::Cpu).unwrap();
    let mut values = model.parameters().to_host();
    values[0] = f32::NAN;
    model.parameters().load_host(&values).unwrap();
    let score =
        mean_gradient(model.as_ref(), &example(&shape, 1), &HardLabels, &Conditions::default()).unwrap();
    assert!(!score.is_finite());
    assert!(!clip_to_norm(model.parameters().gradient(), 1.0).unwrap().is_finite());
}
