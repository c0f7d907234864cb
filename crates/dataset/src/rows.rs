use crate::Error;
use std::ops::Range;
use stentor_shards::{FeatureRow, FeatureSet, LabelRow, LabelSet};

/// The data of one source: features, and the teacher's labels where there are any.
#[derive(Debug, Clone)]
pub struct Part {
    features: FeatureSet,
    labels: Option<LabelSet>,
    /// Shard and row group within it, by row group counted over all shards.
    places: Vec<(usize, usize)>,
}

/// The utterances of a work unit, in the order of the shards.
#[derive(Debug, Clone, Default)]
pub struct UnitRows {
    /// Features and alignments.
    pub features: Vec<FeatureRow>,
    /// The teacher's labels, one row per utterance, or none at all.
    pub labels: Vec<LabelRow>,
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

    /// Reads the utterances of `row_groups`, counted over all shards.
    ///
    /// # Errors
    /// [`Error::Shards`] where bytes are missing or corrupt, [`Error::Misplaced`] where labels are another utterance's.
    pub async fn read(&self, row_groups: Range<usize>) -> Result<UnitRows, Error> {
        let mut rows = UnitRows::default();
        for row_group in row_groups {
            let Some(&(shard, group)) = self.places.get(row_group) else { continue };
            let at = |source| Error::Shards { location: self.location(), source: Box::new(source) };
            let features = self.features.read(shard, group).await.map_err(at)?;
            if let Some(labels) = &self.labels {
                let labels = labels.read(shard, group).await.map_err(at)?;
                self.check(row_group, &features, &labels)?;
                rows.labels.extend(labels);
            }
            rows.features.extend(features);
        }
        Ok(rows)
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
