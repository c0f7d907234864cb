use super::content;
use super::contents::PARAMETERS;
use super::description::TrainedModel;
use crate::error::Error;
use half::f16;
use stentor_checkpoint::{Normalisation, TensorFile};
use stentor_experiment::Architecture;
use stentor_forward::Network;
use stentor_inventory::SenoneId;

/// The acoustic model of a bundle, and what belongs to it.
#[derive(Debug)]
pub(super) struct Acoustics {
    pub(super) network: Network,
    pub(super) silent: Vec<SenoneId>,
    normalisation: Normalisation,
}

impl Acoustics {
    pub(super) fn new(trained: &TrainedModel, parameters: &[u8]) -> Result<Self, Error> {
        let TrainedModel { model, features, normalisation, senones, .. } = trained;
        features.validate().map_err(|error| mismatch("features", "usable settings", error))?;
        if features.high_hz <= 0.0 {
            return Err(mismatch("features", "the upper edge of the filter bank in Hz", features.high_hz));
        }
        let sizes = [
            ("values of a frame, by model and features", model.inputs, features.dimension()),
            ("values of a frame, by model and means", model.inputs, normalisation.mean.len()),
            ("values of a frame, by model and deviations", model.inputs, normalisation.std.len()),
            ("outputs, by model and senones", model.senones, senones.len()),
        ];
        if let Some((what, expected, found)) = sizes.into_iter().find(|(_, model, part)| model != part) {
            return Err(mismatch(what, &expected.to_string(), found));
        }
        let good = |std: &f32| std.is_finite() && *std > 0.0;
        if !normalisation.mean.iter().all(|mean| mean.is_finite()) || !normalisation.std.iter().all(good) {
            return Err(mismatch("means and deviations", "finite numbers, deviations above 0", "others"));
        }
        let architecture: Architecture = serde_json::from_value(model.model.clone())
            .map_err(|error| mismatch("the model's architecture", "a known one", error))?;
        let file = TensorFile::from_bytes(parameters).map_err(|error| content(PARAMETERS, &error))?;
        let named =
            file.tensors.iter().map(|(name, tensor)| (name.as_str(), &tensor.shape[..], &tensor.values[..]));
        let network = Network::new(&architecture, model.inputs, model.senones, named)?;
        let ids = (0..senones.len()).filter(|id| senones.senones()[*id].silence);
        Ok(Self {
            network,
            // An inventory has at most 65,536 senones.
            silent: ids.map(|id| SenoneId::new(id as u16)).collect(),
            normalisation: normalisation.clone(),
        })
    }

    /// Normalises `[frames, inputs]`. Values are first rounded to 16-bit floats, as in the shards that the model was trained on.
    pub(super) fn normalise(&self, frames: &mut [f32]) {
        frames.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
        self.normalisation.apply(frames);
    }
}

fn mismatch(what: &'static str, expected: &str, found: impl std::fmt::Display) -> Error {
    Error::Mismatch { what, expected: expected.to_owned(), found: found.to_string() }
}
