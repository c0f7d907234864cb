//! Compares the forward pass without libtorch (`stentor-forward`) with libtorch's, side by side in one process: the largest
//! difference between logits, and the time of each frame when frames come one by one. Prints JSON.
//!
//! `cargo run -p stentor-acoustic --example forward` (part of `cargo xtask bench recognition`)
//!
//! - `published`: the published student, 24.16 M parameters, at their initial values.
//! - `trained`: a student of the size of the demo's, 2 × 192, after some training.
//!
//! Times are the shortest of many rounds, in which both take turns: others' work on the machine only adds to them. libtorch is
//! measured with one thread, like `stentor-forward`, and with two.

// A development tool; printing is its only output.
#![allow(clippy::print_stdout)]

use std::time::Instant;
use stentor_acoustic::random::Stream;
use stentor_acoustic::{
    AcousticModel, Batch, Chunk, Conditions, Device, HardLabels, Labels, ModelShape, NamedValues, Tensor,
    build, build_optimizer, clip_to_norm, mean_gradient, set_threads, tch,
};
use stentor_experiment::{Lstm, Optimizer, Preset};
use stentor_forward::Network;
use stentor_inventory::SenoneId;

type Anything = Box<dyn std::error::Error>;

const INPUTS: usize = 192;
/// Frames whose logits are compared: 30 s.
const COMPARED: usize = 1_000;
/// Rounds of the measurement.
const ROUNDS: usize = 60;

fn main() -> Result<(), Anything> {
    set_threads(1)?;
    let published = Lstm { preset: Some(Preset::Student24M), ..Lstm::default() };
    let published = build(&ModelShape::new(&published.into(), INPUTS, 3_000)?, 1, Device::Cpu)?;
    let trained =
        trained(&ModelShape::new(&Lstm { layers: 2, width: 192, ..Lstm::default() }.into(), INPUTS, 120)?)?;
    let (published, trained) = (measure(published.as_ref(), 10)?, measure(trained.as_ref(), 200)?);
    let worst = published.difference.max(trained.difference);
    let speed = published.speed().min(trained.speed());
    println!(
        "{{\"max_logit_difference\": {worst:e}, \"speed_vs_libtorch\": {speed:.3}, \"published\": {}, \"trained\": {}}}",
        published.json(),
        trained.json()
    );
    Ok(())
}

/// Seconds for a frame.
struct Measured {
    difference: f32,
    ours: f64,
    libtorch: f64,
    libtorch_two: f64,
}

impl Measured {
    fn speed(&self) -> f64 {
        self.libtorch.min(self.libtorch_two) / self.ours
    }

    fn json(&self) -> String {
        let Self { difference, ours, libtorch, libtorch_two } = self;
        format!(
            "{{\"logit_difference\": {difference:e}, \"us_per_frame\": {:.1}, \"libtorch_us_per_frame\": {:.1}, \
             \"libtorch_two_threads_us_per_frame\": {:.1}}}",
            ours * 1e6,
            libtorch * 1e6,
            libtorch_two * 1e6
        )
    }
}

fn noise(count: usize, seed: u64) -> Vec<f32> {
    let stream = Stream::new(seed, "noise");
    (0..count as u64).map(|n| stream.uniform(n, 2.0)).collect()
}

fn measure(model: &dyn AcousticModel, frames: usize) -> Result<Measured, Anything> {
    let ModelShape { architecture, inputs, senones } = model.shape();
    let tensors = model.parameters().tensors();
    let network = Network::new(architecture, *inputs, *senones, tensors.iter().map(NamedValues::as_slices))?;
    let features = noise(COMPARED * INPUTS, 5);
    let _guard = tch::no_grad_guard();
    let theirs = model.forward(&tensor(&features), &[COMPARED as i64])?.logits;
    let theirs: Vec<f32> = Vec::try_from(theirs.f_view([-1])?)?;
    let ours = network.logits(&features)?;
    let difference = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);

    let mut best = [f64::INFINITY; 3];
    let (mut stream, mut state, mut out) = (network.stream()?, model.start_stream(1)?, Vec::new());
    for round in 0..ROUNDS {
        let features = noise(frames * INPUTS, round as u64);
        let begun = Instant::now();
        for frame in features.chunks_exact(INPUTS) {
            out.clear();
            stream.push(frame, &mut out)?;
        }
        best[0] = best[0].min(begun.elapsed().as_secs_f64());
        for threads in [1, 2] {
            set_threads(threads)?;
            let begun = Instant::now();
            for frame in features.chunks_exact(INPUTS) {
                let logits = model.stream(&tensor(frame), &mut state)?;
                let posteriors: Vec<f32> = Vec::try_from(logits.f_log_softmax(-1, None)?.f_view([-1])?)?;
                out.copy_from_slice(&posteriors);
            }
            best[threads] = best[threads].min(begun.elapsed().as_secs_f64());
        }
    }
    let [ours, libtorch, libtorch_two] = best.map(|seconds| seconds / frames as f64);
    Ok(Measured { difference, ours, libtorch, libtorch_two })
}

/// `[1, frames, INPUTS]`.
fn tensor(features: &[f32]) -> Tensor {
    Tensor::from_slice(features).view([1, (features.len() / INPUTS) as i64, INPUTS as i64])
}

/// A model that has learnt which of the first inputs was the largest one frame before, so that its logits are large.
fn trained(shape: &ModelShape) -> Result<Box<dyn AcousticModel>, Anything> {
    const FRAMES: usize = 100;
    let model = build(shape, 1, Device::Cpu)?;
    let mut optimizer = build_optimizer(&Optimizer::default(), model.parameters().len(), Device::Cpu);
    for step in 0..60 {
        let features = noise(FRAMES * INPUTS, 1_000 + step);
        let largest =
            |frame: &[f32]| (0..8).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap_or_default() as u16;
        let ids: Vec<u16> =
            std::iter::once(0).chain(features.chunks_exact(INPUTS).map(largest)).take(FRAMES).collect();
        let labels = Labels::Hard(SenoneId::of_column(&ids));
        let chunk = Chunk { features: &features, left: 0, right: 0, labels };
        let batch = Batch::pack(&[chunk], shape.frames(), Device::Cpu)?;
        mean_gradient(model.as_ref(), &batch, &HardLabels, &Conditions::default())?;
        clip_to_norm(model.parameters().gradient(), 1.0)?;
        let update = optimizer.update(model.parameters().gradient(), 0.01)?;
        model.parameters().add(&update)?;
    }
    Ok(model)
}
