use super::kernel::{Block, Limits, Squares, Writes, threshold_blocks};
use super::marks::{Marks, WORD};
use super::tau::Tau;
use super::write::write_message;
use crate::error::{Error, first_non_finite, same_length};
use rayon::prelude::*;

/// Statistics of one call of [`Encoder::encode`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EncodeStats {
    /// Number of values sent.
    pub sent: u64,
    /// Number of these that were sent as +τ.
    pub positive: u64,
    /// Number of residuals that were clipped.
    pub clipped: u64,
    /// 2-norm of the next residual.
    pub residual_norm: f64,
    /// Length of the message in bytes.
    pub bytes: usize,
}

/// Thresholds updates of one length repeatedly, and keeps its working memory (1/16 of the vector's) between calls.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    marks: Marks,
}

/// Number of values from which the next residual is written with streaming stores: three buffers of 32 MiB exceed most
/// caches.
const STREAM_FROM: usize = 1 << 23;

/// Number of values in one task: its three buffers fit into a second-level cache.
const CHUNK: usize = 1 << 14;
const _: () = assert!(CHUNK.is_multiple_of(WORD), "a chunk fills whole words of marks");

impl Encoder {
    /// Creates an encoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Thresholds `residual + update` (vectors of one length), appends the message to `out` and writes the residual to
    /// keep if the message counts to `next_residual`.
    ///
    /// At most one τ of each value is sent: `r′ = fl(r + g) − τ·n` with n of −1, 0, 1. Bit for bit, `τ·n + r′` is
    /// `fl(r + g)` while that is below 2¹⁶·τ; beyond, the subtraction rounds. `clip` (off: `None`) bounds |r′| to that
    /// many τ and discards the excess.
    ///
    /// The result does not depend on the number of threads.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::ClipOutOfRange`], [`Error::TooLong`], and [`Error::NonFinite`] with the first index
    /// at which `residual + update` is not finite. `out` is then unchanged, but `next_residual` is not.
    pub fn encode(
        &mut self,
        update: &[f32],
        residual: &[f32],
        tau: Tau,
        clip: Option<f32>,
        next_residual: &mut [f32],
        out: &mut Vec<u8>,
    ) -> Result<EncodeStats, Error> {
        same_length("residual", update.len(), residual.len())?;
        same_length("next residual", update.len(), next_residual.len())?;
        let bound = match clip {
            Some(clip) if clip.is_nan() || clip < 1.0 => return Err(Error::ClipOutOfRange { found: clip }),
            Some(clip) => clip * tau.get(),
            None => f32::INFINITY,
        };
        self.marks.resize(update.len());
        let words = CHUNK / WORD;
        let tasks = (
            update.par_chunks(CHUNK),
            residual.par_chunks(CHUNK),
            next_residual.par_chunks_mut(CHUNK),
            self.marks.sent.par_chunks_mut(words),
            self.marks.positive.par_chunks_mut(words),
        );
        let limits = Limits { tau: tau.get(), clip: bound };
        let writes = if update.len() >= STREAM_FROM { Writes::Streamed } else { Writes::Cached };
        // Collected in order: the norm must not depend on which thread finished first.
        let chunks: Vec<ChunkStats> = tasks
            .into_par_iter()
            .map(|(update, residual, next, sent, positive)| {
                threshold(update, residual, limits, writes, next, sent, positive)
            })
            .collect();
        let total = chunks.iter().fold(ChunkStats::default(), |total, chunk| total.with(chunk));
        if !total.check.is_finite() {
            let sums = residual.iter().zip(update).map(|(r, g)| r + g);
            if let Some(error) = first_non_finite("residual + update", sums) {
                return Err(error);
            }
        }
        let start = out.len();
        write_message(out, tau, 1, update.len(), &self.marks, total.sent, None)?;
        Ok(total.to_stats(out.len() - start))
    }
}

/// Like [`Encoder::encode`], with its own working memory.
///
/// # Errors
/// As [`Encoder::encode`].
pub fn encode(
    update: &[f32],
    residual: &[f32],
    tau: Tau,
    clip: Option<f32>,
    next_residual: &mut [f32],
    out: &mut Vec<u8>,
) -> Result<EncodeStats, Error> {
    Encoder::new().encode(update, residual, tau, clip, next_residual, out)
}

#[derive(Debug, Clone, Copy, Default)]
struct ChunkStats {
    sent: u64,
    positive: u64,
    clipped: u64,
    squares: f64,
    /// Not finite if any of the sums is not finite: the squares of finite `f32` cannot overflow an `f64`.
    check: f64,
}

impl ChunkStats {
    fn with(self, other: &Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            positive: self.positive + other.positive,
            clipped: self.clipped + other.clipped,
            squares: self.squares + other.squares,
            check: self.check + other.check,
        }
    }

    fn to_stats(self, bytes: usize) -> EncodeStats {
        EncodeStats {
            sent: self.sent,
            positive: self.positive,
            clipped: self.clipped,
            residual_norm: self.squares.sqrt(),
            bytes,
        }
    }
}

/// Runs one pass over a chunk.
fn threshold(
    update: &[f32],
    residual: &[f32],
    limits: Limits,
    writes: Writes,
    next: &mut [f32],
    sent: &mut [u64],
    positive: &mut [u64],
) -> ChunkStats {
    let mut stats = ChunkStats::default();
    let mut record = |word: usize, block: Block| {
        sent[word] = block.up | block.down;
        positive[word] = block.up;
        stats.sent += u64::from((block.up | block.down).count_ones());
        stats.positive += u64::from(block.up.count_ones());
        stats.clipped += u64::from(block.clipped);
    };
    let (updates, update_tail) = update.as_chunks::<WORD>();
    let (residuals, residual_tail) = residual.as_chunks::<WORD>();
    let (nexts, next_tail) = next.as_chunks_mut::<WORD>();
    let whole = threshold_blocks(updates, residuals, nexts, limits, writes, &mut record);
    let mut rest = Default::default();
    if !update_tail.is_empty() {
        // Zeros beyond the end are below any threshold.
        let (mut update, mut residual, mut next) = ([0.0; WORD], [0.0; WORD], [[0.0; WORD]]);
        update[..update_tail.len()].copy_from_slice(update_tail);
        residual[..residual_tail.len()].copy_from_slice(residual_tail);
        let last = |_, block| record(updates.len(), block);
        rest = threshold_blocks(&[update], &[residual], &mut next, limits, Writes::Cached, last);
        next_tail.copy_from_slice(&next[0][..next_tail.len()]);
    }
    for (Squares(left), Squares(sums)) in [whole, rest] {
        stats.squares += left.iter().sum::<f64>();
        stats.check += left.iter().chain(&sums).sum::<f64>();
    }
    stats
}
