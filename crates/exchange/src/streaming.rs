use crate::dense::{BYTES, first_bad, floats, shifted};
use crate::error::Error;
use crate::precision::Precision;
use crate::{bf16, dense};
use std::ops::Range;

/// The mean of large contributions, summed as their parts arrive: the same bits as [`crate::WeightedMean`], in memory
/// that does not grow with the number of workers.
///
/// A sum of floats depends on its order, so each value is added in slot order: a slot may add its value i only after
/// the slots before it have added theirs. [`ready`](Self::ready) returns how far it may go; a slot that is faster than
/// its predecessor waits, and its stream with it.
///
/// Memory: 8 bytes a value between the arrival of the first member's part and the moment when the mean is taken: 2 ×
/// the model if nothing is taken before the end, and little if members keep pace.
///
/// What has been added cannot be removed. If a member disconnects, or sends a value that is not finite, the sum never
/// completes, and the other contributions are then summed again.
#[derive(Debug, Clone)]
pub struct StreamingMean {
    len: usize,
    /// Sums of [`SEGMENT`] values each: empty before the first value arrives, and after the last is taken.
    sums: Vec<Vec<f64>>,
    /// Number of values whose mean was taken.
    taken: usize,
    members: Vec<Member>,
}

/// Number of values whose sums are allocated and freed together.
const SEGMENT: usize = 1 << 16;

#[derive(Debug, Clone, Copy)]
struct Member {
    slot: u32,
    /// `None` until it is known.
    weight: Option<u64>,
    /// Number of values in the sum.
    added: usize,
}

