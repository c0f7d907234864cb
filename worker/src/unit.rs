use stentor_acoustic::{Aligned, Batch, Chunk as Piece, Device, Labels, ModelShape, SoftLabels};
use stentor_dataset::{BadRowGroup, UnitRows};
use stentor_inventory::SenoneId;
use stentor_plan::Chunk;
use stentor_shards::Normalisation;

/// A work unit in memory: normalised features and targets of its utterances.
#[derive(Debug, Default)]
pub(crate) struct UnitData {
    /// Number of values in a frame.
    dimension: usize,
    utterances: Vec<Utterance>,
    /// Quarantined row groups of the unit, which are not in it.
    pub(crate) bad: Vec<BadRowGroup>,
}

#[derive(Debug, Default)]
struct Utterance {
    name: String,
    /// Flat `[frames × dimension]`.
    features: Vec<f32>,
    alignment: Option<Vec<SenoneId>>,
    soft: Option<Soft>,
}

/// The teacher's labels of an utterance, flat `[frames × k]`.
#[derive(Debug, Default)]
struct Soft {
    k: usize,
    ids: Vec<SenoneId>,
    probabilities: Vec<f32>,
}

impl UnitData {
    /// Normalises the rows of a unit and converts them to f32.
    pub(crate) fn new(rows: UnitRows, normalisation: &Normalisation) -> Self {
        let UnitRows { features, labels, bad } = rows;
        let mut soft = labels.into_iter().map(|row| Soft {
            k: row.top_k(),
            probabilities: row.log_probabilities().map(f32::exp).collect(),
            ids: row.ids,
        });
        let utterances = features.into_iter().map(|row| Utterance {
            name: row.utterance,
            features: normalisation.apply(&row.features),
            alignment: row.alignment,
            soft: soft.next(),
        });
        let utterances = utterances.collect();
        Self { dimension: normalisation.mean.len().max(1), utterances, bad }
    }

    /// Number of frames of each utterance.
    pub(crate) fn lengths(&self) -> Vec<u32> {
        self.utterances.iter().map(|u| (u.features.len() / self.dimension) as u32).collect()
    }

    /// Id of an utterance; empty if it does not exist.
    pub(crate) fn name(&self, utterance: usize) -> &str {
        self.utterances.get(utterance).map_or("", |utterance| &utterance.name)
    }

