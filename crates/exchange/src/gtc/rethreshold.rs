use super::counts::{ALL_LINES, Counts, fetch};
use super::density::cut;
use super::encode::EncodeStats;
use super::kernel::{Block, Limits, Writes, threshold_blocks};
use super::marks::{Marks, WORD};
use super::tau::Tau;
use super::write::write_message;
use crate::error::{Error, same_length};
use rayon::prelude::*;

/// Re-thresholding at the coordinator: the mean of all contributions is thresholded again with a separate residual, so
/// that the update has the size of one contribution, whatever the number of workers.
///
/// ```text
/// v = fl(R + (τ/c)·Σn)      m = +1 where v ≥ τ′, −1 where v ≤ −τ′, else 0      R′ = v − τ′·m
/// ```
///
/// τ′ is the threshold that sends about the requested density, recomputed in each round, and at most τ: on average, no
/// more is sent to each worker than one worker sends. The workers' own τ would not be suitable: in the mean of many,
/// noise cancels, few values reach τ, and R would keep what workers have sent for many rounds.
///
/// What a worker sends is delayed, not lost: R keeps it until it reaches τ′. Every worker gets the same message, so
/// replicas stay bit-identical. R is state of the run and part of its checkpoints.
///
/// A block of 64 values that no contribution touched and whose residual is below τ′ would not change, and is skipped.
#[derive(Debug, Clone)]
pub struct Rethreshold {
    residual: Vec<f32>,
    blocks: Vec<BlockResidual>,
    marks: Marks,
}

/// What is known about the residual of one block without reading it.
#[derive(Debug, Clone, Copy, Default)]
struct BlockResidual {
    largest: f32,
    squares: f64,
}

/// Number of blocks in one task.
const BLOCKS: usize = 1 << 10;

impl Rethreshold {
    /// Creates the state without residual, for vectors of `values` values.
    #[must_use]
    pub fn new(values: usize) -> Self {
        Self::from_residual(vec![0.0; values])
    }

    /// Continues with a saved residual.
    #[must_use]
    pub fn from_residual(residual: Vec<f32>) -> Self {
        let blocks = residual.par_chunks(WORD).map(BlockResidual::of).collect();
        Self { residual, blocks, marks: Marks::default() }
    }

    /// Returns the residual, for a checkpoint.
    #[must_use]
    pub fn residual(&self) -> &[f32] {
        &self.residual
    }

    /// Thresholds the mean of `counts` in units of `tau` over `divisor` contributors, so that about `density` of the
    /// values are sent, and appends the message, with its own threshold and divisor 1, to `out`.
    ///
    /// If fewer values are pending, all that are not smaller than one count are sent.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::TooLong`].
    pub fn encode(
        &mut self,
        counts: &Counts,
        tau: Tau,
        divisor: u32,
        density: f64,
        out: &mut Vec<u8>,
    ) -> Result<EncodeStats, Error> {
        let values = self.residual.len();
        same_length("counts", values, counts.values().len())?;
        if u32::try_from(values).is_err() {
            return Err(Error::TooLong { found: values });
        }
        self.marks.resize(values);
        let share = tau.share(divisor);
        let value = |index: usize| self.residual[index] + share * counts.values()[index] as f32;
        let cut = cut(values, value, density).or_else(|| Tau::at_most(share).ok());
        // Not above the workers' τ; otherwise values that all grow equally could wait forever, each below a threshold
        // that grows with them. (A share can be too small for its own threshold.)
        let tau = cut.filter(|cut| *cut < tau).unwrap_or(tau);
        let tasks = (
            counts.values().par_chunks(BLOCKS * WORD),
            self.residual.par_chunks_mut(BLOCKS * WORD),
            self.blocks.par_chunks_mut(BLOCKS),
            self.marks.sent.par_chunks_mut(BLOCKS),
            self.marks.positive.par_chunks_mut(BLOCKS),
        );
        let stats =
            tasks.into_par_iter().enumerate().map(|(task, (sums, residual, known, sent, positive))| {
                let chunk = Chunk { counts: sums, residual, known, sent, positive };
                chunk.threshold(|block| counts.lines(task * BLOCKS + block), share, tau)
            });
        let mut stats = stats.reduce(EncodeStats::default, |a, b| EncodeStats {
            sent: a.sent + b.sent,
            positive: a.positive + b.positive,
            ..a
        });
        let start = out.len();
        write_message(out, tau, 1, values, &self.marks, stats.sent, None)?;
        stats.bytes = out.len() - start;
        stats.residual_norm = self.blocks.iter().map(|block| block.squares).sum::<f64>().sqrt();
        Ok(stats)
    }
}

/// Up to [`BLOCKS`] blocks, and what is known about them.
struct Chunk<'a> {
    counts: &'a [i32],
    residual: &'a mut [f32],
    known: &'a mut [BlockResidual],
    sent: &'a mut [u64],
    positive: &'a mut [u64],
}

