use super::choose::Magnitudes;
use super::header::{Header, MAX_CONTRIBUTORS};
use super::marks::{Marks, WORD, pack_bit};
use super::tau::Tau;
use super::write::write_message;
use crate::error::Error;
use rayon::prelude::*;

/// Number of words of marks in one task; each word represents a block of 64 values.
const WORDS: usize = 1 << 10;

/// Number of values in a cache line.
const LINE: usize = 16;
const LINES: usize = WORD / LINE;

/// The sum of signs of a round: Σn of each value.
///
/// It records which lines of 16 values a message has touched, and later reads only these. At the densities of GTC most
/// lines are untouched, and a pass over all counts would cost more than all messages.
#[derive(Debug, Clone)]
pub struct Counts {
    values: Vec<i32>,
    /// One bit for each line.
    touched: Vec<u64>,
    marks: CountMarks,
}

/// Marks of counts that are not zero.
#[derive(Debug, Clone, Default)]
struct CountMarks {
    marks: Marks,
    /// Marks of counts whose magnitude is above one.
    beyond: Vec<u64>,
}

impl Counts {
    /// Creates a sum without signs, for vectors of `values` values.
    #[must_use]
    pub fn new(values: usize) -> Self {
        let touched = vec![0; values.div_ceil(LINE).div_ceil(WORD)];
        Self { values: vec![0; values], touched, marks: CountMarks::default() }
    }

    /// Returns the counts.
    #[must_use]
    pub fn values(&self) -> &[i32] {
        &self.values
    }

    /// Adds a message's signs or counts. Sums of fewer than 2³¹ signs are exact; beyond, addition wraps.
    ///
    /// # Errors
    /// All variants of [`Error`] about messages. The counts are then unchanged.
    pub fn add(&mut self, message: &[u8]) -> Result<Header, Error> {
        let touched = &mut self.touched;
        super::apply::add_noting(message, &mut self.values, |index| {
            let line = index / LINE;
            touched[line / WORD] |= 1 << (line % WORD);
        })
    }

    /// Sets all counts to zero and keeps the memory.
    pub fn clear(&mut self) {
        for (word, touched) in self.touched.iter_mut().enumerate() {
            while *touched != 0 {
                let start = (word * WORD + touched.trailing_zeros() as usize) * LINE;
                let end = self.values.len().min(start + LINE);
                self.values[start..end].fill(0);
                *touched &= *touched - 1;
            }
        }
    }

    /// Appends the message of the sum over `divisor` contributors; see [`encode_counts`].
    ///
    /// # Errors
    /// As [`encode_counts`].
    pub fn encode(&mut self, tau: Tau, divisor: u32, out: &mut Vec<u8>) -> Result<u64, Error> {
        let touched = &self.touched;
        encode_marked(&self.values, |block| lines_of(touched, block), &mut self.marks, tau, divisor, out)
    }

    /// Returns the lines of a block that a message has touched.
    pub(super) fn lines(&self, block: usize) -> u64 {
        lines_of(&self.touched, block)
    }
}

/// Marks of all lines of a block.
pub(super) const ALL_LINES: u64 = (1 << LINES) - 1;

/// Returns the marks of a block's lines.
fn lines_of(touched: &[u64], block: usize) -> u64 {
    let first = block * LINES;
    touched[first / WORD] >> (first % WORD) & ALL_LINES
}

/// Appends the message of a sum of signs: `counts[i]` is Σn of value i over `divisor` contributors, each count in units
/// of `tau`.
///
/// Returns the number of counts that are not zero. The shortest of four forms is chosen: gaps, a bitmap, ternary or
/// dense codes; so even the message of many workers' sum, in which few values are zero, is close to its entropy.
///
/// # Errors
/// [`Error::CountOutOfBounds`] for a magnitude above `divisor`, [`Error::Header`] for a divisor of zero or above
/// [`MAX_CONTRIBUTORS`], [`Error::TooLong`]. `out` is then unchanged.
pub fn encode_counts(counts: &[i32], tau: Tau, divisor: u32, out: &mut Vec<u8>) -> Result<u64, Error> {
    encode_marked(counts, |_| ALL_LINES, &mut CountMarks::default(), tau, divisor, out)
}

