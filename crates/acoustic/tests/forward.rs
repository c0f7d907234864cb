//! The forward pass without libtorch (`stentor-forward`) against this crate's: the same models, the same frames.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use stentor_acoustic::random::Stream;
use stentor_acoustic::{
    AcousticModel, Batch, Chunk, Conditions, Device, HardLabels, Labels, ModelShape, NamedValues, Tensor,
    build, build_optimizer, clip_to_norm, log_posteriors, mean_gradient,
};
use stentor_experiment::{Lstm, Optimizer};
use stentor_forward::Network;
use stentor_inventory::SenoneId;

/// How far logits may be apart.
const BOUND: f32 = 1e-4;

fn values(count: usize, seed: u64, bound: f32) -> Vec<f32> {
    let stream = Stream::new(seed, "values");
    (0..count as u64).map(|n| stream.uniform(n, bound)).collect()
}

fn shape(layers: u32, width: u32, bidirectional: bool, inputs: usize, senones: usize) -> ModelShape {
    let lstm = Lstm { layers, width, bidirectional, ..Lstm::default() };
    ModelShape::new(&lstm.into(), inputs, senones).unwrap()
}

fn network(model: &dyn AcousticModel) -> Network {
    let ModelShape { architecture, inputs, senones } = model.shape();
    let tensors = model.parameters().tensors();
    Network::new(architecture, *inputs, *senones, tensors.iter().map(NamedValues::as_slices)).unwrap()
}

