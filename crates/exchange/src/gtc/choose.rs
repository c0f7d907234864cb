//! Choice of the shortest form of a message's body.

use super::header::{Form, TRITS};
use super::marks::{Marks, WORD, is_set};
use super::rice::Chooser;

/// The values themselves, if some are beyond ±1.
#[derive(Clone, Copy)]
pub(super) struct Magnitudes<'a> {
    pub(super) counts: &'a [i32],
    /// Marks of values beyond ±1. They are few: only these are looked up, because each access misses the caches.
    pub(super) beyond: &'a [u64],
    /// Sum of all magnitudes.
    pub(super) total: u64,
}

impl Magnitudes<'_> {
    /// Returns the coded number for the magnitude at `index`, which is not zero.
    #[inline(always)]
    pub(super) fn beyond_one(&self, index: usize) -> u64 {
        if is_set(self.beyond, index) { u64::from(self.counts[index].unsigned_abs()) - 1 } else { 0 }
    }
}

/// Another form is chosen over a bitmap, which is fastest to read, only if it saves more than 1/128.
const SLACK: u64 = 128;

/// Returns the form with nearly the fewest bits, and about how many bits it takes.
pub(super) fn shortest(
    values: usize,
    marks: &Marks,
    nonzero: u64,
    magnitudes: Option<Magnitudes<'_>>,
) -> (Form, u64) {
    let bitmap_bits = values.div_ceil(8) as u64 * 8;
    let Some(magnitudes) = magnitudes else {
        let mut best = (Form::Bitmap { magnitude: None }, bitmap_bits + nonzero);
        // With parameter 0, gaps are a bitmap in other words; with a larger one, each gap takes two bits or more.
        if 2 * nonzero < bitmap_bits {
            let mut gaps = Chooser::new(nonzero, values as u64 - nonzero);
            sample_gaps(values, marks, nonzero, |gap, _, _| gaps.see(gap));
            let (gap, bits) = gaps.best(nonzero);
            take_if_shorter(&mut best, Form::Sparse { gap, magnitude: None }, bits + nonzero);
        }
        take_if_shorter(&mut best, Form::Ternary, values.div_ceil(TRITS) as u64 * 8);
        return best;
    };
    let mut gaps = Chooser::new(nonzero, values as u64 - nonzero);
    let mut beyond_one = Chooser::new(nonzero, magnitudes.total - nonzero);
    let mut zigzags = Chooser::new(values as u64, 2 * magnitudes.total);
    sample_gaps(values, marks, nonzero, |gap, index, positive| {
        let beyond = magnitudes.beyond_one(index);
        gaps.see(gap);
        beyond_one.see(beyond);
        zigzags.see_zeros(gap);
        zigzags.see(2 * beyond + if positive { 2 } else { 1 });
    });
    let ((gap, gap_bits), (parameter, zigzag_bits)) = (gaps.best(nonzero), zigzags.best(values as u64));
    let (magnitude, magnitude_bits) = beyond_one.best(nonzero);
    let (magnitude, marked_bits) = (Some(magnitude), nonzero + magnitude_bits);
    let mut best = (Form::Bitmap { magnitude }, bitmap_bits + marked_bits);
    take_if_shorter(&mut best, Form::Sparse { gap, magnitude }, gap_bits + marked_bits);
    take_if_shorter(&mut best, Form::Dense { parameter }, zigzag_bits);
    best
}

/// Calls `see(zeros before, index, is positive)` for values that are not zero: for all of them, or, if they are many,
/// for those in evenly spaced runs, about 65,536.
fn sample_gaps(values: usize, marks: &Marks, nonzero: u64, mut see: impl FnMut(u64, usize, bool)) {
    /// Number of words in a run: 4096 values, which contain dozens of gaps whenever sampling is useful.
    const RUN: usize = 64;
    const ENOUGH: u64 = 1 << 16;
    let words = marks.sent.len();
    let stride = (nonzero / ENOUGH) as usize;
    let is_dense = nonzero * 64 > values as u64;
    let (run, step) = if stride > 1 && is_dense { (RUN, RUN * stride) } else { (words.max(1), words.max(1)) };
    for start in (0..words).step_by(step) {
        // If values are sent at random indices, the distance to the next one has the same distribution from any index.
        let mut next = start * WORD;
        marks.for_each_in(start..words.min(start + run), |index, positive| {
            see((index - next) as u64, index, positive);
            next = index + 1;
        });
    }
}

fn take_if_shorter(best: &mut (Form, u64), form: Form, bits: u64) {
    if bits + bits / SLACK < best.1 {
        *best = (form, bits);
    }
}
