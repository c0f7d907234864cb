use super::forms::write_message;
use super::header::MAX_CONTRIBUTORS;
use super::marks::{Marks, WORD, pack_flags};
use super::tau::Tau;
use crate::error::Error;
use rayon::prelude::*;

/// Values that one task works on.
const CHUNK: usize = 1 << 16;

/// Appends the message of a sum of signs: `counts[i]` is Σn of value i over `divisor` contributors, each count in units of `tau`.
///
/// Returns the number of counts that are not zero. The shortest of four forms is taken: gaps, a bitmap, ternary or dense
/// codes; so the message of many workers' sum, where hardly a value is zero, stays near its entropy too.
///
/// # Errors
/// [`Error::CountOutOfBounds`] for a magnitude above `divisor`, [`Error::Header`] for a divisor of zero or above
/// [`MAX_CONTRIBUTORS`], [`Error::TooLong`]. `out` is then as before.
pub fn encode_counts(counts: &[i32], tau: Tau, divisor: u32, out: &mut Vec<u8>) -> Result<u64, Error> {
    if !(1..=MAX_CONTRIBUTORS).contains(&divisor) {
        let expected = format!("1 to {MAX_CONTRIBUTORS}");
        return Err(Error::Header { field: "divisor", found: u64::from(divisor), expected });
    }
    let mut marks = Marks::default();
    marks.resize(counts.len());
    let words = CHUNK / WORD;
    let tasks =
        (counts.par_chunks(CHUNK), marks.sent.par_chunks_mut(words), marks.positive.par_chunks_mut(words));
    let (nonzero, largest) = tasks
        .into_par_iter()
        .map(|(counts, sent, positive)| mark(counts, sent, positive))
        .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1.max(b.1)));
    if largest > divisor {
        let index = counts.iter().position(|n| n.unsigned_abs() > divisor).unwrap_or_default();
        return Err(Error::CountOutOfBounds { index, found: u64::from(largest), divisor });
    }
    let magnitudes = (largest > 1).then_some(counts);
    write_message(out, tau, divisor, counts.len(), &marks, nonzero, magnitudes)?;
    Ok(nonzero)
}

/// Marks a chunk's counts; returns how many are not zero and the largest magnitude.
fn mark(counts: &[i32], sent: &mut [u64], positive: &mut [u64]) -> (u64, u32) {
    let (mut nonzero, mut largest) = (0, 0);
    for (values, (sent, positive)) in counts.chunks(WORD).zip(sent.iter_mut().zip(positive)) {
        (*sent, *positive) = (0, 0);
        if values.iter().fold(0, |any, n| any | n) == 0 {
            continue;
        }
        let mut flags = [0; WORD];
        for (flag, &n) in flags.iter_mut().zip(values) {
            *flag = u8::from(n != 0) | u8::from(n > 0) << 1;
        }
        (*sent, *positive) = pack_flags(&flags);
        nonzero += u64::from(sent.count_ones());
        largest = values.iter().fold(largest, |largest, n| largest.max(n.unsigned_abs()));
    }
    (nonzero, largest)
}
