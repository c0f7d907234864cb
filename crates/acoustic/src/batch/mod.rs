//! Batches of sequences: chunks of utterances, or whole utterances.

mod labels;
mod utterances;

pub use labels::{Labels, SoftLabels};
pub use utterances::{Utterance, utterance_batches};

use crate::error::Error;
use crate::shape::FrameSizes;
use crate::supervision::Targets;
use labels::LabelGrid;
use tch::{Device, Kind, Tensor};

/// A piece of an utterance: warm-up frames, frames that count in the loss, and frames of look-ahead.
///
/// If a model makes one output frame of several frames, warm-up and look-ahead are multiples of that number.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Normalised features of all its frames, row-major.
    pub features: &'a [f32],
    /// Number of warm-up frames at its beginning, outside the loss.
    pub left: usize,
    /// Number of look-ahead frames at its end, outside the loss.
    pub right: usize,
    /// Labels of each output frame that counts in the loss.
    pub labels: Labels<'a>,
}

/// The kind of a batch's sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Pieces of utterances, which may begin and end anywhere.
    Chunks,
    /// Whole utterances.
    Utterances,
}

/// A batch of sequences, padded on the right to the longest, on the model's device.
#[derive(Debug)]
pub struct Batch {
    /// `[sequences, frames, inputs]` f32.
    pub features: Tensor,
    /// Number of frames of each sequence, contexts included.
    pub lengths: Vec<i64>,
    /// Targets of the output frames.
    pub targets: Targets,
    /// The kind of the sequences.
    pub extent: Extent,
}

impl Batch {
    /// Packs chunks. All labels must have the same kind, and all soft labels the same k.
    ///
    /// # Errors
    /// [`Error::Shape`] if sizes disagree, [`Error::MixedSupervision`] for labels of several kinds, [`Error::Label`]
    /// for a senone that the model does not have.
    pub fn pack(chunks: &[Chunk<'_>], sizes: FrameSizes, device: Device) -> Result<Self, Error> {
        Self::lay_out(chunks, Extent::Chunks, sizes, device)
    }

    /// Packs whole utterances; [`utterance_batches`] assigns utterances to batches.
    ///
    /// # Errors
    /// See [`pack`](Self::pack); its messages call an utterance a chunk.
    pub fn pack_utterances(
        utterances: &[Utterance<'_>],
        sizes: FrameSizes,
        device: Device,
    ) -> Result<Self, Error> {
        let whole = utterances.iter().map(|utterance| Chunk {
            features: utterance.features,
            left: 0,
            right: 0,
            labels: utterance.labels,
        });
        let chunks: Vec<Chunk<'_>> = whole.collect();
        Self::lay_out(&chunks, Extent::Utterances, sizes, device)
    }

    fn lay_out(
        chunks: &[Chunk<'_>],
        extent: Extent,
        sizes: FrameSizes,
        device: Device,
    ) -> Result<Self, Error> {
        let Some(first) = chunks.first() else { return Err(Error::shape("batch", "at least 1 chunk", 0)) };
        let mut places = Vec::with_capacity(chunks.len());
        for (index, chunk) in chunks.iter().enumerate() {
            places.push(Place::of(index, chunk, sizes)?);
        }
        let frames = places.iter().map(|place| place.frames).max().unwrap_or_default();
        let outputs = sizes.output_frames(frames);
        let rows = chunks.len() * outputs;

        let mut features = vec![0f32; chunks.len() * frames * sizes.inputs];
        let mut mask = vec![0f32; rows];
        let mut labels = LabelGrid::like(&first.labels, rows);
        for (index, (chunk, place)) in chunks.iter().zip(&places).enumerate() {
            let to = &mut features[index * frames * sizes.inputs..][..place.frames * sizes.inputs];
            extend(chunk.features, sizes.inputs, to);
            let row = index * outputs + place.first;
            mask[row..row + place.counted].fill(1.0);
            labels.put(index, &chunk.labels, row)?;
        }

        let size = [chunks.len() as i64, outputs as i64];
        let features_size = [size[0], frames as i64, sizes.inputs as i64];
        Ok(Self {
            features: tensor(&features, &features_size, device)?,
            lengths: places.iter().map(|place| place.frames as i64).collect(),
            targets: Targets {
                supervision: labels.supervision(size, device)?,
                mask: tensor(&mask, &size, device)?,
            },
            extent,
        })
    }

    /// Number of frames that count in the loss.
    ///
    /// # Panics
    /// If the device is lost.
    #[must_use]
    pub fn frames(&self) -> i64 {
        self.targets.mask.sum(Kind::Double).double_value(&[]) as i64
    }
}

/// Copies frames to `to`, which may have room for more: these are the last frame again.
pub(crate) fn extend(frames: &[f32], inputs: usize, to: &mut [f32]) {
    let (own, more) = to.split_at_mut(frames.len());
    own.copy_from_slice(frames);
    if let Some(last) = frames.len().checked_sub(inputs) {
        more.chunks_exact_mut(inputs).for_each(|frame| frame.copy_from_slice(&frames[last..]));
    }
}

/// Frame counts of a chunk.
struct Place {
    /// Number of frames, contexts included, and what the model reads after the end.
    frames: usize,
    /// First output frame that counts in the loss: of the model's outputs, which are late by the look-ahead.
    first: usize,
    /// Number of output frames that count in the loss.
    counted: usize,
}

impl Place {
    /// Computes the frame counts of a chunk, after checking that its slices agree with each other.
    fn of(index: usize, chunk: &Chunk<'_>, sizes: FrameSizes) -> Result<Self, Error> {
        let Chunk { features, left, right, labels } = chunk;
        let misfit = |what: &str, expected: String, found: usize| {
            Err(Error::shape(format!("{what} of chunk {index}"), expected, found))
        };
        if !features.len().is_multiple_of(sizes.inputs) {
            return misfit("features", format!("a multiple of {} values", sizes.inputs), features.len());
        }
        let frames = features.len() / sizes.inputs;
        let Some(counted) = frames.checked_sub(left.saturating_add(*right)).filter(|&n| n > 0) else {
            return misfit("frames", format!("more than {left} + {right} of context"), frames);
        };
        for context in [*left, *right] {
            if !context.is_multiple_of(sizes.ratio) {
                return misfit("context", format!("a multiple of {} frames", sizes.ratio), context);
            }
        }
        let counted = sizes.output_frames(counted);
        labels.check(index, counted, sizes)?;
        let frames = frames + sizes.look_ahead.saturating_sub(*right);
        Ok(Self { frames, first: (left + sizes.look_ahead) / sizes.ratio, counted })
    }
}

pub(crate) fn tensor<T: tch::kind::Element>(
    values: &[T],
    size: &[i64],
    device: Device,
) -> Result<Tensor, Error> {
    Ok(Tensor::f_from_slice(values)?.f_view(size)?.f_to_device(device)?)
}

#[cfg(test)]
mod tests;
