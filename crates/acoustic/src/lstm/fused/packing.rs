use crate::error::Error;
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// Sequences of different lengths without their padding: the first frames of all sequences, then the second frames of
/// the sequences that have one, and so on. Sequences are sorted longest first, so that the sequences still running at a
/// frame are the first rows of the previous frame, and a time step is one matrix product whatever the lengths.
pub(super) struct Packing {
    /// First row of each frame, followed by the total number of rows; the difference never increases.
    starts: Vec<usize>,
    /// For each packed row, its row in `[batch × frames]`.
    source: Tensor,
    batch: i64,
    frames: i64,
}

/// One time step: the rows of a frame, and the rows that precede them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// First row of the frame.
    first: usize,
    /// Number of rows of the frame.
    rows: usize,
    /// First row of the preceding frame in this direction.
    before: usize,
    /// How many of the rows, from the first, have a preceding frame; the others start from the zero state.
    continuing: usize,
}

impl Step {
    /// Rows with a preceding frame.
    pub(super) fn continuing(&self) -> Range<usize> {
        self.first..self.first + self.continuing
    }

    /// The corresponding rows of the preceding frame.
    pub(super) fn before(&self) -> Range<usize> {
        self.before..self.before + self.continuing
    }

    /// Rows that start from the zero state.
    pub(super) fn starting(&self) -> Range<usize> {
        self.first + self.continuing..self.first + self.rows
    }
}

impl Packing {
    /// Packs `lengths.len()` sequences of at most `frames` frames.
    pub(super) fn new(lengths: &[i64], frames: i64) -> Result<Self, Error> {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&sequence| std::cmp::Reverse(lengths[sequence]));
        let longest = order.first().map_or(0, |&sequence| lengths[sequence]);
        let mut starts = vec![0];
        let mut source: Vec<i64> = Vec::new();
        for t in 0..longest {
            let running = order.iter().take_while(|&&sequence| lengths[sequence] > t);
            source.extend(running.map(|&sequence| sequence as i64 * frames + t));
            starts.push(source.len());
        }
        Ok(Self { starts, source: Tensor::f_from_slice(&source)?, batch: lengths.len() as i64, frames })
    }

    /// Total number of rows.
    pub(super) fn rows(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Number of sequences in the first frame, which is the maximum.
    pub(super) fn widest(&self) -> usize {
        self.starts.get(1).copied().unwrap_or(0)
    }

    /// The steps of a direction in order: direction 0 runs forward, direction 1 backward from each sequence's own end.
    pub(super) fn steps(&self, direction: usize) -> Vec<Step> {
        let frames: Vec<Range<usize>> = self.starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
        let step = |now: &Range<usize>, before: Option<&Range<usize>>| Step {
            first: now.start,
            rows: now.len(),
            before: before.map_or(0, |before| before.start),
            continuing: before.map_or(0, |before| before.len().min(now.len())),
        };
        let count = frames.len();
        match direction {
            0 => (0..count).map(|t| step(&frames[t], t.checked_sub(1).map(|t| &frames[t]))).collect(),
            _ => (0..count).rev().map(|t| step(&frames[t], frames.get(t + 1))).collect(),
        }
    }

    /// Converts `[batch, frames, columns]` to `[rows, columns]`.
    pub(super) fn pack(&self, sequences: &Tensor) -> Result<Tensor, Error> {
        let columns = sequences.size()[2];
        Ok(sequences.f_reshape([self.batch * self.frames, columns])?.f_index_select(0, &self.source)?)
    }

    /// Converts `[rows, columns]` to `[batch, frames, columns]`, padded with zeros; differentiable.
    pub(super) fn unpack(&self, rows: &Tensor) -> Result<Tensor, Error> {
        let columns = rows.size()[1];
        let padded = Tensor::f_zeros([self.batch * self.frames, columns], (Kind::Float, Device::Cpu))?;
        Ok(padded.f_index_copy(0, &self.source, rows)?.f_view([self.batch, self.frames, columns])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_sequences_of_two_and_three_frames_make_five_rows() {
        let packing = Packing::new(&[2, 3], 4).unwrap();
        assert_eq!((packing.rows(), packing.widest()), (5, 2));
        assert_eq!(Vec::<i64>::try_from(&packing.source).unwrap(), [4, 0, 5, 1, 6]);
        let step = |first, rows, before, continuing| Step { first, rows, before, continuing };
        assert_eq!(packing.steps(0), [step(0, 2, 0, 0), step(2, 2, 0, 2), step(4, 1, 2, 1)]);
        // In the backward direction, the shorter sequence starts at its own end, one frame later than the longer one.
        assert_eq!(packing.steps(1), [step(4, 1, 0, 0), step(2, 2, 4, 1), step(0, 2, 2, 2)]);
    }

    proptest! {
        #[test]
        fn packing_and_unpacking_give_the_valid_frames_back_and_zeros_elsewhere(
            lengths in proptest::collection::vec(0i64..6, 1..5),
        ) {
            let (batch, frames) = (lengths.len() as i64, 6);
            let packing = Packing::new(&lengths, frames).unwrap();
            let sequences = Tensor::arange(batch * frames * 2, (Kind::Float, Device::Cpu)) + 1.0;
            let sequences = sequences.view([batch, frames, 2]);
            let back = packing.unpack(&packing.pack(&sequences).unwrap()).unwrap();
            for b in 0..batch {
                for t in 0..frames {
                    let expected = if t < lengths[b as usize] { sequences.double_value(&[b, t, 1]) } else { 0.0 };
                    prop_assert_eq!(back.double_value(&[b, t, 1]), expected);
                }
            }
        }

        #[test]
        fn each_row_is_visited_once_in_each_direction_after_its_predecessor(
            lengths in proptest::collection::vec(0i64..9, 1..6),
        ) {
            let packing = Packing::new(&lengths, 9).unwrap();
            for direction in [0, 1] {
                let mut visited = vec![false; packing.rows()];
                for step in packing.steps(direction) {
                    prop_assert!(step.before().all(|row| visited[row]));
                    for row in step.continuing().chain(step.starting()) {
                        prop_assert!(!std::mem::replace(&mut visited[row], true));
                    }
                }
                prop_assert!(visited.into_iter().all(|visited| visited));
            }
        }
    }
}
