use crate::Error;
use std::ops::Range;
use stentor_shards::{FeatureRow, FeatureSet, Kind, LabelRow, LabelSet};

/// The data of one source: features, and the teacher's labels if the source has any.
#[derive(Debug, Clone)]
pub struct Part {
    features: FeatureSet,
    labels: Option<LabelSet>,
    /// The shard of each row group and its number within that shard; row groups are numbered across all shards.
    places: Vec<(usize, usize)>,
}

/// The utterances of a work unit's valid row groups, in the order of the shards.
#[derive(Debug, Clone, Default)]
pub struct UnitRows {
    /// Features and alignments.
    pub features: Vec<FeatureRow>,
    /// The teacher's labels, one row per utterance, or empty.
    pub labels: Vec<LabelRow>,
    /// Quarantined row groups, ascending.
    pub bad: Vec<BadRowGroup>,
}

/// A row group that cannot be used: its bytes do not match the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRowGroup {
    /// Row group, numbered across all shards of its source.
    pub row_group: usize,
    /// Whether the features or the labels are bad. If both are, this names the features.
    pub kind: Kind,
    /// What is wrong with it, and where.
    pub reason: String,
}

/// Location and size of a row group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The shard's full location.
    pub file: String,
    /// Row group within the shard, counted from 0.
    pub row_group: usize,
    /// Number of frames in its utterances.
    pub frames: u64,
}

impl Part {
    pub(crate) fn new(features: FeatureSet, labels: Option<LabelSet>) -> Self {
        let places = features
            .manifest()
            .shards
            .iter()
            .enumerate()
            .flat_map(|(shard, info)| (0..info.row_groups.len()).map(move |group| (shard, group)))
            .collect();
        Self { features, labels, places }
    }

    /// The feature set.
    #[must_use]
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The label set.
    #[must_use]
    pub fn labels(&self) -> Option<&LabelSet> {
        self.labels.as_ref()
    }

    /// Location and size of row group `row_group`, numbered across all shards, of the features or the labels.
    #[must_use]
    pub fn place(&self, row_group: usize, kind: Kind) -> Option<Place> {
        let &(shard, group) = self.places.get(row_group)?;
        let (location, shards) = match kind {
            Kind::Features => (self.features.location(), &self.features.manifest().shards),
            Kind::Labels => {
                let labels = self.labels.as_ref()?;
                (labels.location(), &labels.manifest().shards)
            }
        };
        let shard = shards.get(shard)?;
        let frames = shard.row_groups.get(group)?.frames;
        Some(Place { file: format!("{location}/{}", shard.file), row_group: group, frames })
    }

    /// Reads the utterances of `row_groups`, which are numbered across all shards. A row group whose bytes do not match
    /// the manifest is skipped together with its labels and listed in [`UnitRows::bad`]. The result depends on the
    /// bytes alone: the same bytes always give the same rows.
    ///
    /// # Errors
    /// [`Error::Shards`] if a file is missing or the store does not respond, [`Error::Misplaced`] if labels belong to
    /// another utterance.
    pub async fn read(&self, row_groups: Range<usize>) -> Result<UnitRows, Error> {
        let mut rows = UnitRows::default();
        for row_group in row_groups {
            let Some(&(shard, group)) = self.places.get(row_group) else { continue };
            let features = match self.features.read(shard, group).await {
                Ok(features) => features,
                Err(problem) => {
                    rows.bad.push(self.set_aside(row_group, Kind::Features, problem)?);
                    continue;
                }
            };
            if let Some(labels) = &self.labels {
                match labels.read(shard, group).await {
                    Ok(labels) => {
                        self.check(row_group, &features, &labels)?;
                        rows.labels.extend(labels);
                    }
                    Err(problem) => {
                        rows.bad.push(self.set_aside(row_group, Kind::Labels, problem)?);
                        continue;
                    }
                }
            }
            rows.features.extend(features);
        }
        Ok(rows)
    }

    fn set_aside(
        &self,
        row_group: usize,
        kind: Kind,
        problem: stentor_shards::Error,
    ) -> Result<BadRowGroup, Error> {
        if problem.is_bad_data() {
            Ok(BadRowGroup { row_group, kind, reason: problem.to_string() })
        } else {
            Err(Error::Shards { location: self.location(), source: Box::new(problem) })
        }
    }

    fn check(&self, row_group: usize, features: &[FeatureRow], labels: &[LabelRow]) -> Result<(), Error> {
        let dimension = self.features.manifest().dimension.max(1);
        let same = |f: &FeatureRow, l: &LabelRow| {
            f.utterance == l.utterance && f.features.len() / dimension == l.residual.len()
        };
        let misplaced = |features: &str, labels: &str| Error::Misplaced {
            location: self.location(),
            row_group,
            features: features.to_owned(),
            labels: labels.to_owned(),
        };
        if features.len() != labels.len() {
            let count = |n: usize| format!("{n} utterances");
            return Err(misplaced(&count(features.len()), &count(labels.len())));
        }
        match features.iter().zip(labels).find(|(f, l)| !same(f, l)) {
            Some((f, l)) => Err(misplaced(&f.utterance, &l.utterance)),
            None => Ok(()),
        }
    }

    fn location(&self) -> String {
        self.features.location().to_owned()
    }
}
