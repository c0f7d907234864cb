use crate::error::{Error, require};
use crate::location;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[data]`: folders or URLs of shard sets, each with its `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Feature shards with alignments.
    pub annotated: String,
    /// Feature shards without annotation; needs `labels`. If absent, only annotated data are trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unannotated: Option<String>,
    /// The teacher's label shards for `unannotated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// The teacher's label shards for `annotated`, for the mixed objective (`objective.hard_weight` < 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotated_labels: Option<String>,
    /// Annotated shards for early stopping and for the choice of the final checkpoint; never trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<String>,
    /// Share of a source's frames that may be quarantined because their row groups do not match their checksums or cannot
    /// be decoded, before the run stops with the list. Default 0.01; 0 (stop at the first) to 1 (never stop).
    #[serde(default = "max_bad_fraction")]
    pub max_bad_fraction: f64,
}

fn max_bad_fraction() -> f64 {
    0.01
}

/// The kind of labels of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Hard labels: an alignment of a transcript.
    Annotated,
    /// Soft labels: a teacher's top-k posteriors.
    MachineLabeled,
}

impl Source {
    /// Both sources, in the order of their wire numbers.
    pub const ALL: [Source; 2] = [Source::Annotated, Source::MachineLabeled];

    /// Returns the index in arrays by source, which is also the number on the wire.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Returns the name used in logs, metrics and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Source::Annotated => "annotated",
            Source::MachineLabeled => "machine-labeled",
        }
    }
}

impl Data {
    /// Returns whether all locations are folders of this machine, so that no network is needed for them.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let Self { annotated, unannotated, labels, annotated_labels, dev, .. } = self;
        let optional = [unannotated, labels, annotated_labels, dev].into_iter().flatten();
        optional.chain([annotated]).all(|location| location::is_local(location))
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        require(
            (0.0..=1.0).contains(&self.max_bad_fraction),
            "data.max_bad_fraction",
            "0 to 1",
            self.max_bad_fraction,
        )?;
        match (&self.unannotated, &self.labels) {
            (Some(_), None) => {
                require(false, "data.labels", "the label shards of `data.unannotated`", "nothing")
            }
            (None, Some(_)) => require(
                false,
                "data.unannotated",
                "the feature shards that `data.labels` belong to",
                "nothing",
            ),
            _ => Ok(()),
        }
    }
}
