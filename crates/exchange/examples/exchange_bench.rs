//! Measures the exchange's arithmetic on one core and prints JSON. `cargo xtask bench exchange` runs it with
//! `--release`.
//!
//! Encoding alternates with a copy of the same vector, so that a busy machine slows both equally; figures are medians.
//! Each buffer is at least four times the size of the last-level cache.

// Development tool: printing is its only output.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Numbers, entropy_bits};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use std::time::Instant;
use stentor_exchange::gtc::{add_scaled, decode_add, suggest_tau};
use stentor_exchange::{
    Encoder, Error, Precision, Reducer, Rethreshold, Summation, Tau, WeightedMean, digest_f32, encode_dense,
};
use stentor_experiment::BmufWeights;

/// Parameters of the published student.
const STUDENT: usize = 24_161_208;
const REPEATS: usize = 15;
const DENSITIES: [f64; 3] = [0.0001, 0.001, 0.01];
/// Memory traffic per value: gradient and residual are read, the residual is written; a copy reads and writes.
const ENCODE_BYTES: f64 = 12.0;
const COPY_BYTES: f64 = 8.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = last_cache_bytes();
    // 4 bytes a value: as many values as the cache has bytes fill four caches.
    let values = STUDENT.max(cache).min(1 << 27);
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let report = one_core.install(|| measure(values, cache))?;
    println!("{report:#}");
    Ok(())
}

/// Figures for one density.
struct Figures {
    encode_vs_memcpy: f64,
    encode_ms: f64,
    memcpy_ms: f64,
    covered_per_s: f64,
    sent_per_s: f64,
    apply_ms: f64,
    bits_vs_entropy: f64,
    sent: u64,
    bytes: usize,
}

fn measure(values: usize, cache: usize) -> Result<Value, Error> {
    let mut numbers = Numbers::new(1);
    let update = numbers.gradient(values, 1e-3);
    let residual = numbers.gradient(values, 1e-3);
    let mut next = vec![0.0; values];
    let mut copied = vec![0.0; values];
    let mut counts = vec![0; values];
    let mut per_density = Vec::new();
    for density in DENSITIES {
        let wanted = suggest_tau(&update, &residual, density).unwrap_or(1e-2);
        let tau = Tau::nearest(wanted)?;
        per_density.push(gtc_figures(&update, &residual, tau, &mut next, &mut copied, &mut counts)?);
    }
    let by_density = |figure: fn(&Figures) -> f64| -> Value {
        let entries = DENSITIES.iter().zip(&per_density).map(|(d, f)| (d.to_string(), json!(figure(f))));
        entries.collect::<Map<String, Value>>().into()
    };
    let worst = |figure: fn(&Figures) -> f64| per_density.iter().map(figure).fold(f64::INFINITY, f64::min);
    let suggest_ms = median(|| {
        black_box(suggest_tau(&update, &residual, 0.001));
    }) * 1e3;
    Ok(json!({
        "values": values,
        "last_cache_bytes": cache,
        "repeats": REPEATS,
        // The worst of all densities.
        "encode_vs_memcpy": worst(|f| f.encode_vs_memcpy),
        "decode_add_per_s": worst(|f| f.covered_per_s),
        "bits_vs_entropy": by_density(|f| f.bits_vs_entropy),
        "detail": {
            "memcpy_ms": by_density(|f| f.memcpy_ms),
            "encode_ms": by_density(|f| f.encode_ms),
            "encode_vs_memcpy": by_density(|f| f.encode_vs_memcpy),
            "decode_add_covered_per_s": by_density(|f| f.covered_per_s),
            "decode_add_sent_per_s": by_density(|f| f.sent_per_s),
            "apply_ms": by_density(|f| f.apply_ms),
            "sent": by_density(|f| f.sent as f64),
            "bytes": by_density(|f| f.bytes as f64),
            "suggest_tau_ms": suggest_ms,
        },
        "bitmap": bitmap_figures(&update, &mut next, &mut counts)?,
        "sum_of_4": sum_figures(&update, &mut next)?,
        "dense": dense_figures(&update)?,
    }))
}

fn gtc_figures(
    update: &[f32],
    residual: &[f32],
    tau: Tau,
    next: &mut [f32],
    copied: &mut [f32],
    counts: &mut [i32],
) -> Result<Figures, Error> {
    let mut encoder = Encoder::new();
    let mut message = Vec::new();
    let mut stats = encoder.encode(update, residual, tau, None, next, &mut message)?;
    let (mut copies, mut encodes) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        copies.push(seconds(|| black_box(&mut *copied).copy_from_slice(black_box(update))));
        let start = Instant::now();
        message.clear();
        stats = encoder.encode(black_box(update), residual, tau, None, next, &mut message)?;
        encodes.push(start.elapsed().as_secs_f64());
    }
    let (copy_s, encode_s) = (middle(&mut copies), middle(&mut encodes));
    counts.fill(0);
    let decode_s = median(|| {
        decode_add(black_box(&message), counts).expect("written above");
    });
    let mut parameters = next.to_vec();
    let apply_s = median(|| {
        add_scaled(black_box(&message), &mut parameters, -1e-3).expect("written above");
    });
    let values = update.len() as f64;
    Ok(Figures {
        encode_vs_memcpy: (ENCODE_BYTES / encode_s) / (COPY_BYTES / copy_s),
        encode_ms: encode_s * 1e3,
        memcpy_ms: copy_s * 1e3,
        covered_per_s: values / decode_s,
        sent_per_s: stats.sent as f64 / decode_s,
        apply_ms: apply_s * 1e3,
        bits_vs_entropy: message.len() as f64 * 8.0 / entropy_bits(update.len(), stats.sent),
        sent: stats.sent,
        bytes: message.len(),
    })
}

