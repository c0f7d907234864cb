use super::{Block, Squares, Writes};
use crate::gtc::marks::WORD;
use std::arch::x86_64::{
    __m128, _MM_HINT_T0, _mm_add_pd, _mm_add_ps, _mm_and_ps, _mm_cmpge_ps, _mm_cmple_ps, _mm_cvtps_pd,
    _mm_loadu_ps, _mm_movehl_ps, _mm_movemask_ps, _mm_mul_pd, _mm_or_ps, _mm_prefetch, _mm_set1_ps,
    _mm_setzero_pd, _mm_sfence, _mm_storeu_pd, _mm_storeu_ps, _mm_stream_ps, _mm_sub_ps,
};

/// Values to a vector register.
const LANES: usize = 4;

/// Values by which reads run ahead.
const AHEAD: usize = 8 * WORD;

/// See [`super::threshold_blocks`].
pub(super) fn threshold_blocks(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    tau: f32,
    writes: Writes,
    record: impl FnMut(usize, Block),
) -> Squares {
    let aligned = next.as_ptr().addr().is_multiple_of(align_of::<__m128>());
    // SAFETY: every x86-64 has SSE2. `STREAMED` is true only where `next` is aligned to 16 bytes; each of its
    // blocks is then too, for a block has 256.
    unsafe {
        if writes == Writes::Streamed && aligned {
            pass::<true>(update, residual, next, tau, record)
        } else {
            pass::<false>(update, residual, next, tau, record)
        }
    }
}

/// # Safety
/// With `STREAMED`, `next` is aligned to 16 bytes.
#[target_feature(enable = "sse2")]
unsafe fn pass<const STREAMED: bool>(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    tau: f32,
    mut record: impl FnMut(usize, Block),
) -> Squares {
    let (above, below) = (_mm_set1_ps(tau), _mm_set1_ps(-tau));
    let (mut low_squares, mut high_squares) = (_mm_setzero_pd(), _mm_setzero_pd());
    let blocks = update.iter().zip(residual).zip(next);
    for (number, ((update, residual), next)) in blocks.enumerate() {
        for line in (0..WORD).step_by(64 / size_of::<f32>()) {
            // A hint that may name any address, also one beyond the end.
            let ahead = |block: &[f32; WORD]| block.as_ptr().wrapping_add(AHEAD + line).cast::<i8>();
            _mm_prefetch::<_MM_HINT_T0>(ahead(update));
            _mm_prefetch::<_MM_HINT_T0>(ahead(residual));
        }
        let mut block = Block::default();
        for (vector, at) in (0..WORD).step_by(LANES).enumerate() {
            // SAFETY: `at + LANES <= WORD`, the length of all three arrays; unaligned loads.
            let sum = unsafe {
                _mm_add_ps(_mm_loadu_ps(residual.as_ptr().add(at)), _mm_loadu_ps(update.as_ptr().add(at)))
            };
            let (up, down) = (_mm_cmpge_ps(sum, above), _mm_cmple_ps(sum, below));
            // A mask of ones keeps ±τ, one of zeros leaves 0.0, whose subtraction changes no bit of any number.
            let left = _mm_sub_ps(sum, _mm_or_ps(_mm_and_ps(up, above), _mm_and_ps(down, below)));
            // SAFETY: as for the loads; the caller vouches for the alignment of streamed stores.
            unsafe {
                if STREAMED {
                    _mm_stream_ps(next.as_mut_ptr().add(at), left);
                } else {
                    _mm_storeu_ps(next.as_mut_ptr().add(at), left);
                }
            }
            block.up |= (_mm_movemask_ps(up) as u64) << (vector * LANES);
            block.down |= (_mm_movemask_ps(down) as u64) << (vector * LANES);
            let (low, high) = (_mm_cvtps_pd(left), _mm_cvtps_pd(_mm_movehl_ps(left, left)));
            low_squares = _mm_add_pd(low_squares, _mm_mul_pd(low, low));
            high_squares = _mm_add_pd(high_squares, _mm_mul_pd(high, high));
        }
        record(number, block);
    }
    if STREAMED {
        // Streamed stores must be in order before anybody else reads them.
        _mm_sfence();
    }
    let mut squares = Squares::default();
    // SAFETY: two unaligned stores of two `f64` each into four.
    unsafe {
        _mm_storeu_pd(squares.0.as_mut_ptr(), low_squares);
        _mm_storeu_pd(squares.0.as_mut_ptr().add(2), high_squares);
    }
    squares
}