/// The logits of an utterance by libtorch.
fn logits(model: &dyn AcousticModel, features: &[f32]) -> Vec<f32> {
    let frames = features.len() / model.shape().inputs;
    let size = [1, frames as i64, model.shape().inputs as i64];
    let input = Tensor::from_slice(features).view(size);
    let outputs = stentor_acoustic::tch::no_grad(|| model.forward(&input, &[frames as i64])).unwrap();
    Vec::try_from(outputs.logits.view([-1])).unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Trains a model whose senone is the index of the largest of the first inputs of the frame before.
fn trained(shape: &ModelShape, steps: u64) -> Box<dyn AcousticModel> {
    trained_on(shape, steps, -1)
}

/// The index of the largest of the first inputs of the frame `later` after each; 0 where there is none.
fn largest(features: &[f32], shape: &ModelShape, later: isize) -> Vec<u16> {
    let largest = |frame: &[f32]| {
        (0..shape.senones).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap_or_default() as u16
    };
    let frames: Vec<u16> = features.chunks_exact(shape.inputs).map(largest).collect();
    let of = |frame: usize| frame.checked_add_signed(later).and_then(|at| frames.get(at).copied());
    (0..frames.len()).map(|frame| of(frame).unwrap_or_default()).collect()
}

/// Trains a model whose senone is the index of the largest of the first inputs of the frame `later` after.
fn trained_on(shape: &ModelShape, steps: u64, later: isize) -> Box<dyn AcousticModel> {
    let model = build(shape, 1, Device::Cpu).unwrap();
    let mut optimizer = build_optimizer(&Optimizer::default(), model.parameters().len(), Device::Cpu);
    for step in 0..steps {
        let features = values(40 * shape.inputs, step, 2.0);
        let ids = largest(&features, shape, later);
        let labels = Labels::Hard(SenoneId::of_column(&ids));
        let chunk = Chunk { features: &features, left: 0, right: 0, labels };
        let batch = Batch::pack(&[chunk], shape.frames(), Device::Cpu).unwrap();
        let score = mean_gradient(model.as_ref(), &batch, &HardLabels, &Conditions::default()).unwrap();
        assert!(score.is_finite());
        clip_to_norm(model.parameters().gradient(), 1.0).unwrap();
        let update = optimizer.update(model.parameters().gradient(), 0.01).unwrap();
        model.parameters().add(&update).unwrap();
    }
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn logits_of_any_model_are_within_1e_4_of_those_of_libtorch(
        (layers, width, both) in (1u32..5, 8u32..70, any::<bool>()),
        (inputs, senones, frames) in (1usize..40, 2usize..150, 1usize..90),
        seed: u64,
    ) {
        let model = build(&shape(layers, width, both, inputs, senones), seed, Device::Cpu).unwrap();
        let features = values(frames * inputs, seed, 3.0);
        let network = network(model.as_ref());
        let difference = largest_difference(&network.logits(&features).unwrap(), &logits(model.as_ref(), &features));
        prop_assert!(difference < BOUND, "{}", difference);
        let theirs = log_posteriors(model.as_ref(), &[&features]).unwrap().remove(0);
        let difference = largest_difference(&network.log_posteriors(&features).unwrap(), &theirs);
        prop_assert!(difference < BOUND, "{}", difference);
    }
}

#[test]
fn logits_of_a_trained_model_are_within_1e_4_of_those_of_libtorch_frame_by_frame_too() {
    for both in [false, true] {
        let shape = shape(3, 48, both, 24, 12);
        let model = trained(&shape, 300);
        let network = network(model.as_ref());
        let features = values(400 * 24, 7, 2.0);
        let (ours, theirs) = (network.logits(&features).unwrap(), logits(model.as_ref(), &features));
        // Training has made the logits large: an untrained model's are below 1.
        let largest = theirs.iter().fold(0.0_f32, |largest, logit| largest.max(logit.abs()));
        assert!(largest > 2.0, "{largest}");
        let difference = largest_difference(&ours, &theirs);
        assert!(difference < BOUND, "{difference}");
        if both {
            continue;
        }
        let (mut stream, mut posteriors) = (network.stream().unwrap(), Vec::new());
        features.chunks_exact(24).for_each(|frame| stream.push(frame, &mut posteriors).unwrap());
        let theirs = log_posteriors(model.as_ref(), &[&features]).unwrap().remove(0);
        let difference = largest_difference(&posteriors, &theirs);
        assert!(difference < BOUND, "{difference}");
    }
}

/// The next frame decides, so a model that has not heard it can only guess. Training, evaluation and the forward pass without libtorch
/// agree about what the outputs mean.
#[test]
fn only_a_model_with_look_ahead_learns_what_the_next_frame_decides() {
    let right = |look_ahead: u32| {
        let lstm = Lstm { layers: 1, width: 32, look_ahead, ..Lstm::default() };
        let shape = ModelShape::new(&lstm.into(), 6, 4).unwrap();
        let model = trained_on(&shape, 300, 1);
        let features = values(500 * 6, 77, 2.0);
        let theirs = log_posteriors(model.as_ref(), &[&features]).unwrap().remove(0);
        let ours = network(model.as_ref()).log_posteriors(&features).unwrap();
        assert!(largest_difference(&ours, &theirs) < BOUND);
        let best = |row: &[f32]| (0..4).max_by(|&a: &usize, &b| row[a].total_cmp(&row[b])).unwrap() as u16;
        let found = ours.chunks_exact(4).map(best);
        found.zip(largest(&features, &shape, 1)).filter(|(found, right)| found == right).count()
    };
    let (blind, ahead) = (right(0), right(1));
    assert!(blind < 200, "{blind} of 500");
    assert!(ahead > 450, "{ahead} of 500");
}

#[test]
fn the_published_student_is_within_1e_4_of_libtorch() {
    let lstm = Lstm { preset: Some(stentor_experiment::Preset::Student24M), ..Lstm::default() };
    let shape = ModelShape::new(&lstm.into(), 192, 3_000).unwrap();
    let model = build(&shape, 3, Device::Cpu).unwrap();
    let features = values(30 * 192, 11, 3.0);
    let ours = network(model.as_ref()).logits(&features).unwrap();
    let difference = largest_difference(&ours, &logits(model.as_ref(), &features));
    assert!(difference < BOUND, "{difference}");
}