/// Like [`encode_counts`], but reads only those lines of a block that `lines` marks: all others are zero.
fn encode_marked(
    counts: &[i32],
    lines: impl Fn(usize) -> u64 + Sync,
    marks: &mut CountMarks,
    tau: Tau,
    divisor: u32,
    out: &mut Vec<u8>,
) -> Result<u64, Error> {
    if !(1..=MAX_CONTRIBUTORS).contains(&divisor) {
        let expected = format!("1 to {MAX_CONTRIBUTORS}");
        return Err(Error::Header { field: "divisor", found: u64::from(divisor), expected });
    }
    let CountMarks { marks, beyond } = marks;
    marks.resize(counts.len());
    beyond.resize(marks.sent.len(), 0);
    let tasks = (
        counts.par_chunks(WORDS * WORD),
        marks.sent.par_chunks_mut(WORDS),
        marks.positive.par_chunks_mut(WORDS),
        beyond.par_chunks_mut(WORDS),
    );
    let sum = tasks
        .into_par_iter()
        .enumerate()
        .map(|(task, (counts, sent, positive, beyond))| {
            let mut sum = Sum::default();
            fetch(counts, |word| lines(task * WORDS + word));
            let marks = sent.iter_mut().zip(positive).zip(beyond);
            for (word, (values, ((sent, positive), beyond))) in counts.chunks(WORD).zip(marks).enumerate() {
                [*sent, *positive, *beyond] = match lines(task * WORDS + word) {
                    0 => [0; 3],
                    lines => sum.mark(values, lines),
                };
            }
            sum
        })
        .reduce(Sum::default, Sum::with);
    if sum.largest > divisor {
        let is_above = |n: &i32| n.unsigned_abs() > divisor;
        if let Some((index, n)) = counts.iter().enumerate().find(|(_, n)| is_above(n)) {
            return Err(Error::CountOutOfBounds { index, found: u64::from(n.unsigned_abs()), divisor });
        }
    }
    let magnitudes = (sum.largest > 1).then_some(Magnitudes { counts, beyond, total: sum.total });
    write_message(out, tau, divisor, counts.len(), marks, sum.nonzero, magnitudes)?;
    Ok(sum.nonzero)
}

/// Reads the ends of each line that will be used. In a separate loop, many of these cache misses overlap; between the
/// work on the lines, each would be waited for by itself.
pub(super) fn fetch<T: Copy>(values: &[T], lines: impl Fn(usize) -> u64) {
    for word in 0..values.len().div_ceil(WORD) {
        let mut left = lines(word);
        while left != 0 {
            let first = word * WORD + left.trailing_zeros() as usize * LINE;
            // Both ends, because the vector need not begin at a cache line.
            for value in [first, first + LINE - 1] {
                std::hint::black_box(values.get(value).copied());
            }
            left &= left - 1;
        }
    }
}

/// Statistics of the blocks so far.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    nonzero: u64,
    /// Largest magnitude, and sum of all magnitudes.
    largest: u32,
    total: u64,
}

impl Sum {
    /// Returns the marks of the values of one block that are not zero, that are above zero, and whose magnitude is
    /// above one. Reads only the lines in `lines`.
    fn mark(&mut self, values: &[i32], lines: u64) -> [u64; 3] {
        const SENT: u32 = 0;
        const POSITIVE: u32 = 1;
        const BEYOND: u32 = 2;
        let mut flags = [0; WORD];
        let lines =
            flags.chunks_mut(LINE).zip(values.chunks(LINE)).enumerate().filter(|(l, _)| lines >> l & 1 == 1);
        for (_, (flags, values)) in lines {
            for (flag, &n) in flags.iter_mut().zip(values) {
                let magnitude = n.unsigned_abs();
                *flag = u8::from(n != 0) << SENT
                    | u8::from(n > 0) << POSITIVE
                    | u8::from(magnitude > 1) << BEYOND;
                self.largest = self.largest.max(magnitude);
                self.total = self.total.wrapping_add(u64::from(magnitude));
            }
        }
        let marks = [SENT, POSITIVE, BEYOND].map(|bit| pack_bit(&flags, bit));
        self.nonzero += u64::from(marks[0].count_ones());
        marks
    }

    fn with(self, other: Self) -> Self {
        Self {
            nonzero: self.nonzero + other.nonzero,
            largest: self.largest.max(other.largest),
            total: self.total + other.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_with_touched_lines_equal_counts_without(
            rounds in prop::collection::vec(prop::collection::vec((0usize..5000, any::<bool>()), 0..40), 1..4),
        ) {
            let tau = Tau::exact(0.5).unwrap();
            let mut counts = Counts::new(5000);
            for signs in rounds {
                let mut plain = vec![0; 5000];
                for (index, up) in signs {
                    let mut one = vec![0; 5000];
                    one[index] = if up { 1 } else { -1 };
                    let mut message = Vec::new();
                    encode_counts(&one, tau, 1, &mut message).unwrap();
                    counts.add(&message).unwrap();
                    plain[index] += one[index];
                    message.pop();
                    let cut = counts.add(&message);
                    prop_assert!(matches!(cut, Err(Error::Truncated { .. })), "{:?}", cut);
                }
                prop_assert_eq!(counts.values(), &plain);
                let (mut with, mut without) = (Vec::new(), Vec::new());
                let nonzero = counts.encode(tau, 40, &mut with).unwrap();
                prop_assert_eq!(nonzero, encode_counts(&plain, tau, 40, &mut without).unwrap());
                prop_assert_eq!(with, without);
                counts.clear();
                prop_assert!(counts.values().iter().all(|&n| n == 0));
            }
        }
    }
}
