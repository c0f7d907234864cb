use super::{Coded, Encoding, Learner, Rate};
use crate::dense::{add_scaled_dense, decode_dense};
use crate::error::Error;
use crate::gtc;
use std::collections::BTreeMap;
use std::ops::Range;

/// A worker's side of a strategy: what it learns by itself, what it contributes, how it takes the sum in.
///
/// What it keeps from round to round is of two kinds: the same on every replica ([`shared`](Self::shared)), or of this worker
/// alone ([`own`](Self::own)). Both go into checkpoints under the names given here.
pub trait Member<L: Learner>: Send {
    /// Whether the optimiser's state is one of this worker's own, rather than the same on every replica.
    fn steps_alone(&self) -> bool;

    /// Prepares for a round.
    ///
    /// # Errors
    /// Those of the learner, [`Error::BlockRate`].
    fn begin(&mut self, _encoding: &Encoding, _learner: &mut L) -> Result<(), L::Error> {
        Ok(())
    }

    /// Takes note of a batch, whose gradient the learner has.
    ///
    /// # Errors
    /// Those of the learner.
    fn learn(&mut self, learner: &mut L, rate: Rate) -> Result<(), L::Error>;

    /// Frames behind what it brings to a round in which it computes nothing.
    fn brings(&self, _encoding: &Encoding) -> u64 {
        0
    }

    /// Codes what the round's batches came to, a payload for each range. Nothing of it is adopted before
    /// [`apply`](Self::apply).
    ///
    /// # Errors
    /// [`Error::OtherEncoding`], [`Error::NonFinite`], and what is wrong with a threshold.
    fn contribute(
        &mut self,
        encoding: &Encoding,
        learner: &L,
        ranges: &[Range<usize>],
    ) -> Result<Coded, L::Error>;

    /// Takes a round's sum in: to the same bits on every replica.
    ///
    /// # Errors
    /// Those of the learner, [`Error::OtherEncoding`], and what is wrong with the payloads.
    fn apply(&mut self, update: &Update<'_>, learner: &mut L) -> Result<(), L::Error>;

    /// The parameters to deploy, where they are not the learner's between rounds.
    fn deployed(&self) -> Option<&[f32]> {
        None
    }

    /// The learner's parameters between rounds, where they are not those to deploy.
    fn start(&self) -> Option<&[f32]> {
        None
    }

    /// What this worker alone keeps back, by name: it is in no replica's parameters. Each as long as the parameters.
    fn own(&self) -> Vec<(&'static str, &[f32])> {
        Vec::new()
    }

    /// The same, to be put back.
    fn own_mut(&mut self) -> Vec<(&'static str, &mut [f32])> {
        Vec::new()
    }

    /// What all replicas keep alike, besides parameters and optimiser.
    fn shared(&self) -> Shared {
        Shared::default()
    }

    /// Puts it back; the learner has the parameters to deploy.
    ///
    /// # Errors
    /// Those of the learner, [`Error::NotSaved`], [`Error::Length`], [`Error::BlockRate`].
    fn restore(&mut self, _shared: &mut Shared, _learner: &mut L) -> Result<(), L::Error> {
        Ok(())
    }
}

/// What all replicas keep alike, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shared {
    /// Each as long as the parameters.
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// Saved to the bit.
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

/// A round's sum, as it came down.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// How the round was coded.
    pub encoding: Encoding,
    /// A payload for each range; empty where nobody had a frame.
    pub sums: &'a [(Range<usize>, &'a [u8])],
    /// Whether this worker's contribution is in it.
    pub counted: bool,
    /// Frames behind it.
    pub frames: u64,
    /// Of the round's source.
    pub rate: Rate,
}

impl Update<'_> {
    /// Whether nobody had a frame: it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.iter().all(|(_, payload)| payload.is_empty())
    }

    /// The mean that the sums stand for, of `values` values.
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

    /// Adds `factor` times the mean to the parameters, in one pass, and of signs only where they are.
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

    /// Takes the mean in as a gradient: by an optimiser that is the same on every replica.
    pub(super) fn descend<L: Learner>(&self, learning_rate: f64, learner: &mut L) -> Result<(), L::Error> {
        match learner.plain_factor(learning_rate) {
            Some(factor) => Ok(learner.change_parameters(|values| self.add_scaled(values, factor))??),
            None => learner.descend_along(&self.mean(learner.values())?, learning_rate),
        }
    }
}
