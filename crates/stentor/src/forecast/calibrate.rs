//! The speed of the exchange's arithmetic on this machine, in about a second.

use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;
use stentor_exchange::gtc::{self, suggest_tau};
use stentor_exchange::{
    Encoder, Error, Precision, Reducer, Rethreshold, Summation, Tau, WeightedMean, encode_bf16, encode_dense,
};
use stentor_forecast::Rates;

/// Upper limit of the vectors' size: far beyond every cache, where more values change nothing.
const MOST: usize = 1 << 23;
/// Lower limit: fewer values take too little time to measure.
const LEAST: usize = 1 << 16;
/// Number of runs; the median counts.
const REPEATS: usize = 3;
/// Number of contributions in the sum of signs.
const WORKERS: usize = 4;
/// Number of values per task.
const CHUNK: usize = 1 << 16;

/// Measures on vectors of the model's size, with a share of `density` sent as signs.
pub(super) fn rates(parameters: usize, density: f64) -> Result<Rates, Error> {
    let values = parameters.clamp(LEAST, MOST);
    let update = peaked(values);
    let mut next = vec![0.0; values];
    let per_value = |seconds: f64| seconds / values as f64;

    let payload = encode_dense(&update);
    let copy = median(|| {
        black_box(encode_dense(black_box(&update)));
        Ok(())
    })?;
    let mut mean = WeightedMean::new(values);
    let sum = median(|| mean.add_payload(1, black_box(&payload), Precision::F32))?;
    let made = median(|| mean.finish_payload().map(|mean| drop(black_box(mean))))?;
    let bf16 = median(|| encode_bf16(&update, &update, &mut next).map(|bytes| drop(black_box(bytes))))?;
    let step = median(|| {
        let chunks = next.par_chunks_mut(CHUNK).zip(update.par_chunks(CHUNK));
        chunks.for_each(|(to, from)| to.iter_mut().zip(from).for_each(|(t, f)| *t -= 1e-9 * f));
        Ok(())
    })?;
    drop(payload);

    let wanted = suggest_tau(&update, &update, density).unwrap_or(1.0);
    let tau = Tau::nearest(wanted)?;
    let (mut encoder, mut message) = (Encoder::new(), Vec::new());
    let threshold = median(|| {
        message.clear();
        black_box(suggest_tau(&update, &update, density));
        encoder.encode(&update, &update, tau, None, &mut next, &mut message).map(drop)
    })?;
    let signs = gtc::Header::read(&message, values)?.nonzero.max(1) as f64;
    let apply = median(|| gtc::add_scaled(&message, &mut next, -1e-9).map(drop))?;

    // Different signs at different positions, as from different workers.
    let mut messages = vec![message];
    for worker in 1..WORKERS {
        let mut moved = update.clone();
        moved.rotate_left(worker * values / WORKERS);
        let mut message = Vec::new();
        encoder.encode(&moved, &moved, tau, None, &mut next, &mut message)?;
        messages.push(message);
    }
    let spec = Summation::Signs { tau };
    let mut reducer = Reducer::new(&spec, values);
    let mut rethreshold = Rethreshold::new(values);
    let count = median(|| {
        reducer.restart(&spec);
        (0..).zip(&messages).try_for_each(|(slot, message)| reducer.add(slot, 1, message))
    })?;
    let exact = median(|| reducer.finish().map(|update| drop(black_box(update))))?;
    let again =
        median(|| reducer.finish_rethresholded(&mut rethreshold).map(|update| drop(black_box(update))))?;
    Ok(Rates {
        copy: per_value(copy),
        sum: per_value(sum),
        mean: per_value(made),
        step: per_value(step),
        bf16: per_value(bf16),
        threshold: per_value(threshold),
        count: count / (WORKERS as f64 * signs),
        exact: per_value(exact),
        rethreshold: per_value(again),
        apply: apply / signs,
    })
}

/// Returns the seconds that `work` takes, after one warm-up run.
fn median(mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    work()?;
    let mut seconds = [0.0; REPEATS];
    for seconds in &mut seconds {
        let start = Instant::now();
        work()?;
        *seconds = start.elapsed().as_secs_f64();
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[REPEATS / 2])
}

/// Values with a peak at zero and long tails, like gradients; always the same.
fn peaked(values: usize) -> Vec<f32> {
    let value = |index: usize| {
        let uniform = (stentor_random::nth(0, index as u64) >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        uniform * uniform * uniform
    };
    (0..values).into_par_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_is_measured() {
        let Rates { copy, sum, mean, step, bf16, threshold, count, exact, rethreshold, apply } =
            rates(100_000, 0.01).unwrap();
        for rate in [copy, sum, mean, step, bf16, threshold, count, exact, rethreshold, apply] {
            assert!(rate > 0.0 && rate.is_finite());
        }
    }
}
