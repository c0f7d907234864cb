//! Every sum, every criterion and every other value that is reported.

use crate::{Criterion, Direction, Sums, Unit};

/// Sum: number of frames processed.
pub const FRAMES: &str = "frames";
/// Sum: loss over these frames, nats.
pub const LOSS_SUM: &str = "loss";
/// Sum: frames whose most probable senone is the target.
pub const CORRECT_FRAMES: &str = "correct-frames";

/// Sum: the penalty on weights at each frame's batch, added once for each frame. Counted only if the objective has one.
pub const PENALTY_SUM: &str = "penalty";

/// The sums of every batch, sorted by name.
pub(crate) const SUMS: [&str; 3] = [CORRECT_FRAMES, FRAMES, LOSS_SUM];

/// Mean loss per frame.
pub const LOSS: Criterion = Criterion {
    name: "loss",
    meaning: "Mean loss of a frame, nats; lower is better.",
    unit: Unit::Nats,
    direction: Direction::LowerIsBetter,
    of: |sums| Some(sums.get(LOSS_SUM)? / frames(sums)?),
};

/// Share of frames whose most probable senone is wrong.
pub const FRAME_ERROR: Criterion = Criterion {
    name: "frame-error",
    meaning: "Share of frames whose most probable senone is not the alignment's, percent; lower is better.",
    unit: Unit::Percent,
    direction: Direction::LowerIsBetter,
    of: |sums| Some(100.0 * (1.0 - sums.get(CORRECT_FRAMES)? / frames(sums)?)),
};

/// Mean penalty on weights, which is not part of the loss.
pub const PENALTY: Criterion = Criterion {
    name: "penalty",
    meaning: "Mean penalty on weights, added to the loss in training, nats; lower is better.",
    unit: Unit::Nats,
    direction: Direction::LowerIsBetter,
    of: |sums| Some(sums.get(PENALTY_SUM)? / frames(sums)?),
};

/// Every criterion by which models may be compared.
pub const CRITERIA: [Criterion; 2] = [LOSS, FRAME_ERROR];

/// Every value that is reported, in the order in which files list them: the criteria, and the penalty, which says
/// nothing about the data and so selects no model.
pub const REPORTED: [Criterion; 3] = [LOSS, FRAME_ERROR, PENALTY];

/// Sums over a set of frames: their number, their loss in nats, and the number of frames with the correct senone.
#[must_use]
pub fn frame_sums(frames: u64, loss: f64, correct: u64) -> Sums {
    let mut sums = Sums::default();
    sums.add(FRAMES, frames as f64);
    sums.add(LOSS_SUM, loss);
    sums.add(CORRECT_FRAMES, correct as f64);
    sums
}

/// The divisor for means over frames. Zero frames have a loss of 0 and a frame error of 100 %.
fn frames(sums: &Sums) -> Option<f64> {
    Some(sums.get(FRAMES)?.max(1.0))
}
