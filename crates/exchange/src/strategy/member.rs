use super::{Coded, Encoding, Learner, Rate};
use crate::dense::{add_scaled_dense, decode_dense};
use crate::error::Error;
use crate::gtc;
use std::collections::BTreeMap;
use std::ops::Range;

/// A worker's side of a strategy: what it learns by itself, what it contributes, and how it applies the sum.
///
/// It keeps two kinds of state between rounds: the same on every replica ([`shared`](Self::shared)), or of this worker
/// alone ([`own`](Self::own)). Both are saved in checkpoints under the names given here.
pub trait Member<L: Learner>: Send {
    /// Returns whether the optimiser's state is this worker's own, rather than the same on every replica.
    fn steps_alone(&self) -> bool;

    /// Prepares for a round.
    ///
    /// # Errors
    /// Those of the learner, [`Error::BlockRate`].
    fn begin(&mut self, _encoding: &Encoding, _learner: &mut L) -> Result<(), L::Error> {
        Ok(())
    }

    /// Processes a batch whose gradient the learner has.
    ///
    /// # Errors
    /// Those of the learner.
    fn learn(&mut self, learner: &mut L, rate: Rate) -> Result<(), L::Error>;

    /// Returns the number of frames of its contribution to a round in which it computes nothing.
    fn contributed_frames(&self, _encoding: &Encoding) -> u64 {
        0
    }

    /// Encodes the result of the round's batches, a payload for each range. State is changed only by
    /// [`apply`](Self::apply).
    ///
    /// # Errors
    /// [`Error::OtherEncoding`], [`Error::NonFinite`], and errors in a threshold.
    fn contribute(
        &mut self,
        encoding: &Encoding,
        learner: &L,
        ranges: &[Range<usize>],
    ) -> Result<Coded, L::Error>;

    /// Applies a round's sum, with the same bits on every replica.
    ///
    /// # Errors
    /// Those of the learner, [`Error::OtherEncoding`], and errors in the payloads.
    fn apply(&mut self, update: &Update<'_>, learner: &mut L) -> Result<(), L::Error>;

    /// Returns the parameters to deploy, if they are not the learner's between rounds.
    fn deployed(&self) -> Option<&[f32]> {
        None
    }

    /// Lets `f` change the parameters to deploy, if they are not the learner's between rounds, as it changes the
    /// learner's; [`start`](Self::start) follows from them.
    fn change_deployed(&mut self, _f: &mut dyn FnMut(&mut [f32])) {}

    /// Returns the learner's parameters between rounds, if they are not those to deploy.
    fn start(&self) -> Option<&[f32]> {
        None
    }

    /// Returns this worker's own state by name, which is in no replica's parameters. Each vector is as long as the
    /// parameters.
    fn own(&self) -> Vec<(&'static str, &[f32])> {
        Vec::new()
    }

    /// Returns the same state, to be restored.
    fn own_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        Vec::new()
    }

    /// Returns the state that all replicas share, besides parameters and optimiser.
    fn shared(&self) -> Shared {
        Shared::default()
    }

    /// Restores the shared state; the learner has the parameters to deploy.
    ///
    /// # Errors
    /// Those of the learner, [`Error::NotSaved`], [`Error::Length`], [`Error::BlockRate`].
    fn restore(&mut self, _shared: &mut Shared, _learner: &mut L) -> Result<(), L::Error> {
        Ok(())
    }
}

/// State that all replicas share, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shared {
    /// Vectors as long as the parameters.
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// Numbers, saved bit for bit.
    pub numbers: BTreeMap<String, f64>,
}

impl Shared {
    pub(super) fn take_vector(&mut self, name: &'static str) -> Result<Vec<f32>, Error> {
        self.vectors.remove(name).ok_or(Error::NotSaved { name })
    }

    pub(super) fn number(&self, name: &'static str) -> Result<f64, Error> {
        self.numbers.get(name).copied().ok_or(Error::NotSaved { name })
    }
}

/// The sum of a round, as received.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// The round's encoding.
    pub encoding: Encoding,
    /// A payload for each range; empty if no member had a frame.
    pub sums: &'a [(Range<usize>, &'a [u8])],
    /// Whether it includes this worker's contribution.
    pub counted: bool,
    /// Number of frames in it.
    pub frames: u64,
    /// Learning rate of the round's source.
    pub rate: Rate,
}

impl Update<'_> {
    /// Returns whether no member had a frame, so that it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.iter().all(|(_, payload)| payload.is_empty())
    }

    /// Returns the mean of `values` values that the sums represent.
    pub(super) fn mean(&self, values: usize) -> Result<Vec<f32>, Error> {
        let mut mean = vec![0.0; values];
        for (range, payload) in self.sums {
            let part = &mut mean[range.clone()];
            match self.encoding.tau() {
                Some(_) => drop(gtc::decode_mean(payload, part)?),
                None => part.copy_from_slice(&decode_dense(payload, part.len())?),
            }
        }
        Ok(mean)
    }

    /// Adds `factor` times the mean to the parameters, in one pass; for signs, only at their indices.
    pub(super) fn add_scaled(&self, parameters: &mut [f32], factor: f32) -> Result<(), Error> {
        for (range, payload) in self.sums {
            let part = &mut parameters[range.clone()];
            match self.encoding.tau() {
                Some(_) => drop(gtc::add_scaled(payload, part, factor)?),
                None => add_scaled_dense(payload, part, factor)?,
            }
        }
        Ok(())
    }

    /// Applies the mean as a gradient with an optimiser that is the same on every replica.
    pub(super) fn descend<L: Learner>(&self, learning_rate: f64, learner: &mut L) -> Result<(), L::Error> {
        match learner.plain_factor(learning_rate) {
            Some(factor) => Ok(learner.change_parameters(|values| self.add_scaled(values, factor))??),
            None => learner.apply_gradient(&self.mean(learner.values())?, learning_rate),
        }
    }
}
