use crate::error::Error;
use serde::{Deserialize, Serialize};

/// Encoding of the contributions to a round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Encoding {
    /// Whole vectors; `density` is the target of a later threshold, 0 if none follows.
    Dense {
        /// Share of values.
        density: f64,
    },
    /// Signs of ±τ.
    Threshold {
        /// The threshold, of at most 8 significant bits.
        tau: f32,
        /// Share of values that the next threshold should send.
        density: f64,
    },
    /// The result of a block of batches.
    Block {
        /// η of this round.
        momentum: f64,
        /// ζ.
        learning_rate: f64,
        /// Format of the model or difference.
        deltas: Deltas,
        /// Share of values that the next threshold should send; 0 if none follows.
        density: f64,
    },
}

/// Format of a block's result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deltas {
    /// The whole model as f32.
    Model,
    /// The difference from the block's start as bf16.
    Bf16,
    /// The difference from the block's start as signs of ±τ.
    Threshold {
        /// The threshold, of at most 8 significant bits.
        tau: f32,
    },
}

impl Encoding {
    /// Returns its name in the event log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Encoding::Dense { .. } => "dense",
            Encoding::Threshold { .. } => "threshold",
            Encoding::Block { .. } => "block",
        }
    }

    /// Returns whether whole vectors are sent, which include the residuals.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self, Encoding::Dense { .. })
    }

    /// Returns whether models are averaged rather than gradients or updates.
    #[must_use]
    pub fn is_block(&self) -> bool {
        matches!(self, Encoding::Block { .. })
    }

    /// Returns τ if contributions and their sum are signs; `None` if they are floats.
    #[must_use]
    pub fn tau(&self) -> Option<f32> {
        match *self {
            Encoding::Threshold { tau, .. } | Encoding::Block { deltas: Deltas::Threshold { tau }, .. } => {
                Some(tau)
            }
            Encoding::Dense { .. } | Encoding::Block { .. } => None,
        }
    }

    /// Returns the error for a round with an encoding that a member does not use.
    pub(super) fn unexpected(&self, expected: &'static str) -> Error {
        Error::OtherEncoding { expected, found: self.name() }
    }
}
