use super::encode::{CHUNK, ChunkStats, EncodeStats, threshold};
use super::forms::write_message;
use super::kernel::{Limits, Writes};
use super::marks::{Marks, WORD};
use super::tau::Tau;
use crate::error::{Error, same_length};
use rayon::prelude::*;

/// The coordinator's threshold on the way down: the mean of all contributions is thresholded again with a residual of its own,
/// so that the update has the size of one contribution however many workers there are.
///
/// ```text
/// v = fl(R + (τ/c)·Σn)      m = +1 where v ≥ τ, −1 where v ≤ −τ, else 0      R′ = v − τ·m
/// ```
///
/// What a worker sends is not lost but late: R holds it until it reaches τ. Every worker gets the same message, so replicas stay
/// bit-identical. R belongs to the run: it is part of a checkpoint.
#[derive(Debug, Clone)]
pub struct Rethreshold {
    residual: Vec<f32>,
    marks: Marks,
}

impl Rethreshold {
    /// No residual yet, for vectors of `values` values.
    #[must_use]
    pub fn new(values: usize) -> Self {
        Self::from_residual(vec![0.0; values])
    }

    /// Goes on with a saved residual.
    #[must_use]
    pub fn from_residual(residual: Vec<f32>) -> Self {
        Self { residual, marks: Marks::default() }
    }

    /// The residual, to be saved.
    #[must_use]
    pub fn residual(&self) -> &[f32] {
        &self.residual
    }

    /// Thresholds the mean of `counts` over `divisor` contributors and appends its message, with divisor 1, to `out`.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::TooLong`].
    pub fn encode(
        &mut self,
        counts: &[i32],
        tau: Tau,
        divisor: u32,
        out: &mut Vec<u8>,
    ) -> Result<EncodeStats, Error> {
        same_length("counts", self.residual.len(), counts.len())?;
        self.marks.resize(counts.len());
        let words = CHUNK / WORD;
        let share = tau.share(divisor);
        let limits = Limits { tau: tau.get(), clip: f32::INFINITY };
        let tasks = (
            counts.par_chunks(CHUNK),
            self.residual.par_chunks_mut(CHUNK),
            self.marks.sent.par_chunks_mut(words),
            self.marks.positive.par_chunks_mut(words),
        );
        let chunks: Vec<ChunkStats> = tasks
            .into_par_iter()
            .map(|(counts, residual, sent, positive)| {
                let mean: Vec<f32> = counts.iter().map(|&n| share * n as f32).collect();
                let before = residual.to_vec();
                threshold(&mean, &before, limits, Writes::Cached, residual, sent, positive)
            })
            .collect();
        let total = chunks.iter().fold(ChunkStats::default(), |total, chunk| total.with(chunk));
        let start = out.len();
        write_message(out, tau, 1, counts.len(), &self.marks, total.sent, None)?;
        Ok(total.to_stats(out.len() - start))
    }
}