    /// Features and alignment of each utterance, for evaluation.
    ///
    /// # Errors
    /// [`MissingTargets`](stentor_acoustic::Error::MissingTargets) if an utterance has no alignment.
    pub(crate) fn aligned(&self) -> Result<Vec<Aligned<'_>>, stentor_acoustic::Error> {
        let missing =
            || stentor_acoustic::Error::MissingTargets { objective: "hard labels", missing: "an alignment" };
        let pairs = self.utterances.iter().map(|utterance| {
            let alignment = utterance.alignment.as_ref().ok_or_else(missing)?;
            Ok((utterance.features.as_slice(), alignment.as_slice()))
        });
        pairs.collect()
    }

    /// Lays out chunks as a batch on `device`.
    ///
    /// # Errors
    /// An error if labels and features do not fit the model or each other;
    /// [`MissingTargets`](stentor_acoustic::Error::MissingTargets) if an utterance has no labels at all.
    pub(crate) fn batch(
        &self,
        chunks: &[Chunk],
        shape: &ModelShape,
        device: Device,
    ) -> Result<Batch, stentor_acoustic::Error> {
        let pieces: Vec<Piece<'_>> =
            chunks.iter().filter_map(|chunk| self.piece(chunk).transpose()).collect::<Result<_, _>>()?;
        Batch::pack(&pieces, shape.frames(), device)
    }

    /// The piece that a chunk names; none if it does not exist.
    fn piece(&self, chunk: &Chunk) -> Result<Option<Piece<'_>>, stentor_acoustic::Error> {
        let Some(utterance) = self.utterances.get(chunk.utterance) else { return Ok(None) };
        let (from, to) = (chunk.start as usize, (chunk.start + chunk.frames) as usize);
        let (left, right) = (chunk.left as usize, chunk.right as usize);
        let spans = |of: usize| from * of..to * of;
        let frames = (from - left) * self.dimension..(to + right) * self.dimension;
        let Some(features) = utterance.features.get(frames) else { return Ok(None) };
        // If the alignment is too short for the chunk, this becomes empty, and the batch refuses it.
        let hard = utterance.alignment.as_ref().map(|labels| labels.get(spans(1)).unwrap_or_default());
        let soft = utterance.soft.as_ref().map(|soft| SoftLabels {
            k: soft.k,
            ids: soft.ids.get(spans(soft.k)).unwrap_or_default(),
            probabilities: soft.probabilities.get(spans(soft.k)).unwrap_or_default(),
        });
        let labels = Labels::of(hard, soft).ok_or(stentor_acoustic::Error::MissingTargets {
            objective: "training",
            missing: "an alignment or a teacher's labels",
        })?;
        Ok(Some(Piece { features, left, right, labels }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
    use stentor_experiment::Architecture;
    use stentor_shards::{FeatureRow, LabelRow};

    fn unit() -> UnitData {
        let features = |n: usize| (0..2 * n).map(|i| f16::from_f32(i as f32)).collect();
        let row = |name: &str, n: usize| FeatureRow {
            utterance: name.into(),
            speaker: "s".into(),
            group: "g".into(),
            features: features(n),
            alignment: Some(SenoneId::list(0..n as u16)),
            text: None,
        };
        let label = |name: &str, n: usize| LabelRow {
            utterance: name.into(),
            ids: SenoneId::list((0..2 * n as u16).map(|i| i % 9)),
            log_probs: vec![-256; 2 * n],
            residual: vec![6554; n],
        };
        let rows = UnitRows {
            features: vec![row("a", 5), row("b", 3)],
            labels: vec![label("a", 5), label("b", 3)],
            bad: Vec::new(),
        };
        let normalisation = Normalisation { mean: vec![1.0, 1.0], std: vec![2.0, 0.5] };
        UnitData::new(rows, &normalisation)
    }

    fn shape() -> ModelShape {
        ModelShape::new(&Architecture::default(), 2, 9).unwrap()
    }

    #[test]
    fn context_and_padding_are_masked_and_targets_stand_under_their_frames() {
        let chunks = [
            Chunk { utterance: 0, start: 2, frames: 2, left: 1, right: 1 },
            Chunk { utterance: 1, start: 0, frames: 3, left: 0, right: 0 },
        ];
        let batch = unit().batch(&chunks, &shape(), Device::Cpu).unwrap();
        assert_eq!(batch.lengths, [4, 3]);
        let flat = |t: &stentor_acoustic::Tensor| {
            Vec::<f64>::try_from(t.flatten(0, -1).to_kind(stentor_acoustic::tch::Kind::Double)).unwrap()
        };
        assert_eq!(flat(&batch.targets.mask), [0., 1., 1., 0., 1., 1., 1., 0.]);
        assert_eq!(flat(batch.targets.supervision.hard().unwrap()), [0., 2., 3., 0., 0., 1., 2., 0.]);
        // Frame 1 of utterance a is (2, 3); its normalised form is in the first cell.
        assert_eq!(flat(&batch.features)[..2], [0.5, 4.0]);
        let soft = batch.targets.supervision.soft().unwrap();
        assert_eq!(flat(&soft.ids)[2..4], [4.0, 5.0]);
        assert!((flat(&soft.probabilities)[2] - (-1f64).exp()).abs() < 1e-6);
    }

    #[test]
    fn a_chunk_beyond_the_end_of_its_alignment_is_refused_as_one_without_labels() {
        let mut unit = unit();
        unit.utterances[1].alignment = Some(SenoneId::list([1]));
        let chunk = Chunk { utterance: 1, start: 0, frames: 3, left: 0, right: 0 };
        let error = unit.batch(&[chunk], &shape(), Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "hard labels of chunk 0: expected 3, found 0");
    }

    #[test]
    fn an_utterance_without_any_labels_is_not_trained_on() {
        let mut unit = unit();
        (unit.utterances[1].alignment, unit.utterances[1].soft) = (None, None);
        let chunk = Chunk { utterance: 1, start: 0, frames: 3, left: 0, right: 0 };
        let error = unit.batch(&[chunk], &shape(), Device::Cpu).unwrap_err().to_string();
        let expected =
            "objective `training` needs an alignment or a teacher's labels, and the batch has none";
        assert_eq!(error, expected);
    }
}
