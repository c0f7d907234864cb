use crate::error::{Error, same_length};
use rayon::prelude::*;
use stentor_experiment::BmufMomentum;
use stentor_fail_points::is_armed;

/// Blockwise model-update filtering (Chen & Huo 2016): the mean of the workers' models after a block passes
/// through a momentum filter.
///
/// Workers start a block at [`start`](Self::start) S and end it at θᵢ. Then, with G = mean(θᵢ) − S,
///
/// ```text
/// Δ ← ηΔ + ζG      W ← W + Δ      next S = W (classical) or W + ηΔ (Nesterov)
/// ```
///
/// W, which is [deployed](Self::deployed), and the look-ahead point S are kept separately: if S were used as W, the
/// steady gain would be (1 + η)·N instead of N. G is measured from where the workers started, not from W.
///
/// Each replica runs this on the same mean and obtains the same bits.
#[derive(Debug, Clone)]
pub struct BlockMomentum {
    kind: BmufMomentum,
    w: Vec<f32>,
    delta: Vec<f32>,
    /// S with Nesterov momentum; empty with classical momentum, where S is W.
    look_ahead: Vec<f32>,
    /// η with which `look_ahead` was computed; 0 with classical momentum.
    look_ahead_eta: f64,
}

/// The whole state of a [`BlockMomentum`], for checkpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockParts {
    /// W, the deployed model.
    pub w: Vec<f32>,
    /// Δ, the filtered update.
    pub delta: Vec<f32>,
    /// η of the look-ahead point: S = W + ηΔ. 0 with classical momentum.
    pub look_ahead_eta: f64,
}

/// Number of values in one task.
const CHUNK: usize = 1 << 15;

impl BlockMomentum {
    /// Creates a filter without momentum: W = S = `initial`, Δ = 0.
    #[must_use]
    pub fn new(initial: Vec<f32>, kind: BmufMomentum) -> Self {
        let delta = vec![0.0; initial.len()];
        let look_ahead = match kind {
            BmufMomentum::Classical => Vec::new(),
            BmufMomentum::Nesterov => initial.clone(),
        };
        Self { kind, w: initial, delta, look_ahead, look_ahead_eta: 0.0 }
    }

    /// Restores saved state; S is recomputed, to the same bits.
    ///
    /// # Errors
    /// [`Error::Length`] if W and Δ differ in length, [`Error::BlockRate`].
    pub fn from_parts(parts: BlockParts, kind: BmufMomentum) -> Result<Self, Error> {
        same_length("filtered update Δ", parts.w.len(), parts.delta.len())?;
        let mut filter = Self::new(parts.w, kind);
        filter.delta = parts.delta;
        filter.look_ahead(parts.look_ahead_eta)?;
        Ok(filter)
    }

    /// Returns the whole state, for a checkpoint.
    #[must_use]
    pub fn parts(&self) -> BlockParts {
        BlockParts { w: self.w.clone(), delta: self.delta.clone(), look_ahead_eta: self.look_ahead_eta }
    }

    /// Returns S, where every worker starts the block.
    #[must_use]
    pub fn start(&self) -> &[f32] {
        match self.kind {
            BmufMomentum::Classical => &self.w,
            BmufMomentum::Nesterov => &self.look_ahead,
        }
    }

    /// Returns η of the look-ahead point: S = W + ηΔ. 0 with classical momentum.
    #[must_use]
    pub fn look_ahead_eta(&self) -> f64 {
        self.look_ahead_eta
    }

    /// Returns W, the model to evaluate, save and deploy.
    #[must_use]
    pub fn deployed(&self) -> &[f32] {
        &self.w
    }

    /// Lets `f` change W, and computes S from it again.
    pub fn change_deployed(&mut self, f: impl FnOnce(&mut [f32])) {
        f(&mut self.w);
        self.renew_look_ahead();
    }

    /// Returns Δ, which the last block added to W.
    #[must_use]
    pub fn delta(&self) -> &[f32] {
        &self.delta
    }