impl StreamingMean {
    /// Creates an empty mean of vectors of `len` values, of the members at `slots` in ascending order.
    ///
    /// # Errors
    /// [`Error::SlotOrder`].
    pub fn new(len: usize, slots: &[u32]) -> Result<Self, Error> {
        if let Some(pair) = slots.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(Error::SlotOrder { previous: pair[0], found: pair[1] });
        }
        let member = |&slot| Member { slot, weight: None, added: 0 };
        let sums = vec![Vec::new(); len.div_ceil(SEGMENT)];
        Ok(Self { len, sums, taken: 0, members: slots.iter().map(member).collect() })
    }

    /// Sets the weight of the contribution of `slot`, which begins. A slot with a weight of zero has nothing to send,
    /// and is complete at once.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`]; [`Error::SlotOrder`] if it has begun already; [`Error::Overflow`] if the sum of the
    /// weights overflows.
    pub fn open(&mut self, slot: u32, weight: u64) -> Result<(), Error> {
        let place = self.place(slot)?;
        if self.members[place].weight.is_some() {
            return Err(Error::SlotOrder { previous: slot, found: slot });
        }
        if self.weight().checked_add(weight).is_none() {
            return Err(Error::Overflow { what: "weights", found: weight });
        }
        let len = self.len;
        let member = &mut self.members[place];
        (member.weight, member.added) = (Some(weight), if weight == 0 { len } else { 0 });
        Ok(())
    }

    /// Returns the number of values that `slot` may add now, beginning at its [`next`](Self::next): 0 if it must wait
    /// for the slots before it, or is complete.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`].
    pub fn ready(&self, slot: u32) -> Result<usize, Error> {
        let place = self.place(slot)?;
        Ok(self.limit(place) - self.members[place].added)
    }

    /// Returns the index of the value that `slot` adds next.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`].
    pub fn next(&self, slot: u32) -> Result<usize, Error> {
        Ok(self.members[self.place(slot)?].added)
    }

    /// Adds part of the contribution of `slot`: its values from index `at` on.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`], also for a slot that is not [open](Self::open); [`Error::Gap`] for another index than
    /// the slot's next; [`Error::Ahead`] for more values than are [ready](Self::ready); [`Error::Length`] beyond the
    /// vector's end; [`Error::Trailing`] for a part that ends within a value; [`Error::NonFinite`] with the value's
    /// index in the vector. Nothing of the part is then added.
    pub fn add(&mut self, slot: u32, at: usize, bytes: &[u8], precision: Precision) -> Result<(), Error> {
        let place = self.place(slot)?;
        let Member { added, weight: Some(weight), .. } = self.members[place] else {
            return Err(Error::UnknownSlot { found: slot });
        };
        if at != added {
            return Err(Error::Gap { slot, expected: added, found: at });
        }
        if !bytes.len().is_multiple_of(precision.bytes()) {
            return Err(Error::Trailing { found: bytes.len() });
        }
        let count = bytes.len() / precision.bytes();
        if count > self.len - at {
            return Err(Error::Length { what: "contribution", expected: self.len, found: at + count });
        }
        if count > self.limit(place) - at {
            return Err(Error::Ahead { slot, ready: self.limit(place) - at, found: count });
        }
        let bad = match precision {
            Precision::F32 => first_bad(dense::floats(bytes)),
            Precision::Bf16 => first_bad(bf16::floats(bytes)),
        };
        if let Some(error) = bad {
            return Err(shifted(error, at));
        }
        let factor = weight as f64;
        match precision {
            Precision::F32 => self.accumulate(at, factor, count, floats(bytes)),
            Precision::Bf16 => self.accumulate(at, factor, count, bf16::floats(bytes)),
        }
        self.members[place].added += count;
        Ok(())
    }

    /// Adds `count` values from index `at` on.
    fn accumulate(&mut self, at: usize, factor: f64, count: usize, mut values: impl Iterator<Item = f32>) {
        for (segment, within) in segments(at..at + count) {
            let size = SEGMENT.min(self.len - segment * SEGMENT);
            let sums = &mut self.sums[segment];
            if sums.is_empty() {
                // −0.0 is the neutral element of addition: 0.0 would turn a lone −0.0 into 0.0.
                sums.resize(size, -0.0);
            }
            for (sum, value) in sums[within].iter_mut().zip(values.by_ref()) {
                *sum += factor * f64::from(value);
            }
        }
    }

    /// Returns the number of values, from the first on, that every member has added: their means are final, and can be
    /// [taken](Self::take_mean) while the rest is still arriving.
    #[must_use]
    pub fn complete(&self) -> usize {
        self.members.iter().map(|member| member.added).min().unwrap_or_default()
    }

    /// Returns the number of values whose mean was taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Returns whether every member has added everything.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete() == self.len && self.members.iter().all(|member| member.weight.is_some())
    }

    /// Returns the sum of the members' weights, as far as they are known.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.members.iter().filter_map(|member| member.weight).sum()
    }

    /// Appends the means of the values from [`taken`](Self::taken) up to `to`, all of which are
    /// [`complete`](Self::complete), as a dense payload. Their sums are then freed.
    ///
    /// # Errors
    /// [`Error::Incomplete`] with a slot whose values are missing, [`Error::NothingToReduce`] if all weights are zero.
    /// Nothing is then taken.
    pub fn take_mean(&mut self, to: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let is_late = |member: &&Member| member.added < to || member.weight.is_none();
        if let Some(late) = self.members.iter().find(is_late) {
            return Err(Error::Incomplete { slot: late.slot, found: late.added, expected: to });
        }
        let weight = self.weight();
        if weight == 0 {
            return Err(Error::NothingToReduce);
        }
        let divisor = weight as f64;
        let from = self.taken.min(to);
        out.reserve((to - from) * BYTES);
        for (segment, within) in segments(from..to) {
            let means = self.sums[segment][within.clone()].iter().map(|sum| (sum / divisor) as f32);
            means.for_each(|mean| out.extend_from_slice(&mean.to_le_bytes()));
            if within.end == SEGMENT {
                self.sums[segment] = Vec::new();
            }
        }
        self.taken = self.taken.max(to);
        Ok(())
    }

    /// Returns the whole mean as a dense payload, if nothing was taken before.
    ///
    /// # Errors
    /// As [`take_mean`](Self::take_mean).
    pub fn finish_payload(mut self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.take_mean(self.len, &mut out)?;
        Ok(out)
    }

    /// Returns up to where a member may add: as far as the slots before it.
    fn limit(&self, place: usize) -> usize {
        let before = self.members[..place].iter().map(|member| member.added);
        before.min().unwrap_or(self.len).max(self.members[place].added)
    }

    fn place(&self, slot: u32) -> Result<usize, Error> {
        self.members
            .binary_search_by_key(&slot, |member| member.slot)
            .map_err(|_| Error::UnknownSlot { found: slot })
    }
}

/// Splits a range of values at the ends of segments: number of the segment, and the values within it.
fn segments(values: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
    let Range { start, end } = values;
    let touched = if start < end { start / SEGMENT..end.div_ceil(SEGMENT) } else { 0..0 };
    touched.map(move |segment| {
        let first = segment * SEGMENT;
        (segment, start.max(first) - first..end.min(first + SEGMENT) - first)
    })
}
