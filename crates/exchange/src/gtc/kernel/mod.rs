//! The innermost loop of encoding, over 64 values at a time: two reads and a write per value, near the speed of memory.
//!
//! There is a portable implementation, which compilers vectorise, and one for x86-64 machines with AVX2, which collects
//! the marks with a special instruction and writes large residuals with streaming stores. Both do the same arithmetic
//! in the same order for every value; a test checks that they give the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

use super::marks::WORD;

/// Threshold and clip for the values of a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// τ.
    pub(super) tau: f32,
    /// Largest magnitude of a residual; infinite without clipping.
    pub(super) clip: f32,
}

/// How the next residual is written to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// Through the caches, because it will be read soon.
    Cached,
    /// With streaming stores, which do not evict other data and do not read what they overwrite.
    Streamed,
}

/// The result for 64 values.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Block {
    /// Marks of values at +τ and above.
    pub(super) up: u64,
    /// Marks of values at −τ and below.
    pub(super) down: u64,
    /// Number of residuals that were clipped.
    pub(super) clipped: u32,
}

/// Sums of squares in eight lanes: value i is added to lane i % 8.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Squares(pub(super) [f64; 8]);

/// Thresholds whole blocks of 64 values: writes the next residual and calls `record(block number, block)`. Returns the
/// squares of the next residual, and, with a clip, which could hide values that are not finite, the squares of the
/// sums.
pub(super) fn threshold_blocks(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    limits: Limits,
    writes: Writes,
    record: impl FnMut(usize, Block),
) -> (Squares, Squares) {
    if limits.clip.is_finite() {
        // Rare, so speed does not matter.
        return portable::threshold_blocks::<true>(update, residual, next, limits, record);
    }
    fast(update, residual, next, limits, writes, record)
}

#[cfg(target_arch = "x86_64")]
fn fast(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    limits: Limits,
    writes: Writes,
    mut record: impl FnMut(usize, Block),
) -> (Squares, Squares) {
    match avx2::threshold_blocks(update, residual, next, limits.tau, writes, &mut record) {
        Some(squares) => (squares, Squares::default()),
        None => portable::threshold_blocks::<false>(update, residual, next, limits, record),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn fast(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    limits: Limits,
    _streams_nowhere_else: Writes,
    record: impl FnMut(usize, Block),
) -> (Squares, Squares) {
    portable::threshold_blocks::<false>(update, residual, next, limits, record)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ODD: [f32; 7] = [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

    /// Values around a threshold of 1, and special ones.
    fn any_value() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -3f32..3.0,
            1 => any::<f32>(),
            1 => prop::sample::select(ODD.to_vec()),
        ]
    }

    fn bits(blocks: &[[f32; WORD]]) -> Vec<u32> {
        // All NaNs are equal here: which operand's payload survives is not defined.
        blocks
            .as_flattened()
            .iter()
            .map(|v| if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() })
            .collect()
    }

    proptest! {
        #[test]
        fn every_implementation_gives_the_same_bits(
            values in prop::collection::vec((any_value(), any_value()), WORD * 5),
            offset in 0usize..8,
        ) {
            let (update, residual): (Vec<f32>, Vec<f32>) = values.into_iter().unzip();
            let (update, residual) = (update.as_chunks().0, residual.as_chunks().0);
            let limits = Limits { tau: 1.0, clip: f32::INFINITY };
            let mut expected = vec![[0.0; WORD]; 5];
            let mut expected_blocks = Vec::new();
            let record = |_, block| expected_blocks.push(block);
            let (squares, _) =
                portable::threshold_blocks::<false>(update, residual, &mut expected, limits, record);
            for writes in [Writes::Cached, Writes::Streamed] {
                // Also if the target is not aligned for streaming.
                let mut space = vec![0f32; WORD * 5 + 8];
                let next = space[offset..offset + WORD * 5].as_chunks_mut().0;
                let mut blocks = Vec::new();
                let found = avx2::threshold_blocks(update, residual, next, limits.tau, writes, |_, b| blocks.push(b));
                // On such a machine there is only one implementation.
                let Some(found) = found else { return Ok(()) };
                prop_assert_eq!(bits(next), bits(&expected));
                prop_assert_eq!(&blocks, &expected_blocks);
                for (found, expected) in found.0.into_iter().zip(squares.0) {
                    let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                    prop_assert!(same, "{} {}", found, expected);
                }
            }
        }
    }
}
