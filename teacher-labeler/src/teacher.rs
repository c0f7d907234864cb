use crate::Error;
use stentor_acoustic::{AcousticModel, Device, ModelShape, top_k};
use stentor_checkpoint::{DeployedModel, Manifest, Trust};
use stentor_experiment::Architecture;
use stentor_shards::{FeatureManifest, FeatureRow, LabelRow, Normalisation};
use stentor_store::Store;

/// A trained model that labels utterances.
pub(crate) struct Teacher {
    model: Box<dyn AcousticModel>,
    /// Identifies the parameters.
    pub(crate) fingerprint: String,
    /// The teacher's own; the one in the manifest of the labeled set is ignored.
    normalisation: Normalisation,
}

impl Teacher {
    /// Loads the model of a run or checkpoint, with a signature that `trust` accepts if it is given, and checks that it was trained on features like these.
    pub(crate) async fn load(
        location: &str,
        trust: Option<&Trust>,
        features: &FeatureManifest,
        features_location: &str,
        device: Device,
    ) -> Result<Self, Error> {
        let at = |source| Error::Model { model: location.to_owned(), source: Box::new(source) };
        let store = Store::open(location)?;
        let DeployedModel { manifest, parameters } =
            DeployedModel::load_trusted(&store, trust).await.map_err(at)?;
        // The run of the teacher: a labeling job has none of its own. Its id ends with the coordinator's incarnation.
        let run = manifest.run_id.rsplit_once('-').map_or(manifest.run_id.as_str(), |(name, _)| name);
        stentor_runtime::metrics::of_run(run);
        let found = features.inputs_fingerprint();
        if manifest.features_fingerprint != found {
            let (features_at, model) = (features_location.to_owned(), location.to_owned());
            let (expected, found) = unlike(&manifest, features);
            return Err(Error::OtherFeatures { features: features_at, model, expected, found });
        }
        let architecture: Architecture = serde_json::from_value(manifest.model.model.clone())
            .map_err(|e| Error::Description { model: location.to_owned(), reason: e.to_string() })?;
        let shape = ModelShape::new(&architecture, manifest.model.inputs, manifest.model.senones)?;
        // Computed before the model is loaded, because the bytes take as much memory as the model.
        let fingerprint = format!("{:016x}", stentor_checkpoint::digest(&parameters.to_bytes().map_err(at)?));
        let named =
            parameters.tensors.iter().map(|(n, t)| (n.as_str(), t.shape.as_slice(), t.values.as_slice()));
        let model = stentor_acoustic::load(&shape, named, device)?;
        let normalisation = own_normalisation(manifest.normalisation, shape.inputs)
            .map_err(|found| Error::NotNormalised { model: location.to_owned(), found })?;
        Ok(Self { model, fingerprint, normalisation })
    }

    /// The same teacher for another thread, with the same parameters in memory.
    pub(crate) fn share(&self) -> Result<Self, Error> {
        let (model, fingerprint) = (self.model.share()?, self.fingerprint.clone());
        Ok(Self { model, fingerprint, normalisation: self.normalisation.clone() })
    }

    /// The number of the model's outputs.
    pub(crate) fn senones(&self) -> usize {
        self.model.shape().senones
    }

    /// The `k` most probable senones of every frame of `rows`.
    pub(crate) fn label(&self, rows: &[FeatureRow], k: usize) -> Result<Vec<LabelRow>, Error> {
        let normalised: Vec<Vec<f32>> =
            rows.iter().map(|row| self.normalisation.apply(&row.features)).collect();
        let utterances: Vec<&[f32]> = normalised.iter().map(Vec::as_slice).collect();
        let labels = top_k(self.model.as_ref(), &utterances, k)?;
        let pairs = rows.iter().zip(labels);
        Ok(pairs
            .map(|(row, l)| LabelRow::quantise(row.utterance.clone(), l.ids, &l.log_probs, &l.residual))
            .collect())
    }
}

/// How the inputs of a model differ from a feature set: what the model expects, and what was found. Senones first: only if
/// they do not explain it all, the settings differ.
fn unlike(model: &Manifest, features: &FeatureManifest) -> (String, String) {
    if let Some(expected) = &model.senones
        && features.inputs_fingerprint_with(expected) == model.features_fingerprint
    {
        let (expected, found) = (expected.to_string(), features.senones.to_string());
        let others = if expected == found { " with other names" } else { "" };
        return (expected, found + others);
    }
    let own = serde_json::to_value(&features.settings).unwrap_or_default();
    let keys: Vec<&String> = own.as_object().into_iter().flatten().map(|(key, _)| key).collect();
    let differ = keys.into_iter().filter(|key| model.features.get(key.as_str()) != own.get(key.as_str()));
    let (expected, found): (Vec<String>, Vec<String>) = differ
        .map(|key| {
            let value = |of: &serde_json::Value| {
                of.get(key.as_str()).map_or("unknown".to_owned(), ToString::to_string)
            };
            (format!("{key} = {}", value(&model.features)), format!("{key} = {}", value(&own)))
        })
        .unzip();
    match expected.is_empty() {
        // 0 as the highest frequency means that of each corpus.
        true => (
            format!("features {}", model.features_fingerprint),
            format!("{}, of another mel range", features.inputs_fingerprint()),
        ),
        false => (expected.join(", "), found.join(", ")),
    }
}

/// The checkpoint's normalisation for frames of `inputs` values, or what was found instead.
fn own_normalisation(
    stored: Option<stentor_checkpoint::Normalisation>,
    inputs: usize,
) -> Result<Normalisation, String> {
    let stored = stored.ok_or("none")?;
    let normalisation = Normalisation { mean: stored.mean, std: stored.std };
    match normalisation.flaw(inputs) {
        Some(flaw) => Err(flaw),
        None => Ok(normalisation),
    }
}

#[cfg(test)]
impl Teacher {
    /// A teacher of this shape with random parameters.
    pub(crate) fn untrained(shape: &ModelShape) -> Self {
        let learning = stentor_acoustic::build(shape, 1, Device::Cpu).unwrap();
        let tensors = learning.parameters().tensors();
        let named = tensors.iter().map(stentor_acoustic::NamedValues::as_slices);
        let model = stentor_acoustic::load(shape, named, Device::Cpu).unwrap();
        let normalisation = Normalisation { mean: vec![0.0; shape.inputs], std: vec![1.0; shape.inputs] };
        Self { model, fingerprint: "untrained".into(), normalisation }
    }

    pub(crate) fn parameters(&self) -> &stentor_acoustic::ParameterVector {
        self.model.parameters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_checkpoint::Normalisation as Stored;

    #[test]
    fn a_checkpoint_without_usable_means_is_no_teacher() {
        let stored = |mean: &[f32], std: &[f32]| Some(Stored { mean: mean.to_vec(), std: std.to_vec() });
        assert_eq!(own_normalisation(None, 2), Err("none".to_owned()));
        assert!(own_normalisation(stored(&[0.0], &[1.0]), 2).unwrap_err().contains("expected 2"));
        assert!(own_normalisation(stored(&[0.0; 2], &[0.0; 2]), 2).unwrap_err().contains("above 0"));
        let usable = own_normalisation(stored(&[1.0, 2.0], &[3.0, 4.0]), 2).unwrap();
        assert_eq!(usable, Normalisation { mean: vec![1.0, 2.0], std: vec![3.0, 4.0] });
    }
}
