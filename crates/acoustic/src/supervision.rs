//! The targets of a batch: one kind of supervision for all of its sequences.

use std::fmt;
use tch::Tensor;

/// Soft labels: the k most probable senones of each frame, as stored by the labeler.
#[derive(Debug)]
pub struct Soft {
    /// Senone ids by descending probability, `[batch, frames, k]` i64; distinct within a frame.
    pub ids: Tensor,
    /// Their stored probabilities, not renormalised, `[batch, frames, k]` f32.
    pub probabilities: Tensor,
}

/// The labels of a batch, for each output frame. All sequences of a batch have the same kind.
#[derive(Debug)]
pub enum Supervision {
    /// The aligned senone of each frame, `[batch, frames]` i64.
    Hard(Tensor),
    /// A teacher's soft labels.
    Soft(Soft),
    /// Both, for annotated data that a teacher has also labeled.
    HardAndSoft {
        /// As in [`Hard`](Self::Hard).
        hard: Tensor,
        /// As in [`Soft`](Self::Soft).
        soft: Soft,
    },
}

/// The kinds of [`Supervision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupervisionKind {
    /// [`Supervision::Hard`].
    Hard,
    /// [`Supervision::Soft`].
    Soft,
    /// [`Supervision::HardAndSoft`].
    HardAndSoft,
}

impl fmt::Display for SupervisionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hard => "hard labels",
            Self::Soft => "soft labels",
            Self::HardAndSoft => "hard and soft labels",
        })
    }
}

impl Supervision {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> SupervisionKind {
        match self {
            Self::Hard(_) => SupervisionKind::Hard,
            Self::Soft(_) => SupervisionKind::Soft,
            Self::HardAndSoft { .. } => SupervisionKind::HardAndSoft,
        }
    }

    /// The hard labels, if any.
    #[must_use]
    pub fn hard(&self) -> Option<&Tensor> {
        match self {
            Self::Hard(hard) | Self::HardAndSoft { hard, .. } => Some(hard),
            Self::Soft(_) => None,
        }
    }

    /// The soft labels, if any.
    #[must_use]
    pub fn soft(&self) -> Option<&Soft> {
        match self {
            Self::Soft(soft) | Self::HardAndSoft { soft, .. } => Some(soft),
            Self::Hard(_) => None,
        }
    }
}

/// The targets of a batch and their mask. The mask is 0 for frames without labels (padding, context).
#[derive(Debug)]
pub struct Targets {
    /// The labels.
    pub supervision: Supervision,
    /// 1 for an output frame that counts in the loss, otherwise 0; `[batch, frames]` f32.
    pub mask: Tensor,
}
