use crate::text::Text;
use anyhow::Result;
use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;
use stentor_checkpoint::{DeployedModel, DevResult, ModelDescription, Origin};
use stentor_experiment::{Architecture, Lstm};
use stentor_runlog::saved_state;
use stentor_store::Store;

#[derive(Debug, Serialize)]
pub(super) struct Checkpoint {
    location: String,
    name: String,
    created_by: String,
    run_id: String,
    lineage: u64,
    round: u64,
    committed_frames: u64,
    total_frames: u64,
    strategy: String,
    model: ModelDescription,
    fingerprint: String,
    features_fingerprint: String,
    normalised: bool,
    dev: Option<DevResult>,
    previous: Option<String>,
    origin: Option<Origin>,
    parameters: u64,
    tensors: Vec<Tensor>,
    objects: Vec<Object>,
}

#[derive(Debug, Serialize)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct Object {
    name: String,
    bytes: u64,
    /// `whole`, or the error.
    state: String,
}

/// Verifies the model's bytes, and that the other objects exist with the correct size.
pub(super) async fn checkpoint(store: &Store) -> Result<Checkpoint> {
    let model = DeployedModel::load(store).await?;
    let fingerprint = model.fingerprint();
    let DeployedModel { manifest, parameters } = model;
    let mut objects = Vec::with_capacity(manifest.objects.len());
    for object in &manifest.objects {
        let state = match store.size(&object.name).await {
            Ok(found) if found == object.bytes => "whole".to_owned(),
            Ok(found) => format!("damaged: {} bytes", HumanCount(found)),
            Err(error) if error.is_not_found() => "missing".to_owned(),
            Err(error) => return Err(error.into()),
        };
        objects.push(Object { name: object.name.clone(), bytes: object.bytes, state });
    }
    // The manifest contains the experiment's strategy; a switch may have changed it earlier.
    let in_force = saved_state(&manifest).map(|saved| saved.strategy.name().to_owned());
    let strategy = in_force.unwrap_or(manifest.strategy);
    let tensors = parameters.tensors.iter();
    Ok(Checkpoint {
        location: store.location().to_owned(),
        name: manifest.name,
        created_by: manifest.created_by,
        run_id: manifest.run_id,
        lineage: manifest.lineage,
        round: manifest.round,
        committed_frames: manifest.committed_frames,
        total_frames: manifest.total_frames,
        strategy,
        model: manifest.model,
        fingerprint,
        features_fingerprint: manifest.features_fingerprint,
        normalised: manifest.normalisation.is_some(),
        dev: manifest.dev,
        previous: manifest.previous,
        origin: manifest.origin,
        parameters: parameters.tensors.values().map(|tensor| tensor.values.len() as u64).sum(),
        tensors: tensors
            .map(|(name, tensor)| Tensor { name: name.clone(), shape: tensor.shape.clone() })
            .collect(),
        objects,
    })
}

impl Checkpoint {
    pub(super) fn render(&self, text: &mut Text) {
        text.heading(format_args!("checkpoint {}", self.location));
        text.item("name", &self.name);
        text.item("made by", &self.created_by);
        text.item("run", format_args!("{}, lineage {}, {}", self.run_id, self.lineage, self.strategy));
        text.item("next round", HumanCount(self.round));
        let share = 100.0 * self.committed_frames as f64 / self.total_frames.max(1) as f64;
        let (committed, total) = (HumanCount(self.committed_frames), HumanCount(self.total_frames));
        text.item("frames", format_args!("{committed} of {total} committed, {share:.1} %"));
        text.item("model", described(&self.model));
        text.item("parameters", HumanCount(self.parameters));
        text.item("inputs", if self.normalised { "normalised" } else { "as they are" });
        match self.dev {
            Some(DevResult { frames, scores }) => {
                // The loss comes last because it is the least informative to a reader.
                let shown: Vec<String> =
                    scores.iter().rev().map(|(criterion, value)| criterion.show(value)).collect();
                text.item("dev", format_args!("{}, {} frames", shown.join(", "), HumanCount(frames)));
            }
            None => text.item("dev", "not scored"),
        }
        text.item("previous", self.previous.as_deref().unwrap_or("none"));
        match &self.origin {
            Some(origin) => text.item("started from", origin),
            None => text.item("started from", "weights of its seed"),
        }
        text.item("fingerprint", &self.fingerprint);
        text.item("of features", &self.features_fingerprint);
        text.heading("objects");
        for Object { name, bytes, state } in &self.objects {
            text.row([name.clone(), DecimalBytes(*bytes).to_string(), state.clone()]);
        }
        text.heading("tensors");
        for Tensor { name, shape } in &self.tensors {
            let sides = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
            text.row([name.clone(), if sides.is_empty() { "1".to_owned() } else { sides }]);
        }
    }
}

pub(super) fn described(model: &ModelDescription) -> String {
    let ModelDescription { model, inputs, senones } = model;
    let ends = format!("{inputs} inputs, {senones} senones");
    // A model written by a later program is shown as stored.
    let Ok(known) = serde_json::from_value::<Architecture>(model.clone()) else {
        return format!("{model}, {ends}");
    };
    let Architecture::Lstm(Lstm { layers, width, bidirectional, .. }) = known.resolved();
    let kind = if bidirectional { "bidirectional LSTM" } else { "LSTM" };
    format!("{kind}, {layers} × {width}, {ends}")
}
