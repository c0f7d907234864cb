use super::{Block, Limits, Squares};
use crate::gtc::marks::{WORD, pack_bit};

/// Bits of one value's flags.
const UP: u32 = 0;
const DOWN: u32 = 1;

/// See [`super::threshold_blocks`].
pub(super) fn threshold_blocks<const CLIP: bool>(
    update: &[[f32; WORD]],
    residual: &[[f32; WORD]],
    next: &mut [[f32; WORD]],
    limits: Limits,
    mut record: impl FnMut(usize, Block),
) -> (Squares, Squares) {
    let (mut squares, mut sum_squares) = (Squares::default(), Squares::default());
    let blocks = update.iter().zip(residual).zip(next);
    for (number, ((update, residual), next)) in blocks.enumerate() {
        let mut flags = [0; WORD];
        let mut clipped = 0;
        for at in 0..WORD {
            let sum = residual[at] + update[at];
            let (up, down) = (sum >= limits.tau, sum <= -limits.tau);
            flags[at] = u8::from(up) << UP | u8::from(down) << DOWN;
            // Subtracting 0.0 changes no bit of any number.
            let left = sum - (if up { limits.tau } else { 0.0 } - if down { limits.tau } else { 0.0 });
            next[at] = left;
            if CLIP {
                sum_squares.0[at % 8] += f64::from(sum) * f64::from(sum);
                clipped += u32::from(left.abs() > limits.clip);
                next[at] = left.clamp(-limits.clip, limits.clip);
            }
        }
        for eight in next.as_chunks::<8>().0 {
            for (square, &left) in squares.0.iter_mut().zip(eight) {
                *square += f64::from(left) * f64::from(left);
            }
        }
        record(number, Block { up: pack_bit(&flags, UP), down: pack_bit(&flags, DOWN), clipped });
    }
    (squares, sum_squares)
}
