use crate::Error;
use stentor_acoustic::{AcousticModel, Device, ModelShape, top_k};
use stentor_checkpoint::DeployedModel;
use stentor_experiment::Model;
use stentor_shards::{FeatureManifest, FeatureRow, LabelRow, f16};
use stentor_store::Store;

/// A trained model that labels utterances.
pub(crate) struct Teacher {
    model: Box<dyn AcousticModel>,
    /// Identifies its parameters.
    pub(crate) fingerprint: String,
    /// 1 / standard deviation and mean, by feature.
    scale: Vec<f32>,
    mean: Vec<f32>,
}

impl Teacher {
    /// Loads the model of a run or checkpoint and checks that it was trained on features like these.
    pub(crate) async fn load(
        location: &str,
        features: &FeatureManifest,
        features_location: &str,
        device: Device,
    ) -> Result<Self, Error> {
        let at = |source| Error::Model { model: location.to_owned(), source: Box::new(source) };
        let store = Store::open(location)?;
        let DeployedModel { manifest, parameters } = DeployedModel::load(&store).await.map_err(at)?;
        let found = features.inputs_fingerprint();
        if manifest.features_fingerprint != found {
            let (features, model) = (features_location.to_owned(), location.to_owned());
            return Err(Error::OtherFeatures {
                features,
                model,
                expected: manifest.features_fingerprint,
                found,
            });
        }
        let settings: Model = serde_json::from_value(manifest.model.model.clone())
            .map_err(|e| Error::Description { model: location.to_owned(), reason: e.to_string() })?;
        let shape = ModelShape::new(&settings, manifest.model.inputs, manifest.model.senones)?;
        let model = stentor_acoustic::build(&shape, 0, device)?;
        let named =
            parameters.tensors.iter().map(|(n, t)| (n.as_str(), t.shape.as_slice(), t.values.as_slice()));
        model.parameters().load_named(named)?;
        let fingerprint = format!("{:016x}", stentor_checkpoint::digest(&parameters.to_bytes().map_err(at)?));
        let (mean, std) = features.normalisation.as_ref().map_or_else(
            || (vec![0.0; shape.inputs], vec![1.0; shape.inputs]),
            |n| (n.mean.clone(), n.std.clone()),
        );
        Ok(Self { model, fingerprint, scale: std.iter().map(|s| 1.0 / s).collect(), mean })
    }

    /// The model's outputs.
    pub(crate) fn senones(&self) -> usize {
        self.model.shape().senones
    }

    /// The `k` most probable senones of every frame of `rows`.
    pub(crate) fn label(&self, rows: &[FeatureRow], k: usize) -> Result<Vec<LabelRow>, Error> {
        let normalised: Vec<Vec<f32>> = rows.iter().map(|row| self.normalise(&row.features)).collect();
        let utterances: Vec<&[f32]> = normalised.iter().map(Vec::as_slice).collect();
        let labels = top_k(self.model.as_ref(), &utterances, k)?;
        let pairs = rows.iter().zip(labels);
        Ok(pairs
            .map(|(row, l)| LabelRow::quantise(row.utterance.clone(), l.ids, &l.log_probs, &l.residual))
            .collect())
    }

    fn normalise(&self, features: &[f16]) -> Vec<f32> {
        let mut normalised = Vec::with_capacity(features.len());
        for frame in features.chunks_exact(self.mean.len().max(1)) {
            let scaled =
                frame.iter().zip(&self.mean).zip(&self.scale).map(|((x, m), s)| (x.to_f32() - m) * s);
            normalised.extend(scaled);
        }
        normalised
    }
}
