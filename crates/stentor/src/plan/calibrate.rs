//! The speed of the exchange's arithmetic on this machine, in about a second.

use anyhow::Result;
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;
use stentor_exchange::gtc::{self, suggest_tau};
use stentor_exchange::{
    Encoder, EncodingSpec, Precision, Reducer, Rethreshold, Tau, WeightedMean, encode_bf16, encode_dense,
};
use stentor_forecast::Rates;

/// More values than this tell nothing new: far beyond every cache.
const MOST: usize = 1 << 25;
/// Fewer take no time that could be measured.
const LEAST: usize = 1 << 16;
/// Runs of which the median counts.
const REPEATS: usize = 3;
/// Contributions in the sum of signs.
const WORKERS: usize = 4;
/// Values that one task works on.
const CHUNK: usize = 1 << 16;

/// Measures on vectors of the model's size, of which a share of `density` is sent as signs.
pub(super) fn rates(parameters: usize, density: f64) -> Result<Rates> {
    let values = parameters.clamp(LEAST, MOST);
    let update = peaked(values);
    let mut next = vec![0.0; values];
    let per_value = |seconds: f64| seconds / values as f64;

    let payload = encode_dense(&update);
    let copy = median(|| {
        black_box(encode_dense(black_box(&update)));
    });
    let mut mean = WeightedMean::new(values);
    let mut failed = None;
    let sum = median(|| failed = mean.add_payload(1, black_box(&payload), Precision::F32).err());
    let made = median(|| {
        black_box(mean.finish_payload()).ok();
    });
    let bf16 =
        median(|| failed = encode_bf16(black_box(&update), &update, &mut next).err().or(failed.take()));
    let step = median(|| {
        let chunks = next.par_chunks_mut(CHUNK).zip(update.par_chunks(CHUNK));
        chunks.for_each(|(to, from)| to.iter_mut().zip(from).for_each(|(t, f)| *t -= 1e-9 * f));
    });

    let wanted = suggest_tau(&update, &update, density).unwrap_or(1.0);
    let tau = Tau::nearest(wanted)?;
    let (mut encoder, mut message) = (Encoder::new(), Vec::new());
    let threshold = median(|| {
        message.clear();
        black_box(suggest_tau(&update, &update, density));
        failed = encoder.encode(&update, &update, tau, None, &mut next, &mut message).err().or(failed.take());
    });
    let signs = gtc::Header::read(&message, values)?.nonzero.max(1) as f64;
    let apply = median(|| failed = gtc::add_scaled(&message, &mut next, -1e-9).err().or(failed.take()));
    drop(payload);

    // Other signs at other places, as from other workers.
    let mut messages = vec![message];
    for worker in 1..WORKERS {
        let mut moved = update.clone();
        moved.rotate_left(worker * values / WORKERS);
        let mut message = Vec::new();
        encoder.encode(&moved, &moved, tau, None, &mut next, &mut message)?;
        messages.push(message);
    }
    let spec = EncodingSpec::Threshold { tau };
    let mut reducer = Reducer::new(&spec, values);
    let mut rethreshold = Rethreshold::new(values);
    let mut round = |again: Option<&mut Rethreshold>| -> Result<(), stentor_exchange::Error> {
        reducer.restart(&spec);
        for (slot, message) in (0..).zip(&messages) {
            reducer.add(slot, 1, message)?;
        }
        let update = match again {
            Some(rethreshold) => reducer.finish_rethresholded(rethreshold),
            None => reducer.finish(),
        };
        black_box(update).map(drop)
    };
    let exact = median(|| failed = round(None).err().or(failed.take()));
    let again = median(|| failed = round(Some(&mut rethreshold)).err().or(failed.take()));
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(Rates {
        copy: per_value(copy),
        sum: per_value(sum),
        mean: per_value(made),
        step: per_value(step),
        bf16: per_value(bf16),
        threshold: per_value(threshold),
        count: exact / (WORKERS as f64 * signs),
        rethreshold: per_value((again - exact).max(0.0)),
        apply: apply / signs,
    })
}

/// Seconds of `work`, after one run that does not count.
fn median(mut work: impl FnMut()) -> f64 {
    work();
    let mut seconds: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[REPEATS / 2]
}

/// Values with a peak at zero and long tails, as gradients have; always the same.
fn peaked(values: usize) -> Vec<f32> {
    let value = |index: usize| {
        let mut mixed = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 27;
        let uniform = (mixed >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        uniform * uniform * uniform
    };
    (0..values).into_par_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_is_measured_and_none_is_negative() {
        let Rates { copy, sum, mean, step, bf16, threshold, count, rethreshold, apply } =
            rates(100_000, 0.01).unwrap();
        for rate in [copy, sum, mean, step, bf16, threshold, count, apply] {
            assert!(rate > 0.0 && rate.is_finite());
        }
        assert!(rethreshold >= 0.0);
    }
}
