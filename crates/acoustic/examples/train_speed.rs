//! Measures how many frames per second a student and a teacher train and label, on a given device and number of
//! threads:
//!
//! `cargo run -p stentor-acoustic --example train_speed -- [threads] [device]` (default: 1 thread, the CPU)
//!
//! One line per figure: model, task, valid frames per second. `train` uses batches of 32 chunks of 60 frames,
//! `train-mixed` chunks of 20 to 60 frames, as at the ends of utterances; both are complete steps: forward, soft labels
//! with k = 20, backward, clipping, Adam. `label` computes top-20 posteriors of whole utterances.

// A development tool; printing is its only output.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};
use stentor_acoustic::random::Stream;
use stentor_acoustic::{
    Batch, Chunk, Conditions, Device, Error, Labels, ModelShape, SoftLabels, build, build_optimizer,
    choose_device, clip_to_norm, machine_labeled_objective, mean_gradient, set_threads, top_k,
};
use stentor_experiment::{Lstm, Objective, Optimizer};
use stentor_inventory::SenoneId;

const INPUTS: usize = 192;
const SENONES: usize = 126;
const CHUNKS: usize = 32;
const FRAMES: usize = 60;
const K: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let device = choose_device(arguments.next().as_deref().unwrap_or("cpu"))?.device;
    set_threads(threads)?;
    let student = Lstm { layers: 3, width: 192, bidirectional: false, ..Lstm::default() };
    let teacher = Lstm { layers: 3, width: 256, bidirectional: true, ..Lstm::default() };
    let full = vec![FRAMES; CHUNKS];
    let mixed: Vec<usize> = (0..CHUNKS).map(|n| 20 + 17 * n % 41).collect();
    for (name, lstm) in [("student-3x192", student), ("teacher-3x256-bidirectional", teacher)] {
        let shape = ModelShape::new(&lstm.into(), INPUTS, SENONES)?;
        println!("{name} train {:.0}", training(&shape, &full, device)?);
        println!("{name} train-mixed {:.0}", training(&shape, &mixed, device)?);
        println!("{name} label {:.0}", labeling(&shape, device)?);
    }
    Ok(())
}

/// Frames per second of complete training steps on chunks of these lengths.
fn training(shape: &ModelShape, lengths: &[usize], device: Device) -> Result<f64, Error> {
    let model = build(shape, 1, device)?;
    let settings = Optimizer::default();
    let mut optimizer = build_optimizer(&settings, model.parameters().len(), device);
    let objective = machine_labeled_objective(&Objective::default());
    let features = noise(FRAMES * INPUTS);
    let ids = SenoneId::list((0..FRAMES * K).map(|n| ((n / K * 7 + n % K) % SENONES) as u16));
    let probabilities: Vec<f32> = (0..FRAMES * K).map(|n| 0.5f32.powi((n % K) as i32 + 1)).collect();
    let chunk = |&frames: &usize| {
        let soft = SoftLabels { k: K, ids: &ids[..frames * K], probabilities: &probabilities[..frames * K] };
        Chunk { features: &features[..frames * INPUTS], left: 0, right: 0, labels: Labels::Soft(soft) }
    };
    let chunks: Vec<Chunk<'_>> = lengths.iter().map(chunk).collect();
    let batch = Batch::pack(&chunks, shape.frames(), device)?;
    rate(lengths.iter().sum(), || {
        mean_gradient(model.as_ref(), &batch, objective.as_ref(), &Conditions::default())?;
        clip_to_norm(model.parameters().gradient(), settings.clip_norm)?;
        let step = optimizer.update(model.parameters().gradient(), 1e-3)?;
        model.parameters().add(&step)
    })
}

/// Frames per second of top-k posteriors of whole utterances, 30 to 225 frames long.
fn labeling(shape: &ModelShape, device: Device) -> Result<f64, Error> {
    let model = build(shape, 1, device)?;
    let lengths: Vec<usize> = (0..40).map(|n| 30 + 5 * n).collect();
    let utterances: Vec<Vec<f32>> = lengths.iter().map(|n| noise(n * INPUTS)).collect();
    let utterances: Vec<&[f32]> = utterances.iter().map(Vec::as_slice).collect();
    rate(lengths.iter().sum(), || top_k(model.as_ref(), &utterances, K).map(drop))
}

/// Runs `work`, which processes this number of frames, for at least 3 seconds after a warm-up.
fn rate(frames: usize, mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    for _ in 0..2 {
        work()?;
    }
    let (start, mut runs) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(3) {
        work()?;
        runs += 1;
    }
    Ok((frames * runs) as f64 / start.elapsed().as_secs_f64())
}

fn noise(len: usize) -> Vec<f32> {
    let stream = Stream::new(1, "features");
    (0..len as u64).map(|n| stream.uniform(n, 1.7)).collect()
}
