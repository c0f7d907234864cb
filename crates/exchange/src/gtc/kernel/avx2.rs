use super::{Block, Squares, Writes};
use crate::gtc::marks::WORD;
use std::arch::x86_64::{
    __m128, _CMP_GE_OQ, _CMP_LE_OQ, _MM_HINT_T0, _mm_prefetch, _mm_sfence, _mm_stream_ps, _mm256_add_pd,
    _mm256_add_ps, _mm256_and_ps, _mm256_castps256_ps128, _mm256_cmp_ps, _mm256_cvtps_pd,
    _mm256_extractf128_ps, _mm256_loadu_ps, _mm256_movemask_ps, _mm256_mul_pd, _mm256_or_ps, _mm256_set1_ps,
    _mm256_setzero_pd, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_sub_ps,
};

/// Number of values in a vector register.
const LANES: usize = 8;

/// Number of values by which reads are prefetched.
const AHEAD: usize = 8 * WORD;

/// See [`super::threshold_blocks`]; returns `None` and does nothing on a machine without AVX2 and POPCNT.
pub(super) fn threshold_blocks(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    tau: f32,
    writes: Writes,
    record: impl FnMut(usize, Block),
) -> Option<Squares> {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")) {
        return None;
    }
    let aligned = next.as_ptr().addr().is_multiple_of(align_of::<__m128>());
    // SAFETY: the machine has both features. `STREAMED` is true only if `next` is aligned to 16 bytes; then each of its
    // blocks is too, because a block has 256 bytes.
    Some(unsafe {
        if writes == Writes::Streamed && aligned {
            pass::<true>(update, residual, next, tau, record)
        } else {
            pass::<false>(update, residual, next, tau, record)
        }
    })
}

/// # Safety
/// With `STREAMED`, `next` is aligned to 16 bytes.
#[target_feature(enable = "avx2,popcnt")]
unsafe fn pass<const STREAMED: bool>(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    tau: f32,
    mut record: impl FnMut(usize, Block),
) -> Squares {
    let (above, below) = (_mm256_set1_ps(tau), _mm256_set1_ps(-tau));
    let (mut low_squares, mut high_squares) = (_mm256_setzero_pd(), _mm256_setzero_pd());
    let blocks = update.iter().zip(residual).zip(next);
    for (number, ((update, residual), next)) in blocks.enumerate() {
        for line in (0..WORD).step_by(64 / size_of::<f32>()) {
            // A prefetch hint may use any address, even one beyond the end.
            let ahead = |block: &[f32; WORD]| block.as_ptr().wrapping_add(AHEAD + line).cast::<i8>();
            _mm_prefetch::<_MM_HINT_T0>(ahead(update));
            _mm_prefetch::<_MM_HINT_T0>(ahead(residual));
        }
        let mut block = Block::default();
        for at in (0..WORD).step_by(LANES) {
            // SAFETY: `at + LANES <= WORD`, the length of all three arrays; unaligned loads.
            let sum = unsafe {
                let (residual, update) = (residual.as_ptr().add(at), update.as_ptr().add(at));
                _mm256_add_ps(_mm256_loadu_ps(residual), _mm256_loadu_ps(update))
            };
            let (up, down) =
                (_mm256_cmp_ps::<_CMP_GE_OQ>(sum, above), _mm256_cmp_ps::<_CMP_LE_OQ>(sum, below));
            // A mask of ones keeps ±τ; one of zeros gives 0.0, whose subtraction changes no bit of any number.
            let crossed = _mm256_or_ps(_mm256_and_ps(up, above), _mm256_and_ps(down, below));
            let left = _mm256_sub_ps(sum, crossed);
            // SAFETY: as for the loads; the caller guarantees the alignment of streamed stores.
            unsafe {
                if STREAMED {
                    // In halves, because allocators align to 16 bytes, but rarely to 32.
                    _mm_stream_ps(next.as_mut_ptr().add(at), _mm256_castps256_ps128(left));
                    _mm_stream_ps(next.as_mut_ptr().add(at + LANES / 2), _mm256_extractf128_ps::<1>(left));
                } else {
                    _mm256_storeu_ps(next.as_mut_ptr().add(at), left);
                }
            }
            block.up |= u64::from(_mm256_movemask_ps(up) as u8) << at;
            block.down |= u64::from(_mm256_movemask_ps(down) as u8) << at;
            let low = _mm256_cvtps_pd(_mm256_castps256_ps128(left));
            let high = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(left));
            low_squares = _mm256_add_pd(low_squares, _mm256_mul_pd(low, low));
            high_squares = _mm256_add_pd(high_squares, _mm256_mul_pd(high, high));
        }
        record(number, block);
    }
    if STREAMED {
        // Streamed stores must be complete before another thread reads them.
        _mm_sfence();
    }
    let mut squares = Squares::default();
    // SAFETY: two unaligned stores of four `f64` each into eight.
    unsafe {
        _mm256_storeu_pd(squares.0.as_mut_ptr(), low_squares);
        _mm256_storeu_pd(squares.0.as_mut_ptr().add(LANES / 2), high_squares);
    }
    squares
}
