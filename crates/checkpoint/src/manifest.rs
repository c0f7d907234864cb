use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use stentor_inventory::Inventory;
use stentor_scores::{FRAMES, Scores, Sums};
use stentor_signature::Digest;

/// Schema version of manifests.
pub const SCHEMA_VERSION: u32 = 1;

/// The content of a checkpoint and its position in its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// Name and version of the program that wrote it.
    pub created_by: String,
    /// The name of its folder.
    pub name: String,
    /// The run it belongs to.
    pub run_id: String,
    /// Rises when a run falls back to a checkpoint.
    pub lineage: u64,
    /// The first round that is not part of it.
    pub round: u64,
    /// Frames committed, as planned.
    pub committed_frames: u64,
    /// Frames of the whole run.
    pub total_frames: u64,
    /// `dense`, `gtc`, `bmuf` or `two-tier`.
    pub strategy: String,
    /// The model's architecture and sizes.
    pub model: ModelDescription,
    /// Fingerprint of the features it was trained on.
    pub features_fingerprint: String,
    /// `[features]`, as in the feature set's manifest; null if unknown.
    pub features: Value,
    /// The model's outputs in order, as in the feature set's manifest; null if unknown.
    pub senones: Option<Inventory>,
    /// Normalisation of features before they enter the model.
    pub normalisation: Option<Normalisation>,
    /// Score on the dev data, if there are any.
    pub dev: Option<DevResult>,
    /// All other objects in the folder.
    pub objects: Vec<Object>,
    /// The coordinator's state.
    pub coordinator: Value,
    /// The checkpoint published before it.
    pub previous: Option<String>,
    /// The model that the run started from; `None` if its weights were drawn from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// In a run that signs: which run it is, and its event log until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedPart>,
}

/// What a signed manifest says of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedPart {
    /// [`SignedRun::id`](crate::SignedRun::id).
    pub run: String,
    /// The newest segment of the event log when it was published.
    pub events: Option<LogHead>,
}

/// A segment of an event log and all those before it: each segment has the digest of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// The segment's name.
    pub segment: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// A model that a run started from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The run that trained the model.
    pub run_id: String,
    /// The model's checkpoint in that run.
    pub checkpoint: String,
    /// Digest of the object with its parameters.
    #[serde(with = "hexadecimal")]
    pub digest: u64,
    /// Whether its output layer was left out, and a new one drawn.
    pub new_output: bool,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { run_id, checkpoint, digest, new_output } = self;
        let output = if *new_output { ", with a new output layer" } else { "" };
        write!(f, "checkpoint {checkpoint} of run {run_id} (digest {digest:016x}){output}")
    }
}

/// What is needed to build a model, into which parameters are then loaded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDescription {
    /// `[model]` of the experiment, with presets resolved.
    pub model: Value,
    /// Number of values in a frame.
    pub inputs: usize,
    /// Number of outputs.
    pub senones: usize,
}

/// Mean and standard deviation of each value of a frame: the model's input is (x − mean) / std.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// `[inputs]`
    pub mean: Vec<f32>,
    /// `[inputs]`
    pub std: Vec<f32>,
}

impl Normalisation {
    /// Turns frames, `[frames, inputs]`, into the model's input: what readers of shards compute (`stentor-shards`), for those
    /// that read none.
    pub fn apply(&self, frames: &mut [f32]) {
        let scale: Vec<f32> = self.std.iter().map(|std| 1.0 / std).collect();
        for frame in frames.chunks_exact_mut(self.mean.len().max(1)) {
            for ((value, mean), scale) in frame.iter_mut().zip(&self.mean).zip(&scale) {
                *value = (*value - mean) * scale;
            }
        }
    }
}

/// Scores on the dev data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DevResult {
    /// Number of frames scored.
    pub frames: u64,
    /// The value of each criterion, as keys beside `frames`: `loss`, `frame_error`.
    #[serde(flatten)]
    pub scores: Scores,
}

impl DevResult {
    /// The result of sums over the whole dev data.
    #[must_use]
    pub fn of(sums: &Sums) -> Self {
        DevResult { frames: sums.count(FRAMES), scores: Scores::of(sums) }
    }
}

/// An object of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Name within the folder.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// [`digest`](crate::digest) of its bytes. In the file it is written as 16 hexadecimal digits, because not every
    /// JSON reader supports 64-bit integers.
    #[serde(with = "hexadecimal")]
    pub digest: u64,
    /// Its digest that nobody can forge. Absent in runs that do not sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Digest>,
}

impl Default for Manifest {
    /// A manifest written by this program, without content.
    fn default() -> Self {
        Manifest {
            schema_version: SCHEMA_VERSION,
            created_by: concat!("stentor ", env!("CARGO_PKG_VERSION")).into(),
            name: String::new(),
            run_id: String::new(),
            lineage: 0,
            round: 0,
            committed_frames: 0,
            total_frames: 0,
            strategy: String::new(),
            model: ModelDescription::default(),
            features_fingerprint: String::new(),
            features: Value::Null,
            senones: None,
            normalisation: None,
            dev: None,
            objects: Vec::new(),
            coordinator: Value::Null,
            previous: None,
            origin: None,
            signed: None,
        }
    }
}

impl Manifest {
    /// The manifest with this normalisation, or without one if `mean` is empty.
    #[must_use]
    pub fn with_normalisation(self, mean: Vec<f32>, std: Vec<f32>) -> Self {
        let normalisation = (!mean.is_empty()).then_some(Normalisation { mean, std });
        Manifest { normalisation, ..self }
    }

    /// The entry for an object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.name == name)
    }

    /// Sort key: newer checkpoints compare as greater. A later lineage is newer, whatever its round: it began with a
    /// fall-back, which made later commits of earlier lineages void.
    pub(crate) fn age(&self) -> (u64, u64, &str) {
        (self.lineage, self.round, &self.name)
    }
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(digest: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{digest:016x}"))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        let digest = u64::from_str_radix(&text, 16).ok().filter(|digest| format!("{digest:016x}") == text);
        digest.ok_or_else(|| D::Error::custom(format!("expected 16 hexadecimal digits, found `{text}`")))
    }
}
