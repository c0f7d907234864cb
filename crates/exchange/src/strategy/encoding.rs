use super::{bmuf, dense, gtc};
use crate::error::Error;
use crate::reducer::Summation;
use serde::{Deserialize, Serialize};
use stentor_experiment::BmufWeights;

/// How contributions of a round are coded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Encoding {
    /// Whole vectors; `density` is what a later threshold aims at, 0 where none follows.
    Dense {
        /// Share of values.
        density: f64,
    },
    /// Signs of ±τ.
    Threshold {
        /// The threshold, of at most 8 significant bits.
        tau: f32,
        /// Share of values the next threshold aims at.
        density: f64,
    },
    /// What a block of batches came to.
    Block {
        /// η of this round.
        momentum: f64,
        /// ζ.
        learning_rate: f64,
        /// How it goes up.
        deltas: Deltas,
        /// Share of values that the next threshold aims at; 0 where none follows.
        density: f64,
    },
}

/// How a block goes up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deltas {
    /// The whole model as f32.
    Model,
    /// The difference to the block's start as bf16.
    Bf16,
    /// The difference to the block's start as signs of ±τ.
    Threshold {
        /// The threshold, of at most 8 significant bits.
        tau: f32,
    },
}

impl Encoding {
    /// Its name, as the event log writes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Encoding::Dense { .. } => "dense",
            Encoding::Threshold { .. } => "threshold",
            Encoding::Block { .. } => "block",
        }
    }

    /// Whether vectors go up whole: what residuals hold goes with them.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self, Encoding::Dense { .. })
    }

    /// Whether models are averaged rather than gradients or updates.
    #[must_use]
    pub fn is_block(&self) -> bool {
        matches!(self, Encoding::Block { .. })
    }

    /// τ, where contributions and their sum are signs; none where they are floats.
    #[must_use]
    pub fn tau(&self) -> Option<f32> {
        match *self {
            Encoding::Threshold { tau, .. } | Encoding::Block { deltas: Deltas::Threshold { tau }, .. } => {
                Some(tau)
            }
            Encoding::Dense { .. } | Encoding::Block { .. } => None,
        }
    }

    /// The error of a round that is coded as a member does not code it.
    pub(super) fn unexpected(&self, expected: &'static str) -> Error {
        Error::OtherEncoding { expected, found: self.name() }
    }

    /// What kind of sum the contributions make; `weights`: how models are weighted in the mean of a block.
    ///
    /// # Errors
    /// [`Error::TauOutOfRange`] and [`Error::TauNotExact`] for a τ that cannot be one.
    pub fn summation(&self, weights: BmufWeights) -> Result<Summation, Error> {
        match *self {
            Encoding::Dense { .. } => Ok(dense::summation()),
            Encoding::Threshold { tau, .. } => gtc::summation(tau),
            Encoding::Block { deltas, .. } => bmuf::summation(deltas, weights),
        }
    }
}
