use crate::bf16;
use crate::dense::{BYTES, floats};
use crate::error::{Error, first_non_finite, same_length};
use crate::precision::Precision;
use rayon::prelude::*;

/// Mean of vectors weighted by whole numbers (frames): `Σ wᵢ·vᵢ / Σ wᵢ`, each sum in `f64` and rounded once to `f32`.
///
/// The same vectors in the same order give the same bits, whatever the number of threads; so vectors must be added in
/// slot order. The mean of one vector is that vector bit for bit, because the error of `w·v/w` is far less than half a
/// unit in the last place of an `f32`.
#[derive(Debug, Clone)]
pub struct WeightedMean {
    sums: Vec<f64>,
    weight: u64,
}

/// Number of values in one task.
const CHUNK: usize = 1 << 16;

impl WeightedMean {
    /// Creates an empty mean of vectors of `len` values.
    #[must_use]
    pub fn new(len: usize) -> Self {
        // −0.0 is the neutral element of addition: 0.0 would turn a lone −0.0 into 0.0.
        Self { sums: vec![-0.0; len], weight: 0 }
    }

    /// Adds `values` with `weight`; a weight of zero adds nothing.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::NonFinite`] and [`Error::Overflow`]; the mean is then unchanged.
    pub fn add(&mut self, weight: u64, values: &[f32]) -> Result<(), Error> {
        same_length("vector", self.sums.len(), values.len())?;
        if let Some(error) = first_non_finite("vector", values.iter().copied()) {
            return Err(error);
        }
        let total = self.total_with(weight)?;
        self.accumulate(weight, total, values.par_chunks(CHUNK), |chunk| chunk.iter().copied());
        Ok(())
    }

    /// Adds a dense payload with `weight` without decoding it into memory.
    ///
    /// # Errors
    /// As [`WeightedMean::add`].
    pub fn add_payload(&mut self, weight: u64, payload: &[u8], precision: Precision) -> Result<(), Error> {
        precision.check(payload, self.sums.len())?;
        let total = self.total_with(weight)?;
        let chunks = payload.par_chunks(CHUNK * precision.bytes());
        match precision {
            Precision::F32 => self.accumulate(weight, total, chunks, floats),
            Precision::Bf16 => self.accumulate(weight, total, chunks, bf16::floats),
        }
        Ok(())
    }

    /// Returns the mean as `f32`.
    ///
    /// # Errors
    /// [`Error::NothingToReduce`] if nothing with a weight was added.
    pub fn finish(&self) -> Result<Vec<f32>, Error> {
        let weight = self.divisor()?;
        let mut mean = vec![0.0; self.sums.len()];
        mean.par_chunks_mut(CHUNK).zip(self.sums.par_chunks(CHUNK)).for_each(|(out, sums)| {
            for (value, sum) in out.iter_mut().zip(sums) {
                *value = (sum / weight) as f32;
            }
        });
        Ok(mean)
    }

    /// Returns the mean as a dense payload.
    ///
    /// # Errors
    /// As [`WeightedMean::finish`].
    pub fn finish_payload(&self) -> Result<Vec<u8>, Error> {
        let weight = self.divisor()?;
        let mut bytes = vec![0; self.sums.len() * BYTES];
        bytes.par_chunks_mut(CHUNK * BYTES).zip(self.sums.par_chunks(CHUNK)).for_each(|(out, sums)| {
            for (four, sum) in out.chunks_exact_mut(BYTES).zip(sums) {
                four.copy_from_slice(&((sum / weight) as f32).to_le_bytes());
            }
        });
        Ok(bytes)
    }

    /// Removes what was added and keeps the memory.
    pub fn clear(&mut self) {
        self.sums.fill(-0.0);
        self.weight = 0;
    }

    /// Returns the sum of the weights added.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight
    }

    fn total_with(&self, weight: u64) -> Result<u64, Error> {
        self.weight.checked_add(weight).ok_or(Error::Overflow { what: "weights", found: weight })
    }

    fn divisor(&self) -> Result<f64, Error> {
        if self.weight == 0 { Err(Error::NothingToReduce) } else { Ok(self.weight as f64) }
    }

    fn accumulate<'a, T, I>(
        &mut self,
        weight: u64,
        total: u64,
        chunks: impl IndexedParallelIterator<Item = &'a [T]>,
        values: impl Fn(&'a [T]) -> I + Sync,
    ) where
        T: Sync + 'a,
        I: Iterator<Item = f32>,
    {
        if weight == 0 {
            return;
        }
        let factor = weight as f64;
        self.sums.par_chunks_mut(CHUNK).zip(chunks).for_each(|(sums, chunk)| {
            for (sum, value) in sums.iter_mut().zip(values(chunk)) {
                *sum += factor * f64::from(value);
            }
        });
        self.weight = total;
    }
}