impl Chunk<'_> {
    /// Thresholds the blocks that may change; `lines` returns which lines of a block have been touched.
    fn threshold(self, lines: impl Fn(usize) -> u64, share: f32, tau: Tau) -> EncodeStats {
        let mut stats = EncodeStats::default();
        let may_change = |number, known: &BlockResidual| lines(number) != 0 || known.largest >= tau.get();
        fetch(self.counts, &lines);
        fetch(self.residual, |number| if may_change(number, &self.known[number]) { ALL_LINES } else { 0 });
        let blocks = self.counts.chunks(WORD).zip(self.residual.chunks_mut(WORD)).zip(self.known);
        let marks = self.sent.iter_mut().zip(self.positive);
        for (number, (((counts, residual), known), (sent, positive))) in blocks.zip(marks).enumerate() {
            let mut block = Block::default();
            if may_change(number, known) {
                block = threshold_block(counts, share, residual, tau);
                *known = BlockResidual::of(residual);
            }
            *sent = block.up | block.down;
            *positive = block.up;
            stats.sent += u64::from(sent.count_ones());
            stats.positive += u64::from(positive.count_ones());
        }
        stats
    }
}

/// Thresholds the residual of at most 64 values in place.
fn threshold_block(counts: &[i32], share: f32, residual: &mut [f32], tau: Tau) -> Block {
    // Zeros beyond the end are below any threshold.
    let (mut mean, mut before, mut next) = ([[0.0; WORD]], [[0.0; WORD]], [[0.0; WORD]]);
    for (mean, &n) in mean[0].iter_mut().zip(counts) {
        *mean = share * n as f32;
    }
    before[0][..residual.len()].copy_from_slice(residual);
    let limits = Limits { tau: tau.get(), clip: f32::INFINITY };
    let mut found = Block::default();
    threshold_blocks(&mean, &before, &mut next, limits, Writes::Cached, |_, block| found = block);
    residual.copy_from_slice(&next[0][..residual.len()]);
    found
}

impl BlockResidual {
    /// In lanes, so that a value need not wait for the previous one.
    fn of(residual: &[f32]) -> Self {
        const LANES: usize = 8;
        let (mut largest, mut squares) = ([0f32; LANES], [0f64; LANES]);
        let (eights, rest) = residual.as_chunks::<LANES>();
        let mut see = |lane: usize, r: f32| {
            largest[lane] = largest[lane].max(r.abs());
            squares[lane] += f64::from(r) * f64::from(r);
        };
        eights.iter().for_each(|eight| (0..LANES).for_each(|lane| see(lane, eight[lane])));
        rest.iter().enumerate().for_each(|(lane, &r)| see(lane, r));
        Self { largest: largest.into_iter().fold(0.0, f32::max), squares: squares.iter().sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gtc::{Header, decode_counts, encode, encode_counts};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_are_skipped_only_if_nothing_would_change(
            rounds in prop::collection::vec((prop::collection::vec((0usize..1000, -3i32..4), 0..30), -3i32..3), 1..8),
            // One large residual, which takes many rounds to be sent, and one that a lower threshold reaches.
            large in -9f32..9.0,
            density in 0.0005f64..0.05,
        ) {
            let mut residual = vec![0.0; 1000];
            (residual[500], residual[999]) = (large, 0.4);
            let mut rethreshold = Rethreshold::from_residual(residual.clone());
            for (named, exponent) in rounds {
                let tau = Tau::exact((exponent as f32).exp2()).unwrap();
                let mut sum = vec![0; 1000];
                named.into_iter().for_each(|(index, n)| sum[index] = n);
                let mut message = Vec::new();
                encode_counts(&sum, tau, 3, &mut message).unwrap();
                let mut counts = Counts::new(1000);
                counts.add(&message).unwrap();
                // By definition: the mean is an update like any other, with the chosen threshold.
                let mean: Vec<f32> = sum.iter().map(|&n| tau.share(3) * n as f32).collect();
                let (mut next, mut expected, mut found) = (vec![0.0; 1000], Vec::new(), Vec::new());
                let stats = rethreshold.encode(&counts, tau, 3, density, &mut found).unwrap();
                let cut = Header::read(&found, 1000).unwrap().tau;
                let wanted = encode(&mean, &residual, cut, None, &mut next, &mut expected).unwrap();
                prop_assert_eq!(decode_counts(&found, 1000).unwrap(), decode_counts(&expected, 1000).unwrap());
                prop_assert_eq!(rethreshold.residual(), &next);
                prop_assert_eq!((stats.sent, stats.positive), (wanted.sent, wanted.positive));
                prop_assert!((stats.residual_norm - wanted.residual_norm).abs() <= 1e-9 * wanted.residual_norm);
                residual = next;
            }
        }
    }
}
