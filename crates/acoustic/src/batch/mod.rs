use crate::error::Error;
use crate::objective::{Soft, Targets};
use crate::shape::ModelShape;
use stentor_inventory::SenoneId;
use tch::{Device, Kind, Tensor};

/// The teacher's soft labels of a chunk's counted frames, k to a frame, by descending probability.
#[derive(Debug, Clone, Copy)]
pub struct SoftLabels<'a> {
    /// Senones kept for each frame.
    pub k: usize,
    /// These senones, frame by frame.
    pub ids: &'a [SenoneId],
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
    pub hard: Option<&'a [SenoneId]>,
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
        let frames =
            lengths.iter().copied().max().ok_or_else(|| Error::shape("batch", "at least 1 chunk", 0))?;
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

fn check_labels(index: usize, labels: &[SenoneId], shape: &ModelShape) -> Result<(), Error> {
    match labels.iter().find(|label| label.index() >= shape.senones) {
        None => Ok(()),
        Some(&found) => Err(Error::Label { found, place: format!("chunk {index}"), senones: shape.senones }),
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
mod tests {
    use super::*;
    use stentor_experiment::Model;

    fn shape() -> ModelShape {
        ModelShape::new(&Model::default(), 2, 5).unwrap()
    }

    fn ids(numbers: &[u16]) -> Option<&[SenoneId]> {
        Some(SenoneId::of_column(numbers))
    }

    fn flat(tensor: &Tensor) -> Vec<f64> {
        Vec::<f64>::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
    }

    #[test]
    fn labels_stand_at_the_frames_that_count_and_the_rest_is_masked() {
        // One frame of warm-up, two that count, one of look-ahead; beside it a chunk of a single frame.
        let long: Vec<f32> = (1..=8).map(|n| n as f32).collect();
        let soft =
            |ids, probabilities| Some(SoftLabels { k: 2, ids: SenoneId::of_column(ids), probabilities });
        let chunks = [
            Chunk {
                features: &long,
                left: 1,
                right: 1,
                hard: ids(&[3, 4]),
                soft: soft(&[3, 1, 4, 0], &[0.6, 0.3, 0.7, 0.1]),
            },
            Chunk {
                features: &long[..2],
                left: 0,
                right: 0,
                hard: ids(&[2]),
                soft: soft(&[2, 0], &[0.9, 0.05]),
            },
        ];
        let batch = Batch::pack(&chunks, &shape(), Device::Cpu).unwrap();
        assert_eq!((batch.lengths.as_slice(), batch.frames()), (&[4, 1][..], 3));
        assert_eq!(batch.features.size(), [2, 4, 2]);
        assert_eq!(flat(&batch.features)[6..12], [7.0, 8.0, 1.0, 2.0, 0.0, 0.0]);
        assert_eq!(flat(&batch.targets.mask), [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(flat(&batch.targets.hard.unwrap()), [0.0, 3.0, 4.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
        let soft = batch.targets.soft.unwrap();
        assert_eq!(flat(&soft.ids)[..10], [0.0, 0.0, 3.0, 1.0, 4.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
        assert!((flat(&soft.probabilities)[4] - 0.7).abs() < 1e-6);
    }

    #[test]
    fn slices_that_disagree_are_errors_that_name_the_chunk() {
        let features = [0f32; 6];
        let good = Chunk { features: &features, left: 1, right: 0, hard: ids(&[1, 2]), soft: None };
        let soft =
            |k, ids, probabilities| Some(SoftLabels { k, ids: SenoneId::of_column(ids), probabilities });
        let bad = [
            (Chunk { features: &features[..5], ..good }, "features of chunk 1"),
            (Chunk { left: 2, right: 1, ..good }, "frames of chunk 1"),
            (Chunk { left: usize::MAX, right: 1, ..good }, "frames of chunk 1"),
            (Chunk { hard: ids(&[1]), ..good }, "hard labels of chunk 1"),
            (Chunk { hard: ids(&[1, 5]), ..good }, "label 5 of chunk 1"),
            (Chunk { hard: None, ..good }, "chunk 1 with others"),
            (Chunk { soft: soft(1, &[1, 2], &[0.5, 0.5]), ..good }, "chunk 1 with others"),
            (Chunk { soft: soft(0, &[], &[]), ..good }, "kept in a frame of chunk 1"),
            (Chunk { soft: soft(6, &[], &[]), ..good }, "kept in a frame of chunk 1"),
            (Chunk { soft: soft(1, &[1], &[0.5, 0.5]), ..good }, "soft labels of chunk 1"),
            (Chunk { soft: soft(1, &[1, 2], &[0.5]), ..good }, "probabilities of chunk 1"),
        ];
        for (chunk, expected) in bad {
            let error = Batch::pack(&[good, chunk], &shape(), Device::Cpu).unwrap_err().to_string();
            assert!(error.contains(expected), "expected `{expected}` in `{error}`");
        }
        let nothing = Batch::pack(&[], &shape(), Device::Cpu).unwrap_err();
        assert_eq!(nothing.to_string(), "batch: expected at least 1 chunk, found 0");
        let wild = Chunk { soft: soft(1, &[1, 9], &[0.5, 0.5]), ..good };
        let error = Batch::pack(&[wild], &shape(), Device::Cpu).unwrap_err();
        assert!(matches!(error, Error::Label { found, .. } if found == SenoneId::new(9)), "{error}");
    }
}
