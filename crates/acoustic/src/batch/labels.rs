use crate::batch::tensor;
use crate::error::Error;
use crate::shape::FrameSizes;
use crate::supervision::{Soft, Supervision, SupervisionKind};
use stentor_inventory::SenoneId;
use tch::Device;

/// The teacher's soft labels of a chunk's counted frames: k per frame, by descending probability.
#[derive(Debug, Clone, Copy)]
pub struct SoftLabels<'a> {
    /// Senones kept for each frame.
    pub k: usize,
    /// The senones, frame by frame.
    pub ids: &'a [SenoneId],
    /// Their probabilities as kept, not renormalised.
    pub probabilities: &'a [f32],
}

/// The labels of a chunk's counted output frames.
#[derive(Debug, Clone, Copy)]
pub enum Labels<'a> {
    /// The senone of each frame.
    Hard(&'a [SenoneId]),
    /// The teacher's soft labels of each frame.
    Soft(SoftLabels<'a>),
    /// Both kinds.
    HardAndSoft {
        /// The senone of each frame.
        hard: &'a [SenoneId],
        /// The teacher's soft labels of each frame.
        soft: SoftLabels<'a>,
    },
}

impl<'a> Labels<'a> {
    /// The kind of these labels; `None` if there are none.
    #[must_use]
    pub fn of(hard: Option<&'a [SenoneId]>, soft: Option<SoftLabels<'a>>) -> Option<Self> {
        match (hard, soft) {
            (Some(hard), Some(soft)) => Some(Self::HardAndSoft { hard, soft }),
            (Some(hard), None) => Some(Self::Hard(hard)),
            (None, Some(soft)) => Some(Self::Soft(soft)),
            (None, None) => None,
        }
    }

    fn hard(&self) -> Option<&'a [SenoneId]> {
        match *self {
            Self::Hard(hard) | Self::HardAndSoft { hard, .. } => Some(hard),
            Self::Soft(_) => None,
        }
    }

    fn soft(&self) -> Option<SoftLabels<'a>> {
        match *self {
            Self::Soft(soft) | Self::HardAndSoft { soft, .. } => Some(soft),
            Self::Hard(_) => None,
        }
    }

    fn kind(&self) -> SupervisionKind {
        match self {
            Self::Hard(_) => SupervisionKind::Hard,
            Self::Soft(_) => SupervisionKind::Soft,
            Self::HardAndSoft { .. } => SupervisionKind::HardAndSoft,
        }
    }

    /// Checks that each of the `counted` frames has its labels, and that the model has their senones.
    pub(super) fn check(&self, index: usize, counted: usize, sizes: FrameSizes) -> Result<(), Error> {
        let senones = sizes.senones;
        let misfit = |what: &str, expected: String, found: usize| {
            Err(Error::shape(format!("{what} of chunk {index}"), expected, found))
        };
        if let Some(hard) = self.hard() {
            if hard.len() != counted {
                return misfit("hard labels", counted.to_string(), hard.len());
            }
            check_senones(index, hard, senones)?;
        }
        if let Some(SoftLabels { k, ids, probabilities }) = self.soft() {
            if !(1..=senones).contains(&k) {
                return misfit("senones kept in a frame", format!("1 to {senones}"), k);
            }
            if ids.len() != counted * k {
                return misfit("soft labels", (counted * k).to_string(), ids.len());
            }
            if probabilities.len() != counted * k {
                return misfit("probabilities", (counted * k).to_string(), probabilities.len());
            }
            check_senones(index, ids, senones)?;
        }
        Ok(())
    }
}

fn check_senones(index: usize, labels: &[SenoneId], senones: usize) -> Result<(), Error> {
    match labels.iter().find(|label| label.index() >= senones) {
        None => Ok(()),
        Some(&found) => Err(Error::Label { found, place: format!("chunk {index}"), senones }),
    }
}

/// Labels of several chunks, laid out as [`Supervision`] of one kind.
pub(super) struct LabelGrid {
    kind: SupervisionKind,
    /// Empty if there are no hard labels.
    hard: Vec<i64>,
    /// 0 if there are no soft labels.
    k: usize,
    ids: Vec<i64>,
    probabilities: Vec<f32>,
}

impl LabelGrid {
    /// Allocates space for `rows` frames of labels of this kind.
    pub(super) fn like(labels: &Labels<'_>, rows: usize) -> Self {
        let k = labels.soft().map_or(0, |soft| soft.k);
        Self {
            kind: labels.kind(),
            hard: vec![0; if labels.hard().is_some() { rows } else { 0 }],
            k,
            ids: vec![0; rows * k],
            probabilities: vec![0.0; rows * k],
        }
    }

    /// Writes the labels of chunk `index`, starting at `row`.
    pub(super) fn put(&mut self, index: usize, labels: &Labels<'_>, row: usize) -> Result<(), Error> {
        if labels.kind() != self.kind {
            let (expected, found) = (self.kind, labels.kind());
            return Err(Error::MixedSupervision { chunk: index, expected, found });
        }
        if let Some(hard) = labels.hard() {
            self.hard[row..].iter_mut().zip(hard).for_each(|(to, &from)| *to = i64::from(from));
        }
        if let Some(SoftLabels { k, ids, probabilities }) = labels.soft() {
            if k != self.k {
                return Err(Error::shape(format!("senones kept in a frame of chunk {index}"), self.k, k));
            }
            self.ids[row * k..].iter_mut().zip(ids).for_each(|(to, &from)| *to = i64::from(from));
            self.probabilities[row * k..][..probabilities.len()].copy_from_slice(probabilities);
        }
        Ok(())
    }

    /// Converts them to tensors of `[batch, frames]` and `[batch, frames, k]`.
    pub(super) fn supervision(self, size: [i64; 2], device: Device) -> Result<Supervision, Error> {
        let hard = || tensor(&self.hard, &size, device);
        let soft = || {
            let size = [size[0], size[1], self.k as i64];
            let (ids, probabilities) = (&self.ids, &self.probabilities);
            Ok::<_, Error>(Soft {
                ids: tensor(ids, &size, device)?,
                probabilities: tensor(probabilities, &size, device)?,
            })
        };
        Ok(match self.kind {
            SupervisionKind::Hard => Supervision::Hard(hard()?),
            SupervisionKind::Soft => Supervision::Soft(soft()?),
            SupervisionKind::HardAndSoft => Supervision::HardAndSoft { hard: hard()?, soft: soft()? },
        })
    }
}
