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
/// finite, spoils the sum: whatever is asked of it then is answered with [`Error::Spoiled`] by name, and the
/// round's contributions must be asked for again. A member of which nothing has come yet can still be
/// [left out](Self::leave_out).
#[derive(Debug, Clone)]
pub struct StreamingMean {
    sums: Vec<f64>,
    members: Vec<Member>,
    spoiled: Option<Error>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    slot: u32,
    weight: u64,
    /// Values in the sum.
    added: usize,
}

impl StreamingMean {
    /// The mean of nothing yet, over vectors of `len` values, of members given as slot and weight in ascending
    /// order of slots. Who has a weight of zero has nothing to send, and is complete at once.
    ///
    /// # Errors
    /// [`Error::SlotOrder`], [`Error::Overflow`] where the weights cannot be counted together, and
    /// [`Error::NothingToReduce`] where all are zero.
    pub fn new(len: usize, members: &[(u32, u64)]) -> Result<Self, Error> {
        if let Some(pair) = members.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            return Err(Error::SlotOrder { previous: pair[0].0, found: pair[1].0 });
        }
        let mut total = 0u64;
        for &(_, weight) in members {
            total = total.checked_add(weight).ok_or(Error::Overflow { what: "weights", found: weight })?;
        }
        if total == 0 {
            return Err(Error::NothingToReduce);
        }
        let member = |&(slot, weight)| Member { slot, weight, added: if weight == 0 { len } else { 0 } };
        // −0.0 is the neutral element of addition: 0.0 would turn a lone −0.0 into 0.0.
        Ok(Self { sums: vec![-0.0; len], members: members.iter().map(member).collect(), spoiled: None })
    }

    /// How many values `slot` may add now, beginning at its [`next`](Self::next): 0 where it must wait for the
    /// slots before it, or is complete.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`], [`Error::Spoiled`].
    pub fn ready(&self, slot: u32) -> Result<usize, Error> {
        self.check()?;
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
    /// [`Error::UnknownSlot`]; [`Error::Gap`] for another index than the slot's next; [`Error::Ahead`] for more
    /// than is [ready](Self::ready); [`Error::Length`] beyond the vector's end; [`Error::Trailing`] for a part
    /// that ends within a value; [`Error::Spoiled`]. Nothing is then added, and the part may come again.
    ///
    /// [`Error::NonFinite`] with the value's index in the vector: the contribution is worth nothing, but parts of
    /// it may be in the sum. Where none is, the member is left out and the round goes on.
    pub fn add(&mut self, slot: u32, at: usize, bytes: &[u8], precision: Precision) -> Result<(), Error> {
        self.check()?;
        let place = self.place(slot)?;
        let added = self.members[place].added;
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
            let error = shifted(error, at);
            if let Error::NonFinite { index, .. } = error {
                self.withdraw(place, index);
            }
            return Err(error);
        }
        let factor = self.members[place].weight as f64;
        let sums = &mut self.sums[at..at + count];
        match precision {
            Precision::F32 => accumulate(sums, factor, floats(bytes)),
            Precision::Bf16 => accumulate(sums, factor, bf16::floats(bytes)),
        }
        self.members[place].added += count;
        Ok(())
    }

    /// Goes on without a member, dead or refused. True where nothing of it was in the sum yet; else the sum is
    /// spoiled.
    ///
    /// # Errors
    /// [`Error::UnknownSlot`], [`Error::Spoiled`] where somebody spoiled it before.
    pub fn leave_out(&mut self, slot: u32) -> Result<bool, Error> {
        self.check()?;
        let place = self.place(slot)?;
        if self.members[place].weight > 0 {
            self.withdraw(place, self.members[place].added);
        }
        Ok(self.spoiled.is_none())
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
        self.spoiled.is_none() && self.complete() == self.sums.len()
    }

    /// The slots whose values are still missing, and from which index on, for a wait that names whom it waits for.
    pub fn missing(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        let len = self.sums.len();
        self.members.iter().filter(move |m| m.added < len).map(|m| (m.slot, m.added))
    }

    /// Sum of the members' weights; those left out do not count.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.members.iter().map(|member| member.weight).sum()
    }

    /// Appends the means of `values`, all of which are [`complete`](Self::complete), as a dense payload.
    ///
    /// # Errors
    /// [`Error::Spoiled`], [`Error::NothingToReduce`] where all members were left out, [`Error::Incomplete`]
    /// naming a slot whose values are missing.
    pub fn write_mean(&self, values: Range<usize>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.check()?;
        let weight = self.weight();
        if weight == 0 {
            return Err(Error::NothingToReduce);
        }
        if let Some(late) = self.members.iter().find(|member| member.added < values.end) {
            return Err(Error::Incomplete { slot: late.slot, found: late.added, expected: values.end });
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

    /// Up to where a member may add: where the slots before it stand. Who was left out stands at the end.
    fn limit(&self, place: usize) -> usize {
        let before = self.members[..place].iter().map(|member| member.added);
        before.min().unwrap_or(self.sums.len()).max(self.members[place].added)
    }

    fn place(&self, slot: u32) -> Result<usize, Error> {
        self.members
            .binary_search_by_key(&slot, |member| member.slot)
            .map_err(|_| Error::UnknownSlot { found: slot })
    }

    fn check(&self) -> Result<(), Error> {
        self.spoiled.clone().map_or(Ok(()), Err)
    }

    /// Takes a member out whose contribution ends before the value at `index`.
    fn withdraw(&mut self, place: usize, index: usize) {
        let len = self.sums.len();
        let member = &mut self.members[place];
        if member.added == 0 || len == 0 {
            (member.weight, member.added) = (0, len);
        } else {
            self.spoiled = Some(Error::Spoiled { slot: member.slot, index });
        }
    }
}

fn accumulate(sums: &mut [f64], factor: f64, values: impl Iterator<Item = f32>) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * f64::from(value);
    }
}
