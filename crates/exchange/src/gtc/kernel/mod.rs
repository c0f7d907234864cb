//! The pass over 64 values at a time that everything else waits for: two reads and a write per value, near
//! the speed of memory.
//!
//! One portable formulation, which compilers turn into vector code, and one for x86-64 machines with AVX2, which
//! gathers the marks with an instruction of that machine and writes large residuals past the caches. Both do the same
//! arithmetic in the same order for every value; a test holds them to the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

use super::marks::WORD;

/// What the values of a chunk are compared with and cut to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// τ.
    pub(super) tau: f32,
    /// Largest magnitude of a residual; infinite where nothing is cut.
    pub(super) clip: f32,
}

/// How the next residual is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// Through the caches: it will be read soon.
    Cached,
    /// Past the caches, which it would sweep, without reading first what it overwrites.
    Streamed,
}

/// What 64 values came to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Block {
    /// Values at +τ and above.
    pub(super) up: u64,
    /// Values at −τ and below.
    pub(super) down: u64,
    /// Residuals cut.
    pub(super) clipped: u32,
}

/// Sums of squares in eight lanes: value i goes to lane i % 8.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Squares(pub(super) [f64; 8]);

/// Thresholds whole blocks of 64 values: writes the next residual and calls `record(block number, block)`;
/// returns the squares of the next residual, and of the sums where a clip could hide what is not finite in
/// them.
pub(super) fn threshold_blocks(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    limits: Limits,
    writes: Writes,
    record: impl FnMut(usize, Block),
) -> (Squares, Squares) {
    if limits.clip.is_finite() {
        // Rare: no need for speed.
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

    /// Values about a threshold of 1, and the odd ones.
    fn any_value() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -3f32..3.0,
            1 => any::<f32>(),
            1 => prop::sample::select(ODD.to_vec()),
        ]
    }

    fn bits(blocks: &[[f32; WORD]]) -> Vec<u32> {
        // Two NaNs are one: which of two operands' payloads survives is not defined.
        blocks
            .as_flattened()
            .iter()
            .map(|v| if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() })
            .collect()
    }

    proptest! {
        #[test]
        fn every_formulation_gives_the_same_bits(
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
                // Also where the target is not aligned for streaming.
                let mut space = vec![0f32; WORD * 5 + 8];
                let next = space[offset..offset + WORD * 5].as_chunks_mut().0;
                let mut blocks = Vec::new();
                let found = avx2::threshold_blocks(update, residual, next, limits.tau, writes, |_, b| blocks.push(b));
                // Such a machine has one formulation only.
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