    /// Closes a block whose workers ended at `mean` on average, with block momentum `eta` and block learning rate
    /// `zeta`, and looks ahead with the same `eta`.
    ///
    /// With ζ = 1 the sum W + (mean − S) is computed as `mean` + (the part of W that S lacks), because the rounding of
    /// floats differs: N = 1, η = 0, ζ = 1 then equals plain training bit for bit.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::BlockRate`] for η outside 0 to 1 (1 excluded) or ζ not above 0; the state is then
    /// unchanged.
    pub fn close(&mut self, mean: &[f32], eta: f64, zeta: f64) -> Result<(), Error> {
        same_length("mean of models", self.w.len(), mean.len())?;
        check_eta(eta)?;
        check_zeta(zeta)?;
        let carried = eta - self.look_ahead_eta;
        let look_ahead_eta = self.look_ahead_eta;
        let steps = (self.w.par_chunks_mut(CHUNK), self.delta.par_chunks_mut(CHUNK), mean.par_chunks(CHUNK));
        steps.into_par_iter().for_each(|(w, delta, mean)| {
            for ((w, delta), &mean) in w.iter_mut().zip(delta).zip(mean) {
                let (old_w, old_delta) = (f64::from(*w), f64::from(*delta));
                // S as the workers had it: rounded to f32, as in `look_ahead`.
                let start = look_ahead_value(*w, *delta, look_ahead_eta);
                let filtered = eta * old_delta + zeta * (f64::from(mean) - f64::from(start));
                *delta = filtered as f32;
                *w = if zeta != 1.0 {
                    (old_w + filtered) as f32
                } else if carried == 0.0 {
                    mean
                } else {
                    (f64::from(mean) + carried * old_delta) as f32
                };
            }
        });
        self.look_ahead(eta)?;
        if is_armed("look-ahead-fed-back") {
            self.w = self.start().to_vec();
        }
        Ok(())
    }

    /// Closes a block whose workers moved by `mean_moved` on average: G itself, if differences were sent instead of
    /// models. Otherwise like [`close`](Self::close).
    ///
    /// In floats S + G is not the mean of models, so the bits differ from those of [`close`](Self::close), but are the
    /// same on every replica.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub fn close_delta(&mut self, mean_moved: &[f32], eta: f64, zeta: f64) -> Result<(), Error> {
        same_length("mean of differences", self.w.len(), mean_moved.len())?;
        check_eta(eta)?;
        check_zeta(zeta)?;
        let steps =
            (self.w.par_chunks_mut(CHUNK), self.delta.par_chunks_mut(CHUNK), mean_moved.par_chunks(CHUNK));
        steps.into_par_iter().for_each(|(w, delta, moved)| {
            for ((w, delta), &moved) in w.iter_mut().zip(delta).zip(moved) {
                let filtered = eta * f64::from(*delta) + zeta * f64::from(moved);
                *delta = filtered as f32;
                *w = (f64::from(*w) + filtered) as f32;
            }
        });
        self.look_ahead(eta)
    }

    /// Returns what a worker that ends the block at `end` moved: G = θ − S.
    ///
    /// # Errors
    /// [`Error::Length`] if `end` has another length.
    pub fn moved(&self, end: &[f32]) -> Result<Vec<f32>, Error> {
        let start = self.start();
        same_length("model", start.len(), end.len())?;
        Ok(start.par_iter().zip(end).map(|(s, e)| e - s).collect())
    }

    /// Looks ahead with another η than the last block's: called when the number of workers changes, before the next
    /// block starts. Does nothing with classical momentum.
    ///
    /// # Errors
    /// [`Error::BlockRate`] for η outside 0 to 1 (1 excluded).
    pub fn look_ahead(&mut self, eta: f64) -> Result<(), Error> {
        check_eta(eta)?;
        if self.kind == BmufMomentum::Classical {
            return Ok(());
        }
        self.look_ahead_eta = eta;
        self.renew_look_ahead();
        Ok(())
    }

    /// S from W, Δ and η. With classical momentum S is W, and `look_ahead` is empty.
    fn renew_look_ahead(&mut self) {
        let eta = self.look_ahead_eta;
        let steps =
            (self.look_ahead.par_chunks_mut(CHUNK), self.w.par_chunks(CHUNK), self.delta.par_chunks(CHUNK));
        steps.into_par_iter().for_each(|(start, w, delta)| {
            for ((start, &w), &delta) in start.iter_mut().zip(w).zip(delta) {
                *start = look_ahead_value(w, delta, eta);
            }
        });
    }
}

/// Returns the block momentum of a block that is shorter than the others: η in proportion to its frames.
#[must_use]
pub fn short_block_momentum(eta: f64, frames: u64, full_block_frames: u64) -> f64 {
    if frames >= full_block_frames { eta } else { eta * frames as f64 / full_block_frames as f64 }
}

/// Returns W + ηΔ. With η = 0 this is W itself: adding 0·Δ would turn −0.0 into 0.0.
fn look_ahead_value(w: f32, delta: f32, eta: f64) -> f32 {
    if eta == 0.0 { w } else { (f64::from(w) + eta * f64::from(delta)) as f32 }
}

fn check_zeta(zeta: f64) -> Result<(), Error> {
    if zeta > 0.0 && zeta.is_finite() {
        Ok(())
    } else {
        Err(Error::BlockRate { what: "learning rate", found: zeta, expected: "a number above 0" })
    }
}

fn check_eta(eta: f64) -> Result<(), Error> {
    if (0.0..1.0).contains(&eta) {
        Ok(())
    } else {
        Err(Error::BlockRate { what: "momentum", found: eta, expected: "0 to 1, 1 excluded" })
    }
}
