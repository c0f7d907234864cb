//! Every sum and every criterion.

use crate::{Criterion, Direction, Sums, Unit};

/// Sum: frames that were processed.
pub const FRAMES: &str = "frames";
/// Sum: the loss of these frames, nats.
pub const LOSS_SUM: &str = "loss";
/// Sum: those of these frames whose most probable senone is the target's.
pub const CORRECT_FRAMES: &str = "correct-frames";

/// Every sum, in the order of their names.
pub(crate) const SUMS: [&str; 3] = [CORRECT_FRAMES, FRAMES, LOSS_SUM];

/// The mean loss of a frame.
pub const LOSS: Criterion = Criterion {
    name: "loss",
    meaning: "Mean loss of a frame, nats; lower is better.",
    unit: Unit::Nats,
    direction: Direction::LowerIsBetter,
    of: |sums| Some(sums.get(LOSS_SUM)? / frames(sums)?),
};

/// The share of frames with a wrong senone.
pub const FRAME_ERROR: Criterion = Criterion {
    name: "frame-error",
    meaning: "Share of frames whose most probable senone is not the alignment's, percent; lower is better.",
    unit: Unit::Percent,
    direction: Direction::LowerIsBetter,
    of: |sums| Some(100.0 * (1.0 - sums.get(CORRECT_FRAMES)? / frames(sums)?)),
};

/// Every criterion, in the order in which files list their values.
pub const CRITERIA: [Criterion; 2] = [LOSS, FRAME_ERROR];

/// The sums over some frames: their number, their loss in nats, and how many of them have the right senone.
#[must_use]
pub fn frame_sums(frames: u64, loss: f64, correct: u64) -> Sums {
    let mut sums = Sums::default();
    sums.add(FRAMES, frames as f64);
    sums.add(LOSS_SUM, loss);
    sums.add(CORRECT_FRAMES, correct as f64);
    sums
}

/// The divisor of means over frames. No frames at all have a loss of 0 and a frame error of 100 %.
fn frames(sums: &Sums) -> Option<f64> {
    Some(sums.get(FRAMES)?.max(1.0))
}
