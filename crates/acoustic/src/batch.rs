use crate::error::Error;
use crate::objective::{Soft, Targets};
use crate::shape::ModelShape;
use tch::{Device, Kind, Tensor};

/// The teacher's soft labels of a chunk's counted frames, k to a frame, by descending probability.
#[derive(Debug, Clone, Copy)]
pub struct SoftLabels<'a> {
    /// Senones kept for each frame.
    pub k: usize,
    /// Their ids, frame by frame.
    pub ids: &'a [u16],
    /// Their probabilities as kept, not renormalised.
    pub probabilities: &'a [f32],
}

/// A piece of an utterance: warm-up frames, frames that count in the loss, and frames of look-ahead.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Normalised features of all its frames, row-major.
    pub features: &'a [f32],
    /// Warm-up frames at its beginning, outside the loss.
    pub left: usize,
    /// Frames at its end, outside the loss.
    pub right: usize,
    /// Senone of each frame that counts.
    pub hard: Option<&'a [u16]>,
    /// Soft labels of each frame that counts.
    pub soft: Option<SoftLabels<'a>>,
}

/// Chunks side by side, padded on the right to the longest, on the model's device.
#[derive(Debug)]
pub struct Batch {
    /// `[chunks, frames, inputs]` f32.
    pub features: Tensor,
    /// Frames of each chunk, contexts included.
    pub lengths: Vec<i64>,
    /// What the frames are compared with.
    pub targets: Targets,
}

impl Batch {
    /// Packs chunks. Those of a batch are alike: all or none have hard labels, all or none soft ones, with one k.
    ///
    /// # Errors
    /// [`Error::Shape`] where sizes disagree, [`Error::Label`] for a senone that the model does not have.
    pub fn pack(chunks: &[Chunk<'_>], shape: &ModelShape, device: Device) -> Result<Self, Error> {
        let mut lengths = Vec::with_capacity(chunks.len());
        for (index, chunk) in chunks.iter().enumerate() {
            lengths.push(checked_frames(index, chunk, shape)?);
        }
        let frames = lengths.iter().copied().max().ok_or_else(|| Error::shape("batch", "at least 1 chunk", 0))?;
        let rows = chunks.len() * frames;

        let mut features = vec![0f32; rows * shape.inputs];
        let mut mask = vec![0f32; rows];
        let first = &chunks[0];
        let k = first.soft.map_or(0, |soft| soft.k);
        let mut hard = first.hard.map(|_| vec![0i64; rows]);
        let mut ids = vec![0i64; rows * k];
        let mut probabilities = vec![0f32; rows * k];
        for (index, (chunk, &length)) in chunks.iter().zip(&lengths).enumerate() {
            if chunk.hard.is_some() != hard.is_some() || chunk.soft.map_or(0, |soft| soft.k) != k {
                let found = format!("chunk {index} with others");
                return Err(Error::shape("batch", "chunks with labels of one sort", found));
            }
            let row = index * frames;
            features[row * shape.inputs..][..chunk.features.len()].copy_from_slice(chunk.features);
            let (row, counted) = (row + chunk.left, length - chunk.left - chunk.right);
            mask[row..row + counted].fill(1.0);
            if let (Some(all), Some(labels)) = (&mut hard, chunk.hard) {
                check_labels(index, labels, shape)?;
                all[row..row + counted].iter_mut().zip(labels).for_each(|(to, &from)| *to = i64::from(from));
            }
            if let Some(soft) = chunk.soft {
                check_labels(index, soft.ids, shape)?;
                ids[row * k..].iter_mut().zip(soft.ids).for_each(|(to, &from)| *to = i64::from(from));
                probabilities[row * k..][..counted * k].copy_from_slice(soft.probabilities);
            }
        }

        let size = [chunks.len() as i64, frames as i64];
        let soft_size = [size[0], size[1], k as i64];
        let hard = hard.map(|labels| tensor(&labels, &size, device)).transpose()?;
        let soft = match k {
            0 => None,
            _ => Some(Soft {
                ids: tensor(&ids, &soft_size, device)?,
                probabilities: tensor(&probabilities, &soft_size, device)?,
            }),
        };
        Ok(Self {
            features: tensor(&features, &[size[0], size[1], shape.inputs as i64], device)?,
            lengths: lengths.into_iter().map(|n| n as i64).collect(),
            targets: Targets { hard, soft, mask: tensor(&mask, &size, device)? },
        })
    }

    /// Frames that count in the loss.
    ///
    /// # Panics
    /// Where the device is lost.
    #[must_use]
    pub fn frames(&self) -> i64 {
        self.targets.mask.sum(Kind::Double).double_value(&[]) as i64
    }
}

/// Frames of a chunk, after checking that its slices agree with each other.
fn checked_frames(index: usize, chunk: &Chunk<'_>, shape: &ModelShape) -> Result<usize, Error> {
    let misfit = |what: &str, expected: String, found: usize| {
        Err(Error::shape(format!("{what} of chunk {index}"), expected, found))
    };
    if !chunk.features.len().is_multiple_of(shape.inputs) {
        return misfit("features", format!("a multiple of {} values", shape.inputs), chunk.features.len());
    }
    let frames = chunk.features.len() / shape.inputs;
    let Some(counted) = frames.checked_sub(chunk.left.saturating_add(chunk.right)).filter(|&n| n > 0) else {
        return misfit("frames", format!("more than {} + {} of context", chunk.left, chunk.right), frames);
    };
    if let Some(hard) = chunk.hard.filter(|hard| hard.len() != counted) {
        return misfit("hard labels", counted.to_string(), hard.len());
    }
    if let Some(soft) = chunk.soft {
        if !(1..=shape.senones).contains(&soft.k) {
            return misfit("senones kept in a frame", format!("1 to {}", shape.senones), soft.k);
        }
        if soft.ids.len() != counted * soft.k {
            return misfit("soft labels", (counted * soft.k).to_string(), soft.ids.len());
        }
        if soft.probabilities.len() != counted * soft.k {
            return misfit("probabilities", (counted * soft.k).to_string(), soft.probabilities.len());
        }
    }
    Ok(frames)
}

fn check_labels(index: usize, labels: &[u16], shape: &ModelShape) -> Result<(), Error> {
    match labels.iter().find(|&&label| usize::from(label) >= shape.senones) {
        None => Ok(()),
        Some(&found) => Err(Error::Label { found, chunk: index, senones: shape.senones }),
    }
}

pub(crate) fn tensor<T: tch::kind::Element>(values: &[T], size: &[i64], device: Device) -> Result<Tensor, Error> {
    Ok(Tensor::f_from_slice(values)?.f_view(size)?.f_to_device(device)?)
}