/// The densest messages of signs: half of all values are sent.
fn bitmap_figures(update: &[f32], next: &mut [f32], counts: &mut [i32]) -> Result<Value, Error> {
    let mut message = Vec::new();
    let residual = vec![0.0; update.len()];
    let tau = Tau::nearest(suggest_tau(update, &residual, 0.5).unwrap_or(1e-3))?;
    let mut encoder = Encoder::new();
    let mut stats = encoder.encode(update, &residual, tau, None, next, &mut message)?;
    let mut encodes = Vec::new();
    for _ in 0..REPEATS {
        let start = Instant::now();
        message.clear();
        stats = encoder.encode(update, &residual, tau, None, next, &mut message)?;
        encodes.push(start.elapsed().as_secs_f64());
    }
    let decode_s = median(|| {
        decode_add(black_box(&message), counts).expect("written above");
    });
    Ok(json!({
        "density": stats.sent as f64 / update.len() as f64,
        "encode_ms": middle(&mut encodes) * 1e3,
        "decode_add_covered_per_s": update.len() as f64 / decode_s,
        "bits_per_value": message.len() as f64 * 8.0 / update.len() as f64,
    }))
}

/// The coordinator's work for four workers at a density of 0.1 %: a round from its start to the update.
fn sum_figures(update: &[f32], next: &mut [f32]) -> Result<Value, Error> {
    const WORKERS: usize = 4;
    let tau = Tau::nearest(suggest_tau(update, update, 0.001).unwrap_or(1e-2))?;
    let stretch = update.len() / WORKERS;
    let mut messages = Vec::new();
    for worker in 0..WORKERS {
        // The same values at other positions.
        let mut moved = update.to_vec();
        moved.rotate_left(worker * stretch);
        let mut message = Vec::new();
        Encoder::new().encode(&moved, &moved, tau, None, next, &mut message)?;
        messages.push(message);
    }
    let spec = Summation::Signs { tau };
    let mut reducer = Reducer::new(&spec, update.len());
    let mut bytes = 0;
    let round_s = median(|| {
        reducer.restart(&spec);
        for (slot, message) in messages.iter().enumerate() {
            reducer.add(slot as u32, 1, message).expect("written above");
        }
        bytes = reducer.finish().expect("four contributed").payload.len();
    });
    let mut rethreshold = Rethreshold::new(update.len());
    // The same signs are sent every round, so that all reach the threshold in the same rounds; hence the mean is
    // reported.
    let (mut again_bytes, mut rounds) = (0, 0);
    let again_s = median(|| {
        reducer.restart(&spec);
        for (slot, message) in messages.iter().enumerate() {
            reducer.add(slot as u32, 1, message).expect("written above");
        }
        let reduction = reducer.finish_rethresholded(&mut rethreshold).expect("four contributed");
        again_bytes += reduction.payload.len();
        rounds += 1;
    });
    let up_bytes: usize = messages.iter().map(Vec::len).sum();
    Ok(json!({
        "round_ms": round_s * 1e3,
        "rethresholded_round_ms": again_s * 1e3,
        "up_bytes_per_worker": up_bytes / WORKERS,
        "down_bytes": bytes,
        "rethresholded_down_bytes": again_bytes / rounds,
    }))
}

fn dense_figures(update: &[f32]) -> Result<Value, Error> {
    let payload = encode_dense(update);
    let mut mean = WeightedMean::new(update.len());
    let add_s = median(|| {
        mean.add_payload(32, black_box(&payload), Precision::F32).expect("finite");
    });
    let finish_s = median(|| {
        black_box(mean.finish_payload()).expect("it has weight");
    });
    let encode_s = median(|| {
        black_box(encode_dense(black_box(update)));
    });
    let digest_s = median(|| {
        black_box(digest_f32(black_box(update)));
    });
    let spec = Summation::mean(BmufWeights::Frames);
    let mut reducer = Reducer::new(&spec, update.len());
    let round_s = median(|| {
        reducer.restart(&spec);
        reducer.add(0, 1, &payload).expect("finite");
        black_box(reducer.finish()).expect("one contributed");
    });
    let per_s = |s: f64| update.len() as f64 / s;
    Ok(json!({
        "add_per_s": per_s(add_s),
        "finish_per_s": per_s(finish_s),
        "encode_per_s": per_s(encode_s),
        "digest_per_s": per_s(digest_s),
        "round_of_1_ms": round_s * 1e3,
    }))
}

fn seconds(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Returns the median of the seconds of `work`, after one warm-up run.
fn median(mut work: impl FnMut()) -> f64 {
    work();
    let mut times: Vec<f64> = (0..REPEATS).map(|_| seconds(&mut work)).collect();
    middle(&mut times)
}

fn middle(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Returns the size in bytes of the largest cache of the first core; 64 MiB if the system does not report it.
fn last_cache_bytes() -> usize {
    let size = |index: usize| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
        let text = std::fs::read_to_string(path).ok()?;
        let kilobytes: usize = text.trim().strip_suffix('K')?.parse().ok()?;
        Some(kilobytes << 10)
    };
    (0..8).filter_map(size).max().unwrap_or(64 << 20)
}
