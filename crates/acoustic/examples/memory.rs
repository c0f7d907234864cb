//! Prints the peak memory of one task in MB, as JSON; each task needs a process of its own, because the peak is per
//! process:
//!
//! `cargo run -p stentor-acoustic --example memory -- WORK` (`cargo xtask bench memory` runs all)
//!
//! - `evaluate-whole`: 32 utterances of 30 s against their alignments, as one batch with all its logits, 3,000 senones,
//!   5 x 768 LSTM: how dev evaluation worked before it was done in pieces.
//! - `evaluate-pieces`: the same by [`score`].
//! - `lanes-copied`: a teacher of 78 M parameters, loaded for each of 4 lanes, as before lanes shared it.
//! - `lanes-shared`: the same, loaded once.
//!
//! Values do not matter and are cheap to generate. `score` is the result of the evaluation: pieces and whole must
//! agree.

// A development tool; printing is its only output.
#![allow(clippy::print_stdout)]

use stentor_acoustic::random::Stream;
use stentor_acoustic::{
    AcousticModel, Aligned, Batch, Chunk, Device, Given, HardLabels, Labels, ModelShape, NamedValues,
    Objective, build, load, score, set_threads, tch, top_k,
};
use stentor_experiment::{Lstm, Preset};
use stentor_inventory::SenoneId;

type Anything = Box<dyn std::error::Error>;

const INPUTS: usize = 192;
const SENONES: usize = 3000;
const UTTERANCES: usize = 32;
/// 30 s in frames of 30 ms.
const FRAMES: usize = 1000;
const LANES: usize = 4;

fn main() -> Result<(), Anything> {
    let work = std::env::args().nth(1).unwrap_or_default();
    set_threads(2)?;
    let (score, before) = match work.as_str() {
        "evaluate-whole" => evaluate(whole)?,
        "evaluate-pieces" => evaluate(|model, data| {
            let score = score(model, data, |_| ())?;
            Ok((score.loss, score.correct))
        })?,
        "lanes-copied" => lanes(false)?,
        "lanes-shared" => lanes(true)?,
        other => return Err(format!("unknown task `{other}`; the head of the file lists the tasks").into()),
    };
    println!("{{\"peak_mb\": {:.0}, \"before_mb\": {before:.0}, \"score\": {score}}}", peak_mb()?);
    Ok(())
}

/// The score that `work` computes, and the memory in use before it.
fn evaluate(
    work: impl FnOnce(&dyn AcousticModel, &[Aligned<'_>]) -> Result<(f64, i64), Anything>,
) -> Result<(String, f64), Anything> {
    let model = build(&shape(Preset::Student24M)?, 1, Device::Cpu)?;
    let noise = noise(UTTERANCES * FRAMES * INPUTS);
    let senones = SenoneId::list((0..FRAMES).map(|frame| (frame * 7 % SENONES) as u16));
    let data: Vec<Aligned<'_>> =
        noise.chunks_exact(FRAMES * INPUTS).map(|features| (features, senones.as_slice())).collect();
    let before = forget_peak()?;
    let (loss, correct) = work(model.as_ref(), &data)?;
    Ok((format!("{{\"loss\": {loss}, \"correct\": {correct}}}"), before))
}

fn whole(model: &dyn AcousticModel, data: &[Aligned<'_>]) -> Result<(f64, i64), Anything> {
    let chunk = |&(features, hard)| Chunk { features, left: 0, right: 0, labels: Labels::Hard(hard) };
    let chunks: Vec<Chunk<'_>> = data.iter().map(chunk).collect();
    let batch = Batch::pack(&chunks, model.frames(), Device::Cpu)?;
    let _guard = tch::no_grad_guard();
    let outputs = model.forward(&batch.features, &batch.lengths)?;
    let loss = HardLabels.loss(&Given::new(&outputs, &batch.targets, &batch.lengths))?;
    Ok((loss.sum.double_value(&[]), loss.correct))
}

/// Loads the teacher for all lanes and labels a short utterance in each; there is no score.
fn lanes(shared: bool) -> Result<(String, f64), Anything> {
    let shape = shape(Preset::Teacher78M)?;
    // In both variants the lanes' parameters come from named values, as if read from a file.
    let tensors = build(&shape, 1, Device::Cpu)?.parameters().tensors();
    let named = || tensors.iter().map(NamedValues::as_slices);
    let before = forget_peak()?;
    let models: Vec<Box<dyn AcousticModel>> = if shared {
        let first = load(&shape, named(), Device::Cpu)?;
        let others = (1..LANES).map(|_| first.share()).collect::<Result<Vec<_>, _>>()?;
        std::iter::once(first).chain(others).collect()
    } else {
        let copy = |_| {
            let model = build(&shape, 1, Device::Cpu)?;
            model.parameters().load_named(named())?;
            Ok(model)
        };
        (0..LANES).map(copy).collect::<Result<_, Anything>>()?
    };
    let utterance = noise(50 * INPUTS);
    for model in &models {
        let _ = top_k(model.as_ref(), &[&utterance], 20)?;
    }
    Ok(("null".to_owned(), before))
}

fn shape(preset: Preset) -> Result<ModelShape, Anything> {
    Ok(ModelShape::new(&Lstm { preset: Some(preset), ..Lstm::default() }.into(), INPUTS, SENONES)?)
}

fn noise(values: usize) -> Vec<f32> {
    let stream = Stream::new(1, "features");
    (0..values as u64).map(|n| stream.uniform(n, 1.7)).collect()
}

fn peak_mb() -> Result<f64, Anything> {
    of_this_process("VmHWM:")
}

/// Resets the peak to the current resident memory, and returns the latter.
fn forget_peak() -> Result<f64, Anything> {
    std::fs::write("/proc/self/clear_refs", "5")?;
    of_this_process("VmRSS:")
}

/// Reads a line of /proc/self/status, which counts in KiB.
fn of_this_process(line: &str) -> Result<f64, Anything> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.split_whitespace().next());
    Ok(found.ok_or_else(|| format!("/proc/self/status has no line {line}"))?.parse::<f64>()? * 1024.0 / 1e6)
}
