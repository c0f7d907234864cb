//! Weights of a linear map, packed once, and their product with a few rows.
//!
//! Streams multiply a matrix by one vector at a time, which takes as long as reading the weights. Libraries for products of
//! matrices pack both factors in each call, which takes longer than such a product, or have other code for vectors, with another
//! order of additions, so that the bits would depend on the number of frames.

use crate::lanes::Lanes;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Eight, Sixteen};
use crate::level::Level;
use std::ops::Range;

/// Outputs of a panel. With 64, one row alone keeps 8 registers of AVX2 busy, enough to hide the latency of their sums.
const PANEL: usize = 64;

/// The weights `[outputs, inputs]` of a linear map, in panels of [`PANEL`] outputs: of a panel first the weights on input 0, then
/// those on input 1. The last panel is filled up with zeros.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    inputs: usize,
    outputs: usize,
    panels: Vec<[f32; PANEL]>,
}

impl Weights {
    /// Packs row-major weights, `[outputs, inputs]`; there is at least one input.
    pub(crate) fn pack(weights: &[f32], inputs: usize) -> Self {
        let outputs = weights.len() / inputs;
        let mut panels = vec![[0.0; PANEL]; outputs.div_ceil(PANEL) * inputs];
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            let panel = &mut panels[output / PANEL * inputs..][..inputs];
            panel.iter_mut().zip(row).for_each(|(place, weight)| place[output % PANEL] = *weight);
        }
        Self { inputs, outputs, panels }
    }

    /// Number of inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Adds to each row of `sums`, `[rows, outputs]`, the product of the weights with the same row of `rows`, `[rows, inputs]`:
    /// for each sum a chain of fused multiply-adds from the first input to the last.
    pub(crate) fn add_product(&self, level: Level, rows: &[f32], sums: &mut [f32]) {
        match level {
            Level::Baseline => self.product::<f32, 8, 1, 8>(rows, sums),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level says that the CPU has these instructions.
            Level::Avx2 => unsafe { self.product_avx2(rows, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level says that the CPU has these instructions.
            Level::Avx512 => unsafe { self.product_avx512(rows, sums) },
        }
    }

    /// 8 of 16 registers hold sums, whether of one row or of four.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn product_avx2(&self, rows: &[f32], sums: &mut [f32]) {
        self.product::<Eight, 8, 4, 2>(rows, sums);
    }

    /// One row: 4 registers are enough, because reading the weights takes longer. Four rows: 16 of 32 registers hold sums.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512vl")]
    fn product_avx512(&self, rows: &[f32], sums: &mut [f32]) {
        self.product::<Sixteen, 4, 4, 4>(rows, sums);
    }

    /// Computes `ROWS` rows together, `STRIPE` vectors of outputs at a time, and the remaining rows alone, `ALONE` vectors at a
    /// time.
    #[inline(always)]
    fn product<V: Lanes, const ALONE: usize, const ROWS: usize, const STRIPE: usize>(
        &self,
        rows: &[f32],
        sums: &mut [f32],
    ) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        for (panel, first) in self.panels.chunks_exact(inputs).zip((0..).step_by(PANEL)) {
            let columns = first..outputs.min(first + PANEL);
            let mut blocks = rows.chunks_exact(ROWS * inputs);
            let mut places = sums.chunks_exact_mut(ROWS * outputs);
            for (rows, sums) in (&mut blocks).zip(&mut places) {
                block::<V, ROWS, STRIPE>(panel, rows, sums, columns.clone());
            }
            let alone = blocks.remainder().chunks_exact(inputs);
            for (row, sums) in alone.zip(places.into_remainder().chunks_exact_mut(outputs)) {
                block::<V, 1, ALONE>(panel, row, sums, columns.clone());
            }
        }
    }
}

/// Adds the products of one panel, which has the outputs `columns`, with `ROWS` rows.
#[inline(always)]
fn block<V: Lanes, const ROWS: usize, const STRIPE: usize>(
    panel: &[[f32; PANEL]],
    rows: &[f32],
    sums: &mut [f32],
    columns: Range<usize>,
) {
    let (inputs, outputs) = (panel.len(), sums.len() / ROWS);
    let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &rows[row * inputs..(row + 1) * inputs]);
    let mut chains = [[0.0; PANEL]; ROWS];
    for (chains, sums) in chains.iter_mut().zip(sums.chunks_exact(outputs)) {
        chains[..columns.len()].copy_from_slice(&sums[columns.clone()]);
    }
    for stripe in (0..columns.len()).step_by(STRIPE * V::COUNT) {
        let place = |vector: usize| stripe + vector * V::COUNT;
        let mut running = [[V::splat(0.0); STRIPE]; ROWS];
        for (running, chains) in running.iter_mut().zip(&chains) {
            running.iter_mut().enumerate().for_each(|(vector, sum)| *sum = V::load(chains, place(vector)));
        }
        for (input, weights) in panel.iter().enumerate() {
            let mut loaded = [V::splat(0.0); STRIPE];
            loaded.iter_mut().enumerate().for_each(|(vector, load)| *load = V::load(weights, place(vector)));
            for (running, row) in running.iter_mut().zip(&rows) {
                let value = V::splat(row[input]);
                for (sum, weight) in running.iter_mut().zip(loaded) {
                    *sum = value.multiply_add(weight, *sum);
                }
            }
        }
        for (running, chains) in running.iter().zip(&mut chains) {
            running.iter().enumerate().for_each(|(vector, sum)| sum.store(chains, place(vector)));
        }
    }
    for (chains, sums) in chains.iter().zip(sums.chunks_exact_mut(outputs)) {
        sums[columns.clone()].copy_from_slice(&chains[..columns.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(count: usize, seed: u64) -> Vec<f32> {
        (0..count as u64)
            .map(|n| stentor_random::unit_interval(stentor_random::nth(seed, n)) as f32 - 0.5)
            .collect()
    }

    /// The chains, one after the other.
    fn by_hand(weights: &[f32], inputs: usize, rows: &[f32], sums: &[f32]) -> Vec<f32> {
        let outputs = weights.len() / inputs;
        let sum = |(place, sum): (usize, &f32)| {
            let row = &rows[place / outputs * inputs..][..inputs];
            let weights = &weights[place % outputs * inputs..][..inputs];
            row.iter().zip(weights).fold(*sum, |sum, (value, weight)| value.mul_add(*weight, sum))
        };
        sums.iter().enumerate().map(sum).collect()
    }

    proptest! {
        #[test]
        fn every_level_and_number_of_rows_gives_the_bits_of_the_chains(
            outputs in 1usize..150, inputs in 1usize..40, rows in 0usize..11, seed: u64,
        ) {
            let weights = values(outputs * inputs, seed);
            let packed = Weights::pack(&weights, inputs);
            let (rows, sums) = (values(rows * inputs, seed ^ 1), values(rows * outputs, seed ^ 2));
            let expected = by_hand(&weights, inputs, &rows, &sums);
            for level in Level::all() {
                let mut sums = sums.clone();
                packed.add_product(level, &rows, &mut sums);
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&sums), bits(&expected), "{:?}", level);
            }
        }
    }
}
