use super::forms::{Magnitudes, write_message};
use super::header::{Header, MAX_CONTRIBUTORS};
use super::marks::{Marks, WORD, pack_flags};
use super::tau::Tau;
use crate::error::Error;
use rayon::prelude::*;

/// Words of marks that one task works on; each stands for a block of 64 values.
const WORDS: usize = 1 << 10;

/// The sum of signs of a round: Σn of each value.
///
/// It knows which blocks of 64 values a message has touched, and later looks only at these. At the densities of GTC most
/// blocks stay untouched, and passing over all counts would cost more than all messages.
#[derive(Debug, Clone)]
pub struct Counts {
    values: Vec<i32>,
    /// One bit a block.
    touched: Vec<u64>,
    marks: Marks,
}

impl Counts {
    /// No signs yet, over a vector of `values` values.
    #[must_use]
    pub fn new(values: usize) -> Self {
        let touched = vec![0; values.div_ceil(WORD).div_ceil(u64::BITS as usize)];
        Self { values: vec![0; values], touched, marks: Marks::default() }
    }

    /// The counts.
    #[must_use]
    pub fn values(&self) -> &[i32] {
        &self.values
    }

    /// Adds a message's signs or counts. Sums of fewer than 2³¹ signs are exact; addition wraps beyond.
    ///
    /// # Errors
    /// All of [`Error`] that concerns a message. The counts are then as before.
    pub fn add(&mut self, message: &[u8]) -> Result<Header, Error> {
        let touched = &mut self.touched;
        super::apply::add_noting(message, &mut self.values, |index| {
            let block = index / WORD;
            touched[block / 64] |= 1 << (block % 64);
        })
    }

    /// Forgets all signs and keeps the memory.
    pub fn clear(&mut self) {
        for block in blocks_of(&self.touched) {
            let start = block * WORD;
            let end = self.values.len().min(start + WORD);
            self.values[start..end].fill(0);
        }
        self.touched.fill(0);
    }

    /// Appends the message of the sum over `divisor` contributors; see [`encode_counts`].
    ///
    /// # Errors
    /// As [`encode_counts`].
    pub fn encode(&mut self, tau: Tau, divisor: u32, out: &mut Vec<u8>) -> Result<u64, Error> {
        let is_touched = |block| self.is_touched(block);
        encode_marked(&self.values, is_touched, &mut self.marks, tau, divisor, out)
    }

    /// Whether a message has named a value of the block.
    pub(super) fn is_touched(&self, block: usize) -> bool {
        is_set(&self.touched, block)
    }
}

/// Appends the message of a sum of signs: `counts[i]` is Σn of value i over `divisor` contributors, each count in units of `tau`.
///
/// Returns the number of counts that are not zero. The shortest of four forms is taken: gaps, a bitmap, ternary or dense
/// codes; so the message of many workers' sum, where hardly a value is zero, stays near its entropy too.
///
/// # Errors
/// [`Error::CountOutOfBounds`] for a magnitude above `divisor`, [`Error::Header`] for a divisor of zero or above
/// [`MAX_CONTRIBUTORS`], [`Error::TooLong`]. `out` is then as before.
pub fn encode_counts(counts: &[i32], tau: Tau, divisor: u32, out: &mut Vec<u8>) -> Result<u64, Error> {
    encode_marked(counts, |_| true, &mut Marks::default(), tau, divisor, out)
}

/// [`encode_counts`] that looks only at the blocks for which `may_hold` is true: all others are zero.
fn encode_marked(
    counts: &[i32],
    may_hold: impl Fn(usize) -> bool + Sync,
    marks: &mut Marks,
    tau: Tau,
    divisor: u32,
    out: &mut Vec<u8>,
) -> Result<u64, Error> {
    if !(1..=MAX_CONTRIBUTORS).contains(&divisor) {
        let expected = format!("1 to {MAX_CONTRIBUTORS}");
        return Err(Error::Header { field: "divisor", found: u64::from(divisor), expected });
    }
    marks.resize(counts.len());
    let tasks = (
        counts.par_chunks(WORDS * WORD),
        marks.sent.par_chunks_mut(WORDS),
        marks.positive.par_chunks_mut(WORDS),
    );
    let sum = tasks
        .into_par_iter()
        .enumerate()
        .map(|(task, (counts, sent, positive))| {
            let mut sum = Sum::default();
            let words = sent.iter_mut().zip(positive);
            for (word, (values, (sent, positive))) in counts.chunks(WORD).zip(words).enumerate() {
                (*sent, *positive) = (0, 0);
                if may_hold(task * WORDS + word) {
                    (*sent, *positive) = sum.mark(values);
                }
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
    let magnitudes = (sum.largest > 1).then_some(Magnitudes { counts, total: sum.total });
    write_message(out, tau, divisor, counts.len(), marks, sum.nonzero, magnitudes)?;
    Ok(sum.nonzero)
}

/// What the blocks seen so far came to.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    nonzero: u64,
    /// Largest magnitude, and sum of all.
    largest: u32,
    total: u64,
}

impl Sum {
    /// Marks of the values of one block that are not zero, and of those above zero.
    fn mark(&mut self, values: &[i32]) -> (u64, u64) {
        if values.iter().fold(0, |any, n| any | n) == 0 {
            return (0, 0);
        }
        let mut flags = [0; WORD];
        for (flag, &n) in flags.iter_mut().zip(values) {
            *flag = u8::from(n != 0) | u8::from(n > 0) << 1;
            self.largest = self.largest.max(n.unsigned_abs());
            self.total = self.total.wrapping_add(u64::from(n.unsigned_abs()));
        }
        let (sent, positive) = pack_flags(&flags);
        self.nonzero += u64::from(sent.count_ones());
        (sent, positive)
    }

    fn with(self, other: Self) -> Self {
        Self {
            nonzero: self.nonzero + other.nonzero,
            largest: self.largest.max(other.largest),
            total: self.total + other.total,
        }
    }
}

fn is_set(bits: &[u64], at: usize) -> bool {
    bits[at / 64] >> (at % 64) & 1 == 1
}

fn blocks_of(touched: &[u64]) -> impl Iterator<Item = usize> + '_ {
    (0..touched.len() * 64).filter(|&block| is_set(touched, block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_that_know_what_was_touched_are_as_those_that_do_not(
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
                    prop_assert!(counts.add(&message).is_err());
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
