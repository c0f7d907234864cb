use crate::dense::{BYTES, first_bad, floats, shifted};
use crate::error::Error;
use crate::precision::Precision;
use crate::{bf16, dense};
use std::ops::Range;

/// The mean of large contributions, summed as their parts come in: [`crate::WeightedMean`] to the same bits,
/// in memory that does not grow with the number of workers.
///
/// A sum of floats depends on its order, so each value is added in slot order: a slot may add its value i only
/// when the slots before it have added theirs. [`ready`](Self::ready) says how far it may go; who is faster
/// than its predecessor waits, and its stream with it.
///
/// Memory: sums of 8 bytes a value, and 4 more for the mean: 3 × the model.
///
/// What has gone into the sum cannot be taken out again. A member that breaks off, or sends something not
/// finite, leaves a sum that never completes; the others are then summed anew.
#[derive(Debug, Clone)]
pub struct StreamingMean {
    sums: Vec<f64>,
    members: Vec<Member>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    slot: u32,
    /// None until it is known.
    weight: Option<u64>,
    /// Values in the sum.
    added: usize,
}

impl StreamingMean {
    /// The mean of nothing yet, over vectors of `len` values, of the members at `slots` in ascending order.
    ///
    /// # Errors
    /// [`Error::SlotOrder`].
    pub fn new(len: usize, slots: &[u32]) -> Result<Self, Error> {
        if let Some(pair) = slots.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(Error::SlotOrder { previous: pair[0], found: pair[1] });
        }
        let member = |&slot| Member { slot, weight: None, added: 0 };
        // −0.0 is the neutral element of addition: 0.0 would turn a lone −0.0 into 0.0.
        Ok(Self { sums: vec![-0.0; len], members: slots.iter().map(member).collect() })
    }

    /// Says what the contribution of `slot` weighs; it begins. Who has a weight of zero has nothing to send, and is
    /// complete at once.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`]; [`Error::SlotOrder`] for a second beginning; [`Error::Overflow`] where the weights
    /// cannot be counted together.
    pub fn open(&mut self, slot: u32, weight: u64) -> Result<(), Error> {
        let place = self.place(slot)?;
        if self.members[place].weight.is_some() {
            return Err(Error::SlotOrder { previous: slot, found: slot });
        }
        if self.weight().checked_add(weight).is_none() {
            return Err(Error::Overflow { what: "weights", found: weight });
        }
        let len = self.sums.len();
        let member = &mut self.members[place];
        (member.weight, member.added) = (Some(weight), if weight == 0 { len } else { 0 });
        Ok(())
    }

    /// How many values `slot` may add now, beginning at its [`next`](Self::next): 0 where it must wait for the
    /// slots before it, or is complete.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`].
    pub fn ready(&self, slot: u32) -> Result<usize, Error> {
        let place = self.place(slot)?;
        Ok(self.limit(place) - self.members[place].added)
    }

    /// Index of the value that `slot` adds next.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`].
    pub fn next(&self, slot: u32) -> Result<usize, Error> {
        Ok(self.members[self.place(slot)?].added)
    }

    /// Adds part of the contribution of `slot`: its values from index `at` on.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`], also for one that is not [open](Self::open); [`Error::Gap`] for another index than
    /// the slot's next; [`Error::Ahead`] for more than is [ready](Self::ready); [`Error::Length`] beyond the
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
        if count > self.sums.len() - at {
            return Err(Error::Length { what: "contribution", expected: self.sums.len(), found: at + count });
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
        let sums = &mut self.sums[at..at + count];
        match precision {
            Precision::F32 => accumulate(sums, factor, floats(bytes)),
            Precision::Bf16 => accumulate(sums, factor, bf16::floats(bytes)),
        }
        self.members[place].added += count;
        Ok(())
    }

    /// Values that every member has added, from the first on: their means are final, and can be
    /// [sent](Self::write_mean) while the rest is still coming in.
    #[must_use]
    pub fn complete(&self) -> usize {
        self.members.iter().map(|member| member.added).min().unwrap_or_default()
    }

    /// Whether every member has added everything.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete() == self.sums.len() && self.members.iter().all(|member| member.weight.is_some())
    }

    /// Sum of the members' weights, as far as they are known.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.members.iter().filter_map(|member| member.weight).sum()
    }

    /// Appends the means of `values`, all of which are [`complete`](Self::complete), as a dense payload.
    ///
    /// # Errors
    /// [`Error::Incomplete`] naming a slot whose values are missing, [`Error::NothingToReduce`] where all weights are
    /// zero.
    pub fn write_mean(&self, values: Range<usize>, out: &mut Vec<u8>) -> Result<(), Error> {
        let is_late = |member: &&Member| member.added < values.end || member.weight.is_none();
        if let Some(late) = self.members.iter().find(is_late) {
            return Err(Error::Incomplete { slot: late.slot, found: late.added, expected: values.end });
        }
        let weight = self.weight();
        if weight == 0 {
            return Err(Error::NothingToReduce);
        }
        let (divisor, start) = (weight as f64, out.len());
        out.resize(start + values.len() * BYTES, 0);
        let places = out[start..].as_chunks_mut::<BYTES>().0;
        for (four, sum) in places.iter_mut().zip(&self.sums[values]) {
            *four = ((sum / divisor) as f32).to_le_bytes();
        }
        Ok(())
    }

    /// The whole mean as a dense payload.
    ///
    /// # Errors
    /// As [`write_mean`](Self::write_mean).
    pub fn finish_payload(&self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.write_mean(0..self.sums.len(), &mut out)?;
        Ok(out)
    }

    /// Up to where a member may add: where the slots before it stand.
    fn limit(&self, place: usize) -> usize {
        let before = self.members[..place].iter().map(|member| member.added);
        before.min().unwrap_or(self.sums.len()).max(self.members[place].added)
    }

    fn place(&self, slot: u32) -> Result<usize, Error> {
        self.members
            .binary_search_by_key(&slot, |member| member.slot)
            .map_err(|_| Error::UnknownSlot { found: slot })
    }
}

fn accumulate(sums: &mut [f64], factor: f64, values: impl Iterator<Item = f32>) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * f64::from(value);
    }
}
